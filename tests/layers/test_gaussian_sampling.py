"""The reparameterisation trick: its moments, its gradient, and whose noise it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tf_gen.layers import GaussianSampling, bounded_log_var, example_seeds

MEAN = np.array([0.0, -3.0, 0.5, 20.0], np.float32)
LOG_VAR = np.array([0.0, -4.0, 2.0, 1.0], np.float32)


def rows(count):
    return [np.tile(MEAN, (count, 1)), np.tile(LOG_VAR, (count, 1))]


@pytest.mark.parametrize("seeded", [True, False])
def test_many_draws_have_the_mean_and_the_deviation_asked_for(seeded):
    keras.utils.set_random_seed(0)
    call = tf.function(GaussianSampling())  # 4,000 draws one by one are slow outside a graph
    z = call(rows(4000), seed=example_seeds(0, 4000) if seeded else None).numpy()
    deviation = np.exp(LOG_VAR / 2)
    for i in range(4):
        standard = stats.norm(MEAN[i], deviation[i])
        assert stats.kstest(z[:, i], standard.cdf).pvalue > 0.001
    np.testing.assert_allclose(z.mean(0), MEAN, atol=4 * deviation.max() / np.sqrt(4000))
    np.testing.assert_allclose(z.std(0), deviation, rtol=0.05)
    correlations = np.corrcoef(z.T) - np.eye(4)
    assert np.abs(correlations).max() < 0.08  # five standard errors


def test_a_seed_gives_the_same_draw_and_another_seed_another():
    layer = GaussianSampling()
    first, again, other = (layer(rows(3), seed=example_seeds(s, 3)).numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_an_examples_noise_does_not_depend_on_its_batch():
    layer, seeds = GaussianSampling(), example_seeds(0, 4)
    whole = layer(rows(4), seed=seeds).numpy()
    alone = layer([x[2:3] for x in rows(4)], seed=seeds[2:3]).numpy()
    np.testing.assert_array_equal(whole[2:3], alone)
    assert (whole[0] != whole[1]).all()


def test_without_a_seed_every_call_draws_anew():
    layer = GaussianSampling()
    first, second = (layer(rows(3)).numpy() for _ in range(2))
    assert (first != second).all()
    compiled = tf.function(lambda: layer(rows(3)))
    assert (compiled().numpy() != compiled().numpy()).all()


def test_the_gradient_reaches_mean_and_log_variance():
    layer, seeds = GaussianSampling(), example_seeds(0, 5)
    mean, log_var = (tf.constant(x) for x in rows(5))
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        z = layer([mean, log_var], seed=seeds)
    by_mean, by_log_var = tape.gradient(z, [mean, log_var])
    np.testing.assert_array_equal(by_mean, np.ones((5, 4)))
    np.testing.assert_allclose(by_log_var, (z.numpy() - MEAN) / 2, rtol=1e-4, atol=1e-5)


def test_under_bfloat16_it_returns_float32():
    layer = GaussianSampling(dtype="mixed_bfloat16")
    for seed in (None, example_seeds(0, 3)):
        assert layer([tf.cast(x, tf.bfloat16) for x in rows(3)], seed=seed).dtype == tf.float32


def test_it_works_in_a_graph_whose_batch_is_unknown():
    layer, spec = GaussianSampling(), tf.TensorSpec([None, 4])
    call = tf.function(
        lambda mean, log_var, seed: layer([mean, log_var], seed=seed),
        input_signature=[spec, spec, tf.TensorSpec([None, 2], tf.int32)],
    )
    seeds = example_seeds(0, 3)
    np.testing.assert_allclose(call(*rows(3), seeds), layer(rows(3), seed=seeds), rtol=1e-6)
    assert layer.compute_output_shape([(None, 4), (None, 4)]) == (None, 4)


def test_it_serialises():
    layer = GaussianSampling(name="z", dtype="mixed_bfloat16")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, GaussianSampling) and copy.get_config() == layer.get_config()
    seeds = example_seeds(0, 3)
    np.testing.assert_array_equal(copy(rows(3), seed=seeds), layer(rows(3), seed=seeds))


def test_a_log_variance_is_bounded_from_above_and_its_gradient_is_not():
    x = tf.constant([-30.0, 0.5, 2.0, 2.5, 88.0, 1e6])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = bounded_log_var(x)
        loss = tf.reduce_sum(tf.exp(y))  # without the bound inf, from 89 on
    np.testing.assert_array_equal(y, [-30, 0.5, 2, 2, 2, 2])
    np.testing.assert_allclose(tape.gradient(loss, x), np.exp([-30, 0.5, 2, 2, 2, 2]), rtol=1e-6)
