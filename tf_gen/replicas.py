"""Sums and means over the replicas of ``tf.distribute``; without it, values as they are."""

import tensorflow as tf


def all_reduce_sum(values):
    """The sums over all replicas of a list of tensors, in each of them."""
    return _all_reduce("SUM", values)


def all_reduce_mean(values):
    """The means over all replicas of a list of tensors, in each of them."""
    return _all_reduce("MEAN", values)


def replica_count() -> int:
    """How many replicas run this code; 1 outside of them."""
    replica = tf.distribute.get_replica_context()  # None outside of all replicas
    return replica.num_replicas_in_sync if replica else 1


def mean_or_zero(values, axis=None):
    """``tf.reduce_mean``; of no values 0: a replica may get no example of a last batch."""
    return tf.where(tf.size(values) > 0, tf.reduce_mean(values, axis=axis), 0.0)


def _all_reduce(how, values):
    if replica_count() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(how, values)
