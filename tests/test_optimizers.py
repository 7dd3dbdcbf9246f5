"""FusedAdam against Keras' own Adam."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.optimizers import FusedAdam


def train(optimizer_class, steps=100, **options):
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.normal(size=shape).astype(np.float32)) for shape in [(7, 5), (5,)]
    ]
    optimizer = optimizer_class(1e-2, beta_1=0.5, **options)
    optimizer.build(variables)

    @tf.function
    def step(*gradients):
        optimizer.apply(list(gradients), variables)

    for _ in range(steps):
        step(*[tf.constant(rng.normal(size=v.shape), tf.float32) for v in variables])
    return [v.numpy() for v in variables], [v.numpy() for v in optimizer.variables]


@pytest.mark.parametrize(
    "options", [{}, {"clipnorm": 0.5}, {"weight_decay": 0.01}, {"amsgrad": True}, {"use_ema": True}]
)
def test_a_hundred_steps_equal_those_of_keras_to_rounding(options):
    ours, keras_own = train(FusedAdam, **options), train(keras.optimizers.Adam, **options)
    for found, expected in zip(ours[0] + ours[1], keras_own[0] + keras_own[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def test_it_serialises():
    optimizer = FusedAdam(1e-3, beta_1=0.5)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert isinstance(copy, FusedAdam) and copy.get_config() == optimizer.get_config()
