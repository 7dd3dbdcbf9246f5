"""Each channel rounded to one of a few levels (Mentzer et al. 2023)."""

import math

import keras
import numpy as np
import tensorflow as tf

from tf_gen.errors import UserError, check_at_least

from .quantizer import Quantizer, checked_codes, estimated

MOST_CODES = 2**24  # the use of each is counted
MARGIN = 1e-3  # the paper's: the outermost levels end where tanh is not yet flat


@keras.saving.register_keras_serializable("tf_gen")
class FiniteScalarQuantizer(Quantizer):
    """A grid in the place of a codebook: channel d of the input is squashed by tanh and rounded to
    one of ``levels[d]`` values in [-1, 1]. It has no weights, no losses, and no code can die.

    Args: levels: of each channel, at least 2 (the paper: at least 5); so the input has
        ``len(levels)`` channels, and their product is the number of codes.

    Call: see ``Quantizer``; ``codes`` are int32 [B, ...], in mixed radix, the first channel's
    digit the lowest; backwards rounding is the identity. For 9 bits::

        quantizer = FiniteScalarQuantizer([8, 8, 8])
        found = quantizer(z)  # [B, h, w, 3] -> quantized of the same shape, codes in 0 ... 511
    """

    def __init__(self, levels=(8, 8, 8), **kwargs):
        super().__init__(**kwargs)
        check_at_least(1, number_of_levels=len(levels))
        for one in levels:
            check_at_least(2, levels=one)
        self.levels = tuple(int(one) for one in levels)
        self.width = len(levels)
        self.codes = math.prod(self.levels)
        if self.codes > MOST_CODES:
            raise UserError(f"levels {self.levels}: {self.codes} codes, at most {MOST_CODES} here")

    def build(self, input_shape):
        if input_shape[-1] != self.width:
            raise UserError(
                f"levels {self.levels}: takes {self.width} channels, got {input_shape[-1]}"
            )

    def call(self, z, training=False, sample_weight=None):
        bounded = self._bounded(tf.cast(z, tf.float32))
        whole = tf.round(bounded)  # -(L // 2) ... (L - 1) // 2
        half = self._half()
        # nan, which a step meets before it is undone, becomes any number
        most = tf.constant(self.levels) - 1
        digits = tf.clip_by_value(tf.cast(whole, tf.int32) + half, 0, most)
        return {
            "quantized": tf.cast(estimated(bounded, whole) / tf.cast(half, tf.float32), z.dtype),
            "codes": tf.reduce_sum(digits * self._places(), axis=-1),
            "codebook_loss": tf.constant(0.0),
            "commitment_loss": tf.constant(0.0),
        }

    def lookup(self, codes):
        """Codes, int [B, ...] -> their vectors, float32 [B, ..., len(levels)] in [-1, 1].

        Raises: tf.errors.InvalidArgumentError for codes out of range.
        """
        codes = checked_codes(codes, self.codes)[..., None]
        digits = codes // self._places() % tf.constant(self.levels)
        return tf.cast(digits - self._half(), tf.float32) / tf.cast(self._half(), tf.float32)

    def _bounded(self, z):
        """z squashed so that it rounds to one of L whole numbers; for even L half a level lower,
        and z moved so that 0 stays close to 0 (the paper's appendix A.1, ``bound``)."""
        levels = np.array(self.levels)
        reach = (levels - 1) * (1 - MARGIN) / 2
        lower = np.where(levels % 2 == 1, 0.0, 0.5)
        shift, reach, lower = np.float32([np.tan(lower / reach), reach, lower])
        return tf.tanh(z + shift) * reach - lower

    def _half(self):
        return tf.constant([one // 2 for one in self.levels])

    def _places(self):
        """What a digit of each channel is worth in a code: 1, L_0, L_0 L_1, ..."""
        return tf.constant([math.prod(self.levels[:d]) for d in range(self.width)])

    def get_config(self):
        return {**super().get_config(), "levels": list(self.levels)}
