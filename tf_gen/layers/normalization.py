"""Normalisation whose statistics are chosen at the call, apart from ``training``."""

import keras
import tensorflow as tf

from tf_gen.errors import check_choice, check_policy
from tf_gen.replicas import all_reduce_mean, all_reduce_sum, replica_count

STATISTICS = ("fixed", "batch", "image", "measure")
OTHERWISE = "take keras.layers.BatchNormalization"
NORMALIZATIONS = ("batch", "sync_batch", "instance", "none")


@keras.saving.register_keras_serializable("tf_gen")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalisation over the channels of [B, H, W, C], on TensorFlow's fused kernel.

    Call: ``x``; ``training=True`` moves the moving statistics (with ``trainable = False`` it is as
    ``training=False``); ``statistics`` is one of

    - ``"batch"`` (default in training): mean and variance of this batch;
    - ``"image"``: of each image alone, so no example depends on another;
    - ``"fixed"`` (default otherwise): the moving statistics, as they are;
    - ``"measure"``: the batch's, which are also stored outright as the moving statistics
      (``tf_gen.training.statistics`` averages them over many batches).

    Statistics and their arithmetic are float32 whatever the compute type. Under ``tf.distribute``
    a batch's statistics are those of the replica's share, and the moving ones move by their mean;
    with ``synchronized=True`` they are those of the whole batch.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(axis=axis, **kwargs)
        check_policy(self.dtype_policy)
        if axis not in (-1, 3):
            raise ValueError(f"axis={axis}: the channels come last here, else {OTHERWISE}")
        if self.renorm:
            raise ValueError(f"renorm=True: is not done here, {OTHERWISE}")

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"BatchNorm takes [B, H, W, C], got {tuple(input_shape)}; {OTHERWISE}")
        super().build(input_shape)

    def call(self, x, training=False, statistics=None, mask=None):
        if mask is not None:
            raise ValueError(f"mask: BatchNorm counts every pixel, {OTHERWISE}")
        training = training and self.trainable  # frozen, it is in inference, as Keras' own
        statistics = statistics or ("batch" if training else "fixed")
        check_choice("statistics", statistics, STATISTICS)
        if statistics == "fixed":
            return self._scale_and_shift(x)
        if statistics == "image":
            return self._by_image(x)
        y, mean, variance = self._fused(x)
        if statistics == "measure":
            self._move(mean, variance, 0.0)
        elif training:
            self._move(mean, variance, self.momentum)
        return y

    def _scale_and_shift(self, x):
        # Not the fused kernel: TensorFlow would merge it with the convolution before it into one
        # of oneDNN that takes twice as long for a single image (docs/performance.md).
        gamma, beta = self._gamma_and_beta()
        scale = gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
        shift = beta - self.moving_mean * scale
        return tf.cast(tf.cast(x, tf.float32) * scale + shift, x.dtype)

    def _fused(self, x):
        if self.synchronized and replica_count() > 1:
            return self._across_replicas(x)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, *self._gamma_and_beta(), epsilon=self.epsilon, is_training=True
        )
        # The kernel gives the unbiased variance; Keras (and the normalisation itself) do not.
        n = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
        return y, mean, variance * tf.maximum(n - 1.0, 1.0) / n

    def _across_replicas(self, x):
        wide = tf.cast(x, tf.float32)
        size = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
        size, total = all_reduce_sum([size, tf.reduce_sum(wide, axis=[0, 1, 2])])
        mean = total / size
        (squares,) = all_reduce_sum([tf.reduce_sum(tf.square(wide - mean), axis=[0, 1, 2])])
        variance = squares / size
        return self._normalized(x, mean, variance), mean, variance

    def _by_image(self, x):
        wide = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(wide, axes=[1, 2], keepdims=True)  # [B, 1, 1, C]
        return self._normalized(x, mean, variance)

    def _normalized(self, x, mean, variance):
        gamma, beta = self._gamma_and_beta()
        wide = tf.cast(x, tf.float32)
        y = tf.nn.batch_normalization(wide, mean, variance, beta, gamma, self.epsilon)
        return tf.cast(y, x.dtype)

    def _gamma_and_beta(self):
        """float32 [C] each: ones and zeros for what the layer is made without."""
        shape = self.moving_mean.shape
        gamma = tf.ones(shape) if self.gamma is None else tf.cast(self.gamma, tf.float32)
        return gamma, tf.zeros(shape) if self.beta is None else tf.cast(self.beta, tf.float32)

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


@keras.saving.register_keras_serializable("tf_gen")
class SpectralNormalization(keras.layers.Wrapper):
    """A convolution by its kernel over the largest singular value of that (Miyato et al. 2018).

    Keras' own sets the kernel to the quotient in training. Here, as in the paper, the optimiser
    alone moves the kernel, and training moves an estimate of the singular vector: so that replicas
    of ``tf.distribute`` can train it, and bfloat16 takes nothing from a kernel. A frozen layer's
    estimate stays as it is.

    Args: layer: a convolution without an activation; power_iterations: of the estimate in a step.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **{**kwargs, "dtype": "float32", "autocast": False})
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = self.layer.kernel  # first among the weights, as in older checkpoints
        self.vector_u = self.add_weight(
            shape=(1, self.kernel.shape[-1]), name="vector_u", trainable=False,
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            aggregation="only_first_replica",
        )  # fmt: skip

    def call(self, inputs, training=False):
        layer, dtype = self.layer, self.layer.compute_dtype
        kernel = layer.kernel / self._norm(training and self.trainable)
        outputs = layer.convolution_op(tf.cast(inputs, dtype), tf.cast(kernel, dtype))
        return outputs + tf.cast(layer.bias, dtype) if layer.use_bias else outputs

    def _norm(self, moves):
        """The estimate of the kernel's largest singular value, float32 []."""
        weights = tf.reshape(self.kernel, [-1, self.kernel.shape[-1]])
        fixed, u = tf.stop_gradient(weights), tf.convert_to_tensor(self.vector_u)  # [1, filters]
        for _ in range(self.power_iterations if moves else 0):
            u = tf.nn.l2_normalize(_left(u, fixed) @ fixed)
        if moves:
            self.vector_u.assign(u)
        sigma = tf.reduce_sum(_left(u, fixed) @ weights * tf.nn.l2_normalize(u))
        return sigma + keras.config.epsilon()  # of a kernel of zeros

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _left(u, matrix):
    """The unit vector on the left that goes with u, [1, rows]."""
    return tf.nn.l2_normalize(u @ tf.transpose(matrix))


def make_normalization(kind: str, dtype=None, name="normalization", affine=True):
    """``"batch"``, ``"sync_batch"`` (statistics of all replicas' shares), ``"instance"`` or
    ``"none"`` -> a layer of that dtype policy, or None for none.

    Args: affine: whether it has a scale and a shift for each channel.
    Raises: ValueError for another kind.
    """
    check_choice("normalization", kind, NORMALIZATIONS)
    # gamma ~ N(1, 0.02): as the paper's authors initialise it. Made for "none", too: an initialiser
    # draws its seed when made, and the weights of what follows depend on how many were drawn.
    options = {
        "gamma_initializer": keras.initializers.RandomNormal(1.0, 0.02),
        "center": affine, "scale": affine, "dtype": dtype, "name": name,
    }  # fmt: skip
    if kind == "none":
        return None
    if kind == "instance":
        return InstanceNorm(**options)
    return BatchNorm(synchronized=kind == "sync_batch", **options)
