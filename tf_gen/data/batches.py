"""Batches as a pure function of (seed, step), so that a continued run sees what it would have."""

import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .cache import forget
from .images import paired_jitter, random_mirror, to_tanh_range, to_unit_range

AHEAD = 2  # batches that are made ready before they are asked for
PARALLEL = min(8, os.cpu_count() or 1)  # batches that are made at a time


class Parts(NamedTuple):
    """Which of the ``of`` equal parts of each batch are served, as batches in turn: ``count`` of
    them, from ``first`` on (the replicas of one process of ``tf.distribute``)."""

    first: int = 0
    count: int = 1
    of: int = 1


WHOLE = Parts()


def steps_per_epoch(count: int, batch_size: int, replicas: int = 1) -> int:
    """Batches that show each of count examples once; the last may be smaller.

    Its share is the same for each replica: up to replicas - 1 examples are left out of an epoch,
    others in each.
    """
    return -(-(count - count % replicas) // batch_size)


def shuffled_batches(
    arrays, batch_size, seed, first_step, last_step, parts=WHOLE, prepare=None
) -> tf.data.Dataset:
    """Shuffled batches of rows of any arrays, of the steps first_step ... last_step - 1.

    Every epoch shows each row once, in an order of its own; a batch depends on seed and step
    alone, so that batches begun in the middle are those of the whole::

        codes = ...  # int32 [N, h, w]
        labels = ...  # int32 [N]
        for some_codes, some_labels in shuffled_batches((codes, labels), 64, 0, 0, 1000):
            ...  # int32 [B, h, w] and [B]; the last of an epoch may be smaller

    Args:
        arrays: a NumPy array, for batches that are one tensor, or a tuple of arrays with as many
            rows each. In memory, or mapped from a file: rows are read when their step comes.
        parts: see ``Parts``.
        prepare: called in a graph as ``prepare(*rows, step=step, part=part)`` it gives the batch;
            default: the rows as they are. step: int32 scalar; part: (index, count) where the rows
            are one of count equal parts of a batch.
    Raises: ValueError if one array has more rows than another.
    """
    arrays = arrays if isinstance(arrays, tuple | list) else (arrays,)
    if len(counts := {len(array) for array in arrays}) > 1:
        raise ValueError(f"arrays of {' and '.join(map(str, sorted(counts)))} rows do not match")
    (count,) = counts
    epoch_steps = steps_per_epoch(count, batch_size, parts.of)
    prepare = prepare or _as_they_are

    def batch_at(turn):
        step, part = turn // parts.count, parts.first + turn % parts.count
        epoch, position = step // epoch_steps, step % epoch_steps * batch_size
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([seed, epoch]), alg="philox"
        )
        rows = order[: count - count % parts.of][position : position + batch_size]
        share = tf.shape(rows)[0] // parts.of
        rows = rows[part * share : (part + 1) * share]
        return prepare(*_gather(arrays, rows), step=step, part=(part, parts.of))

    batches = _served(batch_at, first_step * parts.count, last_step * parts.count)
    return batches if parts.of > 1 else _to_device(batches)


def training_batches(inputs, targets, size, batch_size, seed, first_step, last_step, parts=WHOLE):
    """``shuffled_batches`` of pairs, jittered.

    Args: inputs, targets: uint8 [N, H, W, C], H and W at least size, an int or (height, width).
    Returns: a tf.data.Dataset of pairs, each float32 [B, height, width, C] in [-1, 1].
    """

    def prepare(inputs, targets, step, part):
        crops = paired_jitter(inputs, targets, size, tf.stack([seed + 1, step]), part)
        return tuple(to_tanh_range(crop) for crop in crops)

    arrays = (inputs, targets)
    return shuffled_batches(arrays, batch_size, seed, first_step, last_step, parts, prepare)


def image_batches(
    images, labels, batch_size, seed, first_step, last_step, parts=WHOLE, mirror=False
):
    """``shuffled_batches`` of images.

    Args: images: uint8 [N, H, W, C]; labels: int32 [N], or None; mirror: whether an image is
        mirrored half of the times.
    Returns: a tf.data.Dataset of float32 [B, H, W, C] in [0, 1], or of (images, labels).
    """

    def prepare(images, *labels, step, part):
        if mirror:
            images = random_mirror(images, tf.stack([seed + 1, step]), part)
        return _unit_range(images, *labels)

    arrays = _arrays(images, labels)
    return shuffled_batches(arrays, batch_size, seed, first_step, last_step, parts, prepare)


def ordered_batches(images, labels, batch_size):
    """Batches of all images once, in their order; arguments and values as in ``image_batches``."""
    arrays = _arrays(images, labels)

    def batch_at(step):
        rows = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, len(images)))
        return _unit_range(*_gather(arrays, rows))

    return _served(batch_at, 0, steps_per_epoch(len(images), batch_size))


def _arrays(images, labels):
    return (images,) if labels is None else (images, labels)


def _unit_range(images, *labels):
    return _as_they_are(to_unit_range(images), *labels)


def _as_they_are(*rows, **where):
    return rows if len(rows) > 1 else rows[0]


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


def _served(batch_at, first, last):
    """``batch_at`` of each turn, in order whatever the parallelism."""
    turns = tf.data.Dataset.range(first, last, output_type=tf.int32)
    batches = turns.map(batch_at, num_parallel_calls=PARALLEL, deterministic=True)
    return without_autotune(batches.prefetch(AHEAD))


def without_autotune(dataset):
    """The dataset without tf.data's tuning thread.

    Whoever drops an iterator waits for that thread's next turn (TensorFlow 2.21), and its turns
    come 10, 20, 40 ... ms apart, up to a minute: so that long at an epoch's or a run's end.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _to_device(batches):
    """Batches copied ahead to the GPU, if there is one (``tf.distribute`` copies by itself)."""
    if gpus := tf.config.list_logical_devices("GPU"):
        copied = tf.data.experimental.prefetch_to_device(gpus[0].name, AHEAD)
        return without_autotune(batches.apply(copied))  # which forgets the options
    return batches
