"""Batches as a pure function of (seed, step), so that a continued run sees what it would have."""

import tensorflow as tf

from .images import paired_jitter, to_tanh_range, to_unit_range


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Batches that show each of count examples once; the last may be smaller."""
    return -(-count // batch_size)


def training_batches(inputs, targets, size, batch_size, seed, first_step, last_step):
    """Shuffled, jittered batches of pairs, of the steps first_step ... last_step - 1.

    Every epoch shows each pair once, in an order of its own.

    Args: inputs, targets: uint8 [N, H, W, C], H and W at least size.
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

    def prepare(images, *rest):
        images = to_unit_range(images)
        return images if labels is None else (images, rest[0])

    arrays = (images,) if labels is None else (images, labels)
    return _shuffled(arrays, prepare, batch_size, seed, first_step, last_step)


def _shuffled(arrays, prepare, batch_size, seed, first_step, last_step):
    """``prepare(*rows, step)`` of each step's rows; each epoch has an order of its own."""
    count = len(arrays[0])
    epoch_steps = steps_per_epoch(count, batch_size)
    with tf.device("CPU"):  # captured by reference; in a graph constant they would be copied
        arrays = [tf.constant(array) for array in arrays]

    def batch_at(step):
        epoch, position = step // epoch_steps, step % epoch_steps * batch_size
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([seed, epoch]), alg="philox"
        )
        rows = order[position : position + batch_size]  # [B]
        return prepare(*(tf.gather(array, rows) for array in arrays), step)

    steps = tf.data.Dataset.range(first_step, last_step, output_type=tf.int32)
    return steps.map(batch_at, num_parallel_calls=2, deterministic=True).prefetch(2)
