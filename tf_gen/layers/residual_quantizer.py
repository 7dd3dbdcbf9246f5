"""Codebooks, each for what those before it left (Zeghidour et al. 2021; Lee et al. 2022)."""

import keras
import tensorflow as tf

from tf_gen.errors import UserError, check_choice

from .quantizer import ESTIMATORS, Quantizer, estimated
from .vector_quantizer import VectorQuantizer


@keras.saving.register_keras_serializable("tf_gen")
class ResidualQuantizer(Quantizer):
    """A vector becomes the sum of N codebooks' vectors: the first codebook's nearest to it, then
    the next one's nearest to what is left, and so on.

    Args:
        quantizers: list of N ``VectorQuantizer`` or ``VectorQuantizerEMA`` with as many codes
            each; with a k-means start each starts from what those before it leave.
        estimator: how a gradient passes the sum, see ``estimated``. (That of each quantiser is of
            no account: N estimators would pass the gradient N times.)

    Call: see ``Quantizer``; ``codes`` are int32 [B, ..., N]; the losses are the sums of the N
    quantisers' (as in Lee et al., of the distances that are left after each)::

        quantizer = ResidualQuantizer([VectorQuantizerEMA(512, seed=n) for n in range(4)])
        found = quantizer(z)  # [B, h, w, D] -> codes [B, h, w, 4]
    """

    def __init__(self, quantizers, estimator="straight_through", **kwargs):
        super().__init__(**kwargs)
        check_choice("estimator", estimator, ESTIMATORS)
        if not quantizers or not all(isinstance(one, VectorQuantizer) for one in quantizers):
            raise UserError("quantizers: give a list of VectorQuantizer or VectorQuantizerEMA")
        if len(sizes := {one.codes for one in quantizers}) > 1:
            raise UserError(f"quantizers: all must have as many codes, got {sorted(sizes)}")
        self.quantizers = list(quantizers)
        self.estimator = estimator
        self.codes = quantizers[0].codes
        self.code_shape = (len(quantizers),)
        self.by_gradient = any(one.by_gradient for one in quantizers)

    def build(self, input_shape):
        for one in self.quantizers:
            if not one.built:  # as one that comes out of a file
                one.build(input_shape)

    @property
    def needs_start(self):
        return any(one.needs_start for one in self.quantizers)

    def start_from(self, z):
        """Start each codebook that starts by k-means, on what those before it leave of z [..., D].

        Raises: UserError if there are fewer different vectors than codes.
        """
        left = tf.cast(z, tf.float32)
        for one in self.quantizers:
            if one.needs_start:
                one.start_from(left)
            left -= one.lookup(one(left)["codes"])

    def call(self, z, training=False, sample_weight=None):
        wide = left = tf.cast(z, tf.float32)
        found = []
        for one in self.quantizers:
            found.append(one(left, training=training, sample_weight=sample_weight))
            # a constant to the gradient, else nothing but the first would commit z
            left -= tf.stop_gradient(found[-1]["quantized"])
        total = tf.add_n([each["quantized"] for each in found])
        return {
            "quantized": tf.cast(estimated(wide, total, self.estimator), z.dtype),
            "codes": tf.stack([each["codes"] for each in found], axis=-1),
            **{
                name: tf.add_n([each[name] for each in found])
                for name in ("codebook_loss", "commitment_loss")
            },
        }

    def lookup(self, codes):
        """Codes, int [B, ..., N] -> the sums of their vectors, float32 [B, ..., D].

        Raises: tf.errors.InvalidArgumentError for codes out of range.
        """
        return tf.add_n([one.lookup(codes[..., n]) for n, one in enumerate(self.quantizers)])

    def get_config(self):
        quantizers = [keras.saving.serialize_keras_object(one) for one in self.quantizers]
        return {**super().get_config(), "quantizers": quantizers, "estimator": self.estimator}

    @classmethod
    def from_config(cls, config):
        quantizers = [keras.saving.deserialize_keras_object(one) for one in config["quantizers"]]
        return super().from_config({**config, "quantizers": quantizers})
