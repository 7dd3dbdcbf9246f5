"""Learning rates that change with the step."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tf_gen")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Constant for ``constant_steps``, then falling linearly to 0 over ``decay_steps``.

    The paper trains 100 epochs at the first rate and 100 more to 0 (its authors' practice).
    """

    def __init__(self, learning_rate, constant_steps, decay_steps):
        self.learning_rate = learning_rate
        self.constant_steps = constant_steps
        self.decay_steps = decay_steps

    def __call__(self, step):
        done = tf.cast(step, tf.float32) - self.constant_steps
        return self.learning_rate * (1.0 - tf.clip_by_value(done / self.decay_steps, 0.0, 1.0))

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "constant_steps": self.constant_steps,
            "decay_steps": self.decay_steps,
        }
