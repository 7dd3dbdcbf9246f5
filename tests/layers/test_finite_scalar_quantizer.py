"""Finite scalar quantisation against the paper's lines in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.layers import FiniteScalarQuantizer

LEVELS = [(8, 8, 8), (8, 5, 5, 5), (2, 3), (7,)]
every_grid = pytest.mark.parametrize("levels", LEVELS)


def inputs(levels):
    return np.random.default_rng(0).normal(0, 2, (5, 4, 6, len(levels))).astype(np.float32)


def bounded(z, levels):
    """``bound`` of the paper's appendix."""
    levels = np.asarray(levels)
    half_l = (levels - 1) * (1 - 1e-3) / 2
    offset = np.where(levels % 2 == 1, 0.0, 0.5)
    shift = np.tan(offset / half_l)
    return np.tanh(z + shift) * half_l - offset


@every_grid
def test_vectors_and_codes_are_the_papers(levels):
    z = inputs(levels)
    whole = np.round(bounded(z.astype(float), levels))
    half_width = np.asarray(levels) // 2
    basis = np.concatenate([[1], np.cumprod(levels[:-1])])
    found = FiniteScalarQuantizer(levels)(z)
    np.testing.assert_allclose(found["quantized"], whole / half_width, atol=1e-6)
    np.testing.assert_array_equal(found["codes"], ((whole + half_width) * basis).sum(-1))
    assert found["codebook_loss"] == found["commitment_loss"] == 0


@every_grid
def test_backwards_rounding_is_the_identity_and_the_bound_is_not(levels):
    z = tf.constant(inputs(levels))
    weights = np.random.default_rng(1).normal(size=z.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = tf.reduce_sum(FiniteScalarQuantizer(levels)(z)["quantized"] * weights)
    step = 1e-5
    wide = z.numpy().astype(float)
    slope = (bounded(wide + step, levels) - bounded(wide - step, levels)) / (2 * step)
    expected = weights * slope / (np.asarray(levels) // 2)
    np.testing.assert_allclose(tape.gradient(value, z), expected, rtol=1e-3, atol=1e-5)


@every_grid
def test_each_code_has_a_vector_of_its_own_that_an_input_can_reach(levels):
    layer = FiniteScalarQuantizer(levels)
    vectors = layer.lookup(np.arange(layer.codes)).numpy()
    assert layer.codes == np.prod(levels) == len(np.unique(vectors, axis=0))
    assert np.abs(vectors).max() == 1
    half_width = np.asarray(levels) // 2
    reach = (np.asarray(levels) - 1) * (1 - 1e-3) / 2
    offset = np.where(np.asarray(levels) % 2 == 1, 0.0, 0.5)
    squashed = (vectors * half_width + offset) / reach  # beyond 1 at the ends
    z = np.arctanh(np.clip(squashed, -0.9999999, 0.9999999)) - np.tan(offset / reach)
    found = layer(z.astype(np.float32))
    np.testing.assert_array_equal(found["codes"], np.arange(layer.codes))
    np.testing.assert_array_equal(found["quantized"], vectors)


def test_it_has_no_weights_and_what_is_not_finite_still_has_a_code():
    layer = FiniteScalarQuantizer([8, 8])
    found = layer(np.full((3, 2), np.nan, np.float32), training=True)
    assert not layer.variables and np.isnan(found["quantized"]).all()
    assert set(found["codes"].numpy()) <= set(range(64))


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((), "number_of_levels 0: must be at least 1"),
        ((8, 1), "levels 1: must be at least 2"),
        ((4096, 8192), r"levels \(4096, 8192\): 33554432 codes, at most"),
    ],
)
def test_a_grid_that_is_none_is_refused(levels, message):
    with pytest.raises(UserError, match=message):
        FiniteScalarQuantizer(levels)


def test_another_number_of_channels_is_refused():
    with pytest.raises(UserError, match="takes 3 channels, got 4"):
        FiniteScalarQuantizer([8, 8, 8])(np.zeros((2, 4), np.float32))
