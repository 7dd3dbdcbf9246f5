"""Keras' Adam, with an update that passes over memory once."""

import keras
import tensorflow as tf

from tf_gen.replicas import replica_count


@keras.saving.register_keras_serializable("tf_gen")
class FusedAdam(keras.optimizers.Adam):
    """``keras.optimizers.Adam`` on TensorFlow's fused kernel; the same arguments and results.

    Keras' update makes many passes over the weights, their gradients and moments. Clipping,
    weight decay, averaging and gradient accumulation are the base class's; with ``amsgrad`` the
    update is, too.
    """

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )


def _handle(variable):
    """The resource of a Keras variable, or of the tf.Variable that tf.distribute passes."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def scale_for_gradient(optimizer, loss):
    """The loss whose gradient is taken: loss scaling (float16), and a share of the replicas',
    since ``tf.distribute`` sums gradients where a mean is meant."""
    return optimizer.scale_loss(loss) / replica_count()


def apply_finite(network, optimizer, loss, gradients, variables):
    """Apply gradients if they and the loss are finite.

    Returns: the loss; nan if one of them is not finite, which is all that a step compiled by XLA
        shows of it (XLA knows no check, so that there the weights are lost).
    Raises: tf.errors.InvalidArgumentError saying "the <network>'s loss or gradient" if not (a
        loss-scaling optimiser skips such gradients itself: then the loss alone is looked at).
    """
    if not optimizer.built:
        with tf.init_scope():  # not under the check below: many conditionals are slow to trace
            optimizer.build(variables)
    checked = [loss]
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # One sum for all: any inf or nan in the loss or in a gradient makes it not finite.
        checked += [tf.nn.l2_loss(gradient) for gradient in gradients]
    total = tf.add_n(checked)
    check = tf.debugging.check_numerics(total, f"the {network}'s loss or gradient")
    with tf.control_dependencies([check]):
        optimizer.apply(gradients, variables)
    return tf.where(tf.math.is_finite(total), loss, float("nan"))
