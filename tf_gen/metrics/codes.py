"""How a codebook is used."""

import keras
import tensorflow as tf


def code_counts(codes, size):
    """How often each of ``size`` codes occurs in int [...]: of the codes' type, [size].

    (Not ``tf.math.bincount``: under op determinism a GPU refuses it.)
    """
    codes = tf.reshape(codes, [-1])
    return tf.math.unsorted_segment_sum(tf.ones_like(codes), codes, size)


def perplexity(counts):
    """``exp(entropy)`` of how often each code was used: 1 (one code) ... K (all alike).

    Args: counts: [K]. Returns: float32 scalar.
    """
    counts = tf.cast(counts, tf.float32)
    shares = counts / tf.maximum(tf.reduce_sum(counts), 1.0)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares)))


@keras.saving.register_keras_serializable("tf_gen")
class CodePerplexity(keras.metrics.Metric):
    """The perplexity of all codes seen since the last reset, whatever their batches.

    Args: codes: K, the size of the codebook. ``counts`` [K] holds how often each was used.
    """

    def __init__(self, codes, name="perplexity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.codes = codes
        self.counts = self.add_variable((codes,), "zeros", name="counts")

    def update_state(self, codes, sample_weight=None):
        """Count codes, int [...]."""
        counts = code_counts(codes, self.codes)
        self.counts.assign_add(tf.cast(counts, self.counts.dtype))

    def result(self):
        return perplexity(self.counts.value)

    def get_config(self):
        return {**super().get_config(), "codes": self.codes}
