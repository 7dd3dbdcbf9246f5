"""Batches as a pure function of (seed, step), so that a continued run sees what it would have."""

import numpy as np
import tensorflow as tf

from .cache import forget
from .images import paired_jitter, to_tanh_range, to_unit_range

AHEAD = 2  # batches that are made ready before they are asked for


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Batches that show each of count examples once; the last may be smaller."""
    return -(-count // batch_size)


def training_batches(inputs, targets, size, batch_size, seed, first_step, last_step):
    """Shuffled, jittered batches of pairs, of the steps first_step ... last_step - 1.

    Every epoch shows each pair once, in an order of its own.

    Args: inputs, targets: uint8 [N, H, W, C], H and W at least size; in memory, or mapped from a
        file: rows are read when their step comes.
    Returns: a tf.data.Dataset of pairs, each float32 [B, size, size, C] in [-1, 1].
    """

    def prepare(inputs, targets, step):
        crops = paired_jitter(inputs, targets, size, tf.stack([seed + 1, step]))
        return tuple(to_tanh_range(crop) for crop in crops)

    return _shuffled((inputs, targets), prepare, batch_size, seed, first_step, last_step)


def image_batches(images, labels, batch_size, seed, first_step, last_step):
    """Shuffled batches of images as they are, of the steps first_step ... last_step - 1.

    Args: images: uint8 [N, H, W, C]; labels: int32 [N], or None.
    Returns: a tf.data.Dataset of float32 [B, H, W, C] in [0, 1], or of (images, labels).
    """
    arrays, prepare = _with_labels(images, labels)
    return _shuffled(arrays, prepare, batch_size, seed, first_step, last_step)


def ordered_batches(images, labels, batch_size):
    """Batches of all images once, in their order; arguments and values as in ``image_batches``."""
    arrays, prepare = _with_labels(images, labels)

    def batch_at(step):
        rows = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, len(images)))
        return prepare(*_gather(arrays, rows), step)

    return _served(batch_at, 0, steps_per_epoch(len(images), batch_size))


def _with_labels(images, labels):
    if labels is None:
        return (images,), lambda images, step: to_unit_range(images)
    return (images, labels), lambda images, labels, step: (to_unit_range(images), labels)


def _shuffled(arrays, prepare, batch_size, seed, first_step, last_step):
    """``prepare(*rows, step)`` of each step's rows; each epoch has an order of its own."""
    count = len(arrays[0])
    epoch_steps = steps_per_epoch(count, batch_size)

    def batch_at(step):
        epoch, position = step // epoch_steps, step % epoch_steps * batch_size
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([seed, epoch]), alg="philox"
        )
        return prepare(*_gather(arrays, order[position : position + batch_size]), step)

    return _served(batch_at, first_step, last_step)


def _gather(arrays, rows):
    """Rows of NumPy arrays, as tensors. Not of tensors: TensorFlow would copy the whole arrays."""

    def read(rows):
        read = [np.asarray(array[rows]) for array in arrays]
        for array in arrays:
            forget(array)
        return read

    dtypes = [tf.as_dtype(array.dtype) for array in arrays]
    gathered = tf.numpy_function(read, [rows], dtypes, stateful=False)
    for tensor, array in zip(gathered, arrays, strict=True):
        tensor.set_shape([None, *array.shape[1:]])
    return gathered


def _served(batch_at, first_step, last_step):
    """``batch_at`` of each step, in order whatever the parallelism, on the GPU if there is one."""
    steps = tf.data.Dataset.range(first_step, last_step, output_type=tf.int32)
    batches = steps.map(batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if gpus := tf.config.list_logical_devices("GPU"):
        return batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name, AHEAD))
    return batches.prefetch(AHEAD)
