"""How a codebook is used."""

import keras
import tensorflow as tf


def code_counts(codes, size, quantizers=None):
    """How often each of ``size`` codes occurs in int [...]: of the codes' type, [size].

    Args: quantizers: N, where codes are [..., N], the last axis of N quantisers: then [N, size].

    (Not ``tf.math.bincount``: under op determinism a GPU refuses it.)
    """
    codes = tf.convert_to_tensor(codes)
    if quantizers is None:
        codes = tf.reshape(codes, [-1])
        return tf.math.unsorted_segment_sum(tf.ones_like(codes), codes, size)
    codes = tf.reshape(codes, [-1, quantizers])
    apart = codes + size * tf.range(quantizers, dtype=codes.dtype)
    return tf.reshape(code_counts(apart, size * quantizers), [quantizers, size])


def perplexity(counts):
    """``exp(entropy)`` of how often each code was used: 1 (one code) ... K (all alike).

    Args: counts: [K], or [N, K] of N quantisers. Returns: float32, a scalar or [N].
    """
    counts = tf.cast(counts, tf.float32)
    shares = counts / tf.maximum(tf.reduce_sum(counts, axis=-1, keepdims=True), 1.0)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1))


@keras.saving.register_keras_serializable("tf_gen")
class CodePerplexity(keras.metrics.Metric):
    """The perplexity of all codes seen since the last reset, whatever their batches.

    Args:
        codes: K, the size of the codebook. ``counts`` [K] holds how often each was used.
        quantizers: N, where the codes' last axis is of N quantisers with K codes each: ``counts``
            are [N, K], and the result is the mean of their perplexities.
    """

    def __init__(self, codes, quantizers=None, name="perplexity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.codes = codes
        self.quantizers = quantizers
        shape = (codes,) if quantizers is None else (quantizers, codes)
        self.counts = self.add_variable(shape, "zeros", name="counts")

    def update_state(self, codes, sample_weight=None):
        """Count codes, int [...] or [..., N]; all alike, whatever ``sample_weight`` says."""
        counts = code_counts(codes, self.codes, self.quantizers)
        self.counts.assign_add(tf.cast(counts, self.counts.dtype))

    def result(self):
        return tf.reduce_mean(perplexity(self.counts.value))

    def get_config(self):
        return {**super().get_config(), "codes": self.codes, "quantizers": self.quantizers}
