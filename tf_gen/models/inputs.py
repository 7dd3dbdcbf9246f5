"""What goes into a model, checked before it does harm: values, labels, shapes."""

import keras
import numpy as np
import tensorflow as tf

from tf_gen.errors import UserError

ADVICE = {
    (0.0, 1.0): "divide 8-bit images by 255",
    (-1.0, 1.0): "divide 8-bit images by 127.5, subtract 1",
}


def check_values(images, low, high):
    """Raise UserError if images are no floats in [low, high], the most common mistake."""
    if not np.size(images):
        raise UserError("the first batch has no images")
    least, most = float(np.min(images)), float(np.max(images))
    kind = tf.as_dtype(images.dtype)
    if np.isnan(least):
        raise UserError("the first batch has values that are no numbers (nan)")
    if least < low - 0.001 or most > high + 0.001 or not kind.is_floating:
        raise UserError(
            f"the first batch's values ({kind.name}) lie in [{least:.3g}, {most:.3g}], but "
            f"the model takes floats in [{low:g}, {high:g}]: {ADVICE[low, high]}"
        )


def check_floats(images, low=0.0):
    """Raise UserError for images of integers, which no layer takes."""
    if tf.as_dtype(images.dtype).is_integer:
        raise UserError(
            f"images must be floats in [{low:g}, 1], got {tf.as_dtype(images.dtype).name}: "
            f"{ADVICE[low, 1.0]}"
        )


def check_size(generator, shape):
    """Raise UserError for images [B, H, W, C] whose sides are no multiples of ``factor`` from
    ``smallest`` on."""
    for side in shape[1:3]:
        if side is not None and (side % generator.factor or side < generator.smallest):
            raise UserError(
                f"the generator divides height and width by {generator.factor}, so both must be "
                f"multiples of {generator.factor} from {generator.smallest} on: got {shape[1]} x "
                f"{shape[2]}; resize or pad the images"
            )


def check_labels(labels, num_classes):
    """Raise UserError if labels are no integers in 0 ... num_classes - 1."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise UserError(f"labels must be integers, got {labels.dtype.name}")
    if labels.ndim != 1:
        raise UserError(f"labels must have the shape [B], got {_shown(labels.shape[1:])}")
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise UserError(
            f"labels lie in {labels.min()} ... {labels.max()}, but the model has {num_classes} "
            f"classes: 0 ... {num_classes - 1}"
        )


def check_shape(what, tensor, *expected):
    """Raise UserError if a shape, but for the batch, is known to be another (None: any)."""
    found = tuple(tensor.shape[1:])
    known = zip(found, expected, strict=False)
    if len(found) != len(expected) or any(
        None not in pair and len(set(pair)) > 1 for pair in known
    ):
        raise UserError(f"{what} must have the shape {_shown(expected)}, got {_shown(found)}")


def _shown(shape):
    return "[" + ", ".join(["B", *("any" if side is None else str(side) for side in shape)]) + "]"


def first_batch(x, y=None):
    """The first batch of what ``fit`` is given, ``(x,)`` or ``(x, y)``; None where looking would
    cost it.

    Raises: UserError for dicts and ragged batches, which no model takes.
    """
    if isinstance(x, tf.data.Dataset):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(next(iter(x), (None,)))
    elif isinstance(x, keras.utils.PyDataset):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(x[0])
    if isinstance(x, dict):
        raise UserError(
            f"the batches are dicts ({', '.join(x)}): give what the model takes, as in "
            f'dataset.map(lambda e: e["{next(iter(x), "image")}"])'
        )
    batch = (x,) if y is None else (x, y)
    parts = [p for part in batch for p in (part if isinstance(part, tuple | list) else [part])]
    if any(isinstance(part, tf.RaggedTensor) for part in parts):
        raise UserError(
            "the batches are ragged, of images of several sizes: resize them before they are "
            "batched, as in dataset.map(lambda image: tf.image.resize(image, (64, 64)))"
        )
    return batch if all(hasattr(part, "shape") for part in parts) else None


def images_and_targets_of(batch):
    """(images, targets, weights or None) of an autoencoder's batch; images alone are their own
    targets. Raises: UserError for targets of another shape."""
    x, y, weights = _parts_of(batch)
    return x, x if y is None else _target(x, y), weights


def images_labels_and_targets_of(batch):
    """(images, labels, targets, weights or None) of a batch: ``(images, labels)``, or these as the
    first of a tuple, after which targets may come. Raises: UserError for one of anything else."""
    x, y, weights = _parts_of(batch)
    if isinstance(x, tuple | list) and len(x) == 2:
        images, labels = x
        return images, labels, images if y is None else _target(images, y), weights
    if y is None:
        raise UserError("the model takes images and their labels: give it (images, labels)")
    return x, y, x, weights


def codes_and_labels_of(batch, with_labels):
    """(codes, labels or None, weights or None) of a prior's batch: codes, or ``(codes, labels)``,
    which may be the first of a tuple. Raises: UserError for one of anything else."""
    x, y, weights = _parts_of(batch)
    if isinstance(x, tuple | list) and len(x) == 2 and y is None:
        x, y = x
    if with_labels and y is None:
        raise UserError("the model takes codes and their labels: give it (codes, labels)")
    if not with_labels and y is not None:
        raise UserError(
            "the model takes codes alone: leave the labels out, or make it with num_classes"
        )
    return x, y, weights


def inputs_and_targets_of(batch):
    """(inputs, targets) of a batch of pairs. Raises: UserError for one of anything else."""
    x, y, weights = _parts_of(batch)
    if y is None:
        raise UserError("the model takes pairs of images: give it (inputs, targets)")
    if weights is not None:
        raise UserError("the model weighs all pairs alike: leave the weights out")
    return x, y


def _parts_of(batch):
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if weights is not None and len(weights.shape) != 1:
        found = _shown(weights.shape[1:])
        raise UserError(f"weights must have the shape [B], one for each example, got {found}")
    return x, y, weights


def _target(images, targets):
    if len(targets.shape) != len(images.shape):
        raise UserError(
            "the model takes images, or images and what to make of them, of one shape; it got "
            f"{_shown(images.shape[1:])} and {_shown(targets.shape[1:])} (labels are dropped by "
            "dataset.map(lambda image, label: image))"
        )
    return targets
