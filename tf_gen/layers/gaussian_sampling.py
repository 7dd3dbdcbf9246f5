"""The reparameterisation trick (Kingma and Welling 2014, section 2.4; the report, R1.1)."""

import keras
import tensorflow as tf

from .noise import example_normal

LARGEST_LOG_VAR = 2.0


def bounded_log_var(x):
    """``min(x, LARGEST_LOG_VAR)``; backwards the identity, so that what is above it comes down.

    Its exponential makes an image unlike all others a gradient 40 times as large as a batch's; the
    one step, carried on by Adam's momentum, unsettles all images (docs/decisions.md). The bound
    costs nothing: a variance above the prior's, 1, serves neither term of the ELBO.
    """
    return x + tf.stop_gradient(tf.minimum(x, LARGEST_LOG_VAR) - x)


@keras.saving.register_keras_serializable("tf_gen")
class GaussianSampling(keras.layers.Layer):
    """``z = mean + exp(log_var / 2) * eps``, ``eps ~ N(0, I)``, in float32.

    Call: ``[z_mean, z_log_var]``, each [B, D]; ``seed`` int32 [B, 2], one for each example
    (``tf_gen.layers.example_seeds``); without it, noise comes from the layer's own
    ``SeedGenerator`` and is new at each call. Returns: [B, D].
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a log-variance is not for bfloat16
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, seed=None):
        mean, log_var = (keras.ops.cast(x, "float32") for x in inputs)
        if seed is None:
            noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        else:
            noise = example_normal(seed, mean.shape[1:])
        return mean + keras.ops.exp(log_var / 2.0) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]
