"""Mirrored edges, and blocks written out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.layers import ConvNorm, ReflectionPadding2D, ResidualBlock

X = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)


def test_edges_are_mirrored_as_numpy_does():
    found = ReflectionPadding2D(3)(X)
    expected = np.pad(X, [(0, 0), (3, 3), (3, 3), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(found, expected)


def by_hand(x, layer):
    """A ConvNorm of stride 1 without upsampling, its activation left out."""
    pad = layer.kernel_size // 2
    x = np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)], mode="reflect")
    x = tf.nn.conv2d(x, layer.convolution.kernel, 1, "VALID").numpy()
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    return (x - mean) / np.sqrt(variance + layer.norm.epsilon) * layer.norm.gamma + layer.norm.beta


def test_a_residual_block_adds_what_two_convolutions_make():
    keras.utils.set_random_seed(1)
    block = ResidualBlock(3)
    found = block(X)
    inner = np.maximum(by_hand(X, block.first), 0)
    np.testing.assert_allclose(found, X + by_hand(inner, block.second), atol=1e-4)


def test_noise_within_a_block_is_that_of_the_seeds_and_can_be_off():
    block, seeds = ResidualBlock(3, dropout=0.5), tf.constant([[1, 2], [3, 4]])
    quiet, noisy = block(X), block(X, dropout=True, seed=seeds)
    np.testing.assert_array_equal(noisy, block(X, dropout=True, seed=seeds))
    assert (noisy.numpy() != quiet.numpy()).any()


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_upsampling_doubles_height_and_width(upsampling):
    layer = ConvNorm(5, upsampling=upsampling)
    assert layer(X).shape == tuple(layer.compute_output_shape(X.shape)) == (2, 12, 16, 5)


def test_resizing_repeats_pixels_before_the_convolution():
    keras.utils.set_random_seed(1)
    layer = ConvNorm(5, upsampling="resize", activate=False)
    found = layer(X)
    repeated = X.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(found, by_hand(repeated, layer), atol=1e-4)
