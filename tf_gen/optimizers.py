"""Keras' Adam, with an update that passes over memory once; steps that are finite or undone."""

import keras
import tensorflow as tf

from tf_gen.replicas import all_reduce_sum, replica_count


@keras.saving.register_keras_serializable("tf_gen")
class FusedAdam(keras.optimizers.Adam):
    """``keras.optimizers.Adam`` on TensorFlow's fused kernel; the same arguments and results.

    Keras' update makes many passes over the weights, their gradients and moments. Clipping,
    weight decay, averaging and gradient accumulation are the base class's; with ``amsgrad``, and
    for variables that are not float32, the update is, too.

    Args:
        ema_warmup: whether averages (``use_ema``) reach back over a tenth of the steps that there
            were, at most: their momentum is then ``min(ema_momentum, t / (t + 9))`` after t steps
            (of which gradient accumulation makes several an update). Without it the weights after
            the first step still make up half of the averages 700 steps later, where the momentum
            is 0.999.
    """

    def __init__(self, *args, ema_warmup=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.ema_warmup = ema_warmup

    def get_config(self):
        return {**super().get_config(), "ema_warmup": self.ema_warmup}

    def _update_model_variables_moving_average(self, trainable_variables):
        if not (self.use_ema and self.ema_warmup):
            return super()._update_model_variables_moving_average(trainable_variables)
        steps = tf.cast(self._iterations, tf.float32)
        new = 1.0 - tf.minimum(self.ema_momentum, steps / (steps + 9.0))
        averages = self._model_variables_moving_average
        for variable, average in zip(trainable_variables, averages, strict=True):
            if average is not None:
                share = tf.cast(new, average.dtype)
                average.assign(average + share * (variable - average))

    def update_step(self, gradient, variable, learning_rate):
        # the kernel ends the process where its arguments differ in type
        wide = tf.as_dtype(variable.dtype) == tf.float32
        if not wide or self.amsgrad or isinstance(gradient, tf.IndexedSlices):
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


def step_counter(optimizer):
    """The variable that counts an optimiser's steps, by which noise and warm-up go. Where gradients
    are accumulated over several, ``iterations`` counts these as one; and steps that loss scaling
    skips, which only its own counter has (``_apply``), not at all."""
    return optimizer._iterations


def _scales(optimizer):
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def _apply(optimizer, gradients, variables):
    optimizer.apply(gradients, variables)
    if _scales(optimizer):  # Keras leaves this counter alone, and moves the inner optimiser's
        optimizer._iterations.assign_add(1)


def _overflowing_together(gradients):
    """Gradients of one replica, not finite where those of any replica are not: a loss-scaling
    optimiser asks the first one alone whether to skip a step."""
    total = tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients])
    (spoiled,) = all_reduce_sum([0.0 * total])  # 0, or nan
    return [tf.convert_to_tensor(g) + tf.cast(spoiled, g.dtype) for g in gradients]


class FiniteStep:
    """One training step's updates: all of them, or none where a loss or gradient is not finite.

    Made before the forward pass, which moves averages; then called for each network, then
    ``end``. A step that is not finite leaves every variable as it was, and nan in its logs. (A
    loss-scaling optimiser skips gradients that overflow by itself: then the loss alone counts.)

    A step compiled by XLA computes all updates and keeps or drops them on the device, in the
    kernels that write them: a branch would make the host wait. Any other branches once: there it
    costs nothing, while keeping the old weights would be one more pass over memory. Under
    ``tf.distribute`` no update may stand in a branch, so there the call raises
    tf.errors.InvalidArgumentError with the weights of this network as they were; averages, and
    networks that were updated before it, have moved.

    Args:
        model: whose ``non_trainable_variables`` the forward pass may move, and whose
            ``jit_compile`` says whether XLA compiles the step.
        moved: trainable variables that it may move, too.
    """

    def __init__(self, model, moved=()):
        self._compiled = model.jit_compile
        self._replicated = tf.distribute.has_strategy()
        self._before, self._finite, self._updates = [], [], []
        if not self._replicated:
            self._remember([*model.non_trainable_variables, *moved])

    def __call__(self, network, optimizer, loss, gradients, variables, at_once=False):
        """Update a network if the whole step turns out finite.

        Args: network: its name; at_once: now, since more of the step rests on it (it is undone
            at the end if need be).
        Returns: the loss; nan if it or a gradient is not finite.
        """
        if not optimizer.built:
            with tf.init_scope():
                optimizer.build(variables)
        checked = [loss]
        if not _scales(optimizer):
            # One sum for all: any inf or nan in the loss or in a gradient makes it not finite.
            checked += [tf.nn.l2_loss(gradient) for gradient in gradients]
        total = tf.add_n(checked)
        self._finite.append(tf.math.is_finite(total))
        if self._replicated:
            name = f"the {network}'s loss or gradient"
            if _scales(optimizer):
                gradients = _overflowing_together(gradients)
            with tf.control_dependencies([tf.debugging.check_numerics(total, name)]):
                _apply(optimizer, gradients, variables)
        elif at_once or self._compiled:
            self._remember([*variables, *optimizer.variables])
            _apply(optimizer, gradients, variables)
        else:
            self._updates.append(lambda: _apply(optimizer, gradients, variables))
        return tf.where(self._finite[-1], loss, float("nan"))

    def end(self):
        """Keep the updates, or undo what was done."""
        if self._replicated:
            return
        finite = tf.reduce_all(self._finite)
        if self._compiled:
            for variable, before in self._before:
                variable.assign(tf.where(finite, variable.value, before))
        else:
            tf.cond(finite, self._apply, self._undo)

    def _remember(self, variables):
        known = {id(variable) for variable, _ in self._before}
        new = [variable for variable in variables if id(variable) not in known]
        self._before += [(variable, tf.convert_to_tensor(variable.value)) for variable in new]

    def _apply(self):
        for update in self._updates:
            update()

    def _undo(self):
        for variable, before in self._before:
            variable.assign(before)
