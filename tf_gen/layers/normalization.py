"""Normalisation whose statistics are chosen at the call, apart from ``training``."""

import keras
import tensorflow as tf

from tf_gen.replicas import all_reduce_mean

STATISTICS = ("fixed", "batch", "image")


@keras.saving.register_keras_serializable("tf_gen")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalisation over the channels of [B, H, W, C], on TensorFlow's fused kernel.

    Call: ``x``; ``training=True`` moves the moving statistics; ``statistics`` is one of

    - ``"batch"`` (default in training): mean and variance of this batch;
    - ``"image"``: of each image alone, so no example depends on another;
    - ``"fixed"`` (default otherwise): the moving statistics, as they are;
    - ``"measure"``: the batch's, which are also stored outright as the moving statistics
      (``tf_gen.training.statistics`` averages them over many batches).

    Statistics and their arithmetic are float32 whatever the compute type. Under ``tf.distribute``
    a batch's statistics are those of the replica's share; the moving ones move by their mean.
    """

    def call(self, x, training=False, statistics=None, mask=None):
        statistics = statistics or ("batch" if training else "fixed")
        if statistics == "fixed":
            return self._scale_and_shift(x)
        if statistics == "image":
            return self._by_image(x)
        if statistics not in ("batch", "measure"):
            raise ValueError(f"statistics {statistics!r} is not one of {', '.join(STATISTICS)}")
        y, mean, variance = self._fused(x)
        if statistics == "measure":
            self._move(mean, variance, 0.0)
        elif training:
            self._move(mean, variance, self.momentum)
        return y

    def _scale_and_shift(self, x):
        # Not the fused kernel: TensorFlow would merge it with the convolution before it into one
        # of oneDNN that takes three times as long for a single image (docs/performance.md).
        scale = tf.cast(self.gamma, tf.float32) * tf.math.rsqrt(self.moving_variance + self.epsilon)
        shift = tf.cast(self.beta, tf.float32) - self.moving_mean * scale
        return tf.cast(tf.cast(x, tf.float32) * scale + shift, x.dtype)

    def _fused(self, x):
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            tf.cast(self.gamma, tf.float32),
            tf.cast(self.beta, tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel gives the unbiased variance; Keras (and the normalisation itself) do not.
        n = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
        return y, mean, variance * tf.maximum(n - 1.0, 1.0) / n

    def _by_image(self, x):
        wide = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(wide, axes=[1, 2], keepdims=True)  # [B, 1, 1, C]
        y = tf.nn.batch_normalization(
            wide, mean, variance, tf.cast(self.beta, tf.float32), tf.cast(self.gamma, tf.float32),
            self.epsilon,
        )  # fmt: skip
        return tf.cast(y, x.dtype)

    def _move(self, mean, variance, momentum):
        mean, variance = all_reduce_mean([mean, variance])
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * momentum + value * (1.0 - momentum))


@keras.saving.register_keras_serializable("tf_gen")
class InstanceNorm(keras.layers.GroupNormalization):
    """Each image's and channel's own mean and variance; takes BatchNorm's arguments, uses none."""

    def __init__(self, groups=-1, **kwargs):
        super().__init__(groups=groups, **kwargs)

    def call(self, x, training=False, statistics=None):
        return super().call(x)


def make_normalization(kind: str, dtype=None, name="normalization"):
    """``"batch"``, ``"instance"`` or ``"none"`` -> a layer of that dtype policy, or None for none.

    Raises: ValueError for another kind.
    """
    # gamma ~ N(1, 0.02): as the paper's authors initialise it
    gamma = keras.initializers.RandomNormal(1.0, 0.02)
    if kind == "batch":
        return BatchNorm(gamma_initializer=gamma, dtype=dtype, name=name)
    if kind == "instance":
        return InstanceNorm(gamma_initializer=gamma, dtype=dtype, name=name)
    if kind == "none":
        return None
    raise ValueError(f"normalization {kind!r} is not one of batch, instance, none")
