"""A pix2pix generator's functions of images in [0, 1], and these as a SavedModel."""

import types

import tensorflow as tf

from tf_gen.data.images import image_sides, tanh_from_unit, unit_from_tanh
from tf_gen.layers import example_seeds

from ._checks import in_unit_range, of_multiples
from ._decoding import PNG_CHANNELS, read_image, read_labels
from ._saving import save


def export_pix2pix(generator, folder, image_size, input_channels=3):
    """Write a generator as a SavedModel that loads with plain ``tf.saved_model.load``.

    The loaded object has the functions of ``translations`` but ``translate_image_statistics``, and
    ``translate_bytes`` only where both sides have 1 to 4 channels, as a PNG file has. They are
    signatures too (there outputs have names), ``translate`` also as ``serving_default``; ``sizes``,
    ``input_shape`` and ``classes`` are attributes alone.

    Args: folder: to write; else as ``translations``.
    """
    found = translations(generator, image_size, input_channels)
    functions = {
        "translate": (found.translate, ["outputs"]),
        "translate_fixed": (found.translate_fixed, ["outputs"]),
        "translate_noisy": (found.translate_noisy, ["outputs"]),
    }
    made = found.translate_fixed.get_concrete_function().structured_outputs.shape[-1]
    if {input_channels, made} <= {*PNG_CHANNELS}:
        functions["translate_bytes"] = (found.translate_bytes, ["image_bytes"])
    extra = {"sizes": found.sizes, "input_shape": found.input_shape, "classes": found.classes}
    save(folder, generator.variables, functions, default="translate", extra=extra)


def translations(generator, image_size, input_channels=3) -> types.SimpleNamespace:
    """A generator's ``tf.function``s:

    - ``translate(images)``: deterministic, dropout off, fixed statistics. float32 [B, H, W, C]
      in [0, 1] -> the same; H, W multiples of ``generator.factor`` (and not less than
      ``generator.smallest``, if it has that). Other sizes, and values that are plainly of another
      range, such as 0 ... 255, are refused.
    - ``translate_fixed(images)``: as ``translate``, of the model's own height and width alone, and
      nothing is checked: no condition in its graph stands in the way of a converter.
    - ``translate_image_statistics(images)``: as ``translate``, with each image's own statistics.
    - ``translate_noisy(images, seed)``: the report's mode: dropout on (an example's noise is a
      pure function of seed, int32 [2], and its place), the batch's statistics.
    - ``translate_bytes(image_bytes)``: string [B], encoded images of any size and channels,
      each set upright, resized to ``image_size`` and, where the model takes no alpha (2 or 4
      channels), composited on white -> string [B], PNG. Of label images: grey, and resized by the
      nearest pixel.
    - ``sizes()``: int32 [2], the model's image size (its height) and the multiple.
    - ``classes()``: int32 [], how many the label images have that it takes (a grey level is a
      class); 0: it takes other images.
    - ``input_shape()``: int32 [3], the model's height, width and channels of the input.

    Args: image_size: an int, or (height, width); input_channels: those of the model's input.
    """
    shape = (*image_sides(image_size), input_channels)
    labels = getattr(generator, "classes", None) or 0
    images = tf.TensorSpec([None, None, None, input_channels], tf.float32)
    of_its_size = tf.TensorSpec([None, *shape], tf.float32)

    def call(images, **mode):
        """The model's own size is known in the graph: its layers choose by size how to compute."""
        smallest = getattr(generator, "smallest", generator.factor)
        images = in_unit_range(of_multiples(images, generator.factor, smallest))
        return tf.cond(
            tf.reduce_all(tf.shape(images)[1:3] == shape[:2]),
            lambda: _outputs(generator, tf.ensure_shape(images, of_its_size.shape), **mode),
            lambda: _outputs(generator, images, **mode),
        )

    @tf.function(input_signature=[images])
    def translate(images):
        return call(images, dropout=False, statistics="fixed")

    @tf.function(input_signature=[of_its_size])
    def translate_fixed(images):
        return _outputs(generator, images, dropout=False, statistics="fixed")

    @tf.function(input_signature=[images])
    def translate_image_statistics(images):
        return call(images, dropout=False, statistics="image")

    @tf.function(input_signature=[images, tf.TensorSpec([2], tf.int32)])
    def translate_noisy(images, seed):
        seeds = example_seeds(seed, tf.shape(images)[0])
        return call(images, dropout=True, statistics="batch", seed=seeds)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def translate_bytes(image_bytes):
        read = tf.map_fn(
            lambda data: (
                read_labels(data, shape[:2])
                if labels
                else read_image(data, shape[:2], input_channels)
            ),
            image_bytes,
            fn_output_signature=tf.float32,
        )
        read = tf.ensure_shape(read, of_its_size.shape)
        levels = tf.cast(tf.round(translate(read) * 255.0), tf.uint8)
        return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.string)

    @tf.function(input_signature=[])
    def sizes():
        return tf.constant([shape[0], generator.factor])

    @tf.function(input_signature=[])
    def input_shape():
        return tf.constant(shape)

    @tf.function(input_signature=[])
    def classes():
        return tf.constant(labels)

    return types.SimpleNamespace(
        translate=translate,
        translate_fixed=translate_fixed,
        translate_image_statistics=translate_image_statistics,
        translate_noisy=translate_noisy,
        translate_bytes=translate_bytes,
        sizes=sizes,
        input_shape=input_shape,
        classes=classes,
    )


def _outputs(generator, images, **mode):
    outputs = generator(tanh_from_unit(images), training=False, **mode)
    return tf.clip_by_value(unit_from_tanh(outputs), 0.0, 1.0)
