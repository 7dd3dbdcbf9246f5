"""Encoded images as a model takes them, read within a graph: a server has TensorFlow alone."""

import functools

import tensorflow as tf

from tf_gen.data.images import LUMA, image_sides, to_unit_range

PNG_CHANNELS = (1, 2, 3, 4)  # grey, grey and alpha, RGB, RGBA
EXIF = {0: 0xFF, 1: 0xE1, 4: ord("E"), 5: ord("x"), 6: ord("i"), 7: ord("f"), 8: 0, 9: 0}
TIFF = 10  # where in its segment the EXIF data proper begin; 2, 3: the segment's length
ORIENTATION, SHORT = 0x0112, 3  # a tag, and the type of its value


def read_image(data, size, channels):
    """Encoded bytes, a string -> float32 [height, width, channels] in [0, 1].

    Args: size: an int, or (height, width).

    A JPEG's EXIF orientation is honoured. With 2 or 4 channels the last is alpha, else
    transparency is composited on white.
    """
    size = image_sides(size)
    image = to_unit_range(tf.io.decode_image(data, expand_animations=False))
    image = _upright(_with_channels(image, channels), orientation(data))
    return tf.ensure_shape(_resized(image, size), [*size, channels])


def read_labels(data, size):
    """A label image, encoded, a string -> float32 [height, width, 1]: its classes over 255, as a
    grey image's levels are; resized by the nearest pixel.

    Raises, in the graph: tf.errors.InvalidArgumentError for an image of more channels, of which a
    PNG with a palette is one here: TensorFlow gives its colours, not the places in it.
    """
    image = tf.io.decode_image(data, expand_animations=False)
    told = "label images must be grey here, their levels the classes; save a palette's as such"
    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(image)[-1], 1, told)]):
        image = tf.image.resize(image[None], image_sides(size), method="nearest")[0]
    return tf.ensure_shape(to_unit_range(image), [*image_sides(size), 1])


def _with_channels(image, channels):
    has_alpha = tf.equal(tf.shape(image)[-1] % 2, 0)
    alpha = tf.cond(has_alpha, lambda: image[..., -1:], lambda: tf.ones_like(image[..., :1]))
    colour = tf.cond(has_alpha, lambda: image[..., :-1], lambda: image)
    keeps_alpha = channels % 2 == 0
    if not keeps_alpha:
        colour = colour * alpha + (1.0 - alpha)
    wanted = channels - keeps_alpha
    colour = tf.cond(
        tf.equal(tf.shape(colour)[-1], wanted),
        lambda: colour,
        lambda: _grey(colour) if wanted == 1 else tf.tile(colour, [1, 1, wanted]),
    )
    return tf.concat([colour, alpha], axis=-1) if keeps_alpha else colour


def _grey(colour):
    return tf.tensordot(colour, tf.constant(LUMA, tf.float32) / 2**16, 1)[..., None]


def _resized(image, size):
    shrinks = tf.reduce_all(tf.shape(image)[:2] >= size)
    resized = tf.cond(
        shrinks,
        lambda: tf.image.resize(image[None], size, method="area"),
        lambda: tf.image.resize(image[None], size, antialias=True),
    )
    return resized[0]


def _upright(image, orientation):
    """An image turned and mirrored as EXIF says that it is to be shown."""

    def if_one_of(orientations, change, image):
        asked = tf.reduce_any(tf.equal(orientation, orientations))
        return tf.cond(asked, lambda: change(image), lambda: image)

    image = if_one_of([5, 6, 7, 8], lambda image: tf.transpose(image, [1, 0, 2]), image)
    image = if_one_of([2, 3, 6, 7], lambda image: tf.reverse(image, [1]), image)
    return if_one_of([3, 4, 7, 8], lambda image: tf.reverse(image, [0]), image)


def orientation(data):
    """The EXIF orientation of an encoded image, int64 in 1 ... 8: 1, as it is, where it has none,
    or where its EXIF data are damaged.

    What lies behind the data's end is read as 0, so no offset leads astray.
    """
    data = tf.pad(tf.io.decode_raw(data, tf.uint8), [[0, TIFF]])
    there = functools.reduce(
        tf.logical_and, (data[at : at - TIFF] == byte for at, byte in EXIF.items())
    )
    start = tf.argmax(there)  # 0 if it is nowhere
    length = _number(data, start + 2, 2, False)
    tiff = tf.pad(data[start + TIFF : start + 2 + length], [[0, 4]])
    little = tf.equal(tiff[0], ord("I"))
    is_tiff = _equals(tiff[:4], b"II*\0") | _equals(tiff[:4], b"MM\0*")
    directory = _number(tiff, 4, 4, little)
    entries = directory + 2 + 12 * tf.range(_number(tiff, directory, 2, little))
    is_value = tf.equal(_number(tiff, entries, 2, little), ORIENTATION)
    is_value &= tf.equal(_number(tiff, entries + 2, 2, little), SHORT)
    values = tf.where(is_value, _number(tiff, entries + 8, 2, little), 0)
    value = tf.reduce_sum(values)  # of one entry
    return tf.where(there[start] & is_tiff & (value >= 1) & (value <= 8), value, 1)


def _equals(found, wanted: bytes):
    return tf.reduce_all(tf.equal(found, [*wanted]))


def _number(data, at, size, little):
    """The unsigned number of ``size`` bytes at each place: int64 of ``at``'s shape."""
    places = tf.cast(at, tf.int64)[..., None] + tf.range(size, dtype=tf.int64)
    found = tf.gather(data, tf.minimum(places, tf.size(data, tf.int64) - 1))
    powers = tf.constant([256**i for i in range(size)], tf.int64)
    return tf.reduce_sum(tf.cast(found, tf.int64) * tf.where(little, powers, powers[::-1]), axis=-1)
