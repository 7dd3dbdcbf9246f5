"""Batches as a pure function of (seed, step), so that a continued run sees what it would have."""

import tensorflow as tf

from .images import paired_jitter, to_tanh_range


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Batches that show each of count examples once; the last may be smaller."""
    return -(-count // batch_size)


def training_batches(inputs, targets, size, batch_size, seed, first_step, last_step):
    """Shuffled, jittered batches of the steps first_step ... last_step - 1.

    Every epoch shows each pair once, in an order of its own.

    Args: inputs, targets: uint8 [N, H, W, C], H and W at least size.
    Returns: a tf.data.Dataset of pairs, each float32 [B, size, size, C] in [-1, 1].
    """
    count = len(inputs)
    epoch_steps = steps_per_epoch(count, batch_size)
    with tf.device("CPU"):  # captured by reference; in a graph constant they would be copied
        inputs, targets = tf.constant(inputs), tf.constant(targets)

    def batch_at(step):
        epoch, position = step // epoch_steps, step % epoch_steps * batch_size
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([seed, epoch]), alg="philox"
        )
        rows = order[position : position + batch_size]  # [B]
        crops = paired_jitter(
            tf.gather(inputs, rows), tf.gather(targets, rows), size, tf.stack([seed + 1, step])
        )
        return tuple(to_tanh_range(crop) for crop in crops)

    steps = tf.data.Dataset.range(first_step, last_step, output_type=tf.int32)
    return steps.map(batch_at, num_parallel_calls=2, deterministic=True).prefetch(2)


def plain_batches(inputs, targets, batch_size):
    """All pairs in order, as they are: float32 [B, H, W, C] in [-1, 1]."""
    for first in range(0, len(inputs), batch_size):
        rows = slice(first, first + batch_size)
        yield to_tanh_range(inputs[rows]), to_tanh_range(targets[rows])
