"""Sums and means over the replicas of ``tf.distribute``; without it, values as they are."""

import tensorflow as tf


def all_reduce_sum(values):
    """The sums over all replicas of a list of tensors, in each of them."""
    return _all_reduce("SUM", values)


def all_reduce_mean(values):
    """The means over all replicas of a list of tensors, in each of them."""
    return _all_reduce("MEAN", values)


def _all_reduce(how, values):
    replica = tf.distribute.get_replica_context()  # None outside of all replicas
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    return replica.all_reduce(how, values)
