"""The paper's linear decay."""

import keras
import numpy as np

from tf_gen.training.schedules import LinearDecay


def test_the_rate_is_constant_then_falls_linearly_to_zero():
    schedule = LinearDecay(0.2, constant_steps=10, decay_steps=20)
    found = [float(schedule(step)) for step in (0, 9, 10, 20, 30, 99)]
    np.testing.assert_allclose(found, [0.2, 0.2, 0.2, 0.1, 0.0, 0.0], atol=1e-7)


def test_it_serialises():
    schedule = LinearDecay(0.2, 10, 20)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert copy.get_config() == schedule.get_config()
