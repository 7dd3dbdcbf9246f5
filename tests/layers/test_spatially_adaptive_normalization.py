"""SPADE by hand, and what a block of it adds up to."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.layers import SPADEBlock, SpatiallyAdaptiveNormalization
from tf_gen.layers.spatially_adaptive_normalization import resized

RNG = np.random.default_rng(0)
X = RNG.normal(2, 3, size=(2, 4, 6, 3)).astype(np.float32)
MAPS = np.eye(5, dtype=np.float32)[RNG.integers(0, 5, (2, 8, 12))]
AXES = {"batch": (0, 1, 2), "sync_batch": (0, 1, 2), "instance": (1, 2)}


def convolved(x, layer):
    return tf.nn.conv2d(x, layer.kernel, 1, "SAME") + layer.bias


@pytest.mark.parametrize("normalization", ["batch", "sync_batch", "instance", "none"])
def test_scale_and_shift_are_read_off_the_map(normalization):
    keras.utils.set_random_seed(1)
    layer = SpatiallyAdaptiveNormalization(normalization, hidden=4, factor=2)
    found = layer(X, MAPS, training=True)
    x = X
    if normalization != "none":
        axes = AXES[normalization]
        mean, variance = X.mean(axes, keepdims=True), X.var(axes, keepdims=True)
        x = (X - mean) / np.sqrt(variance + layer.norm.epsilon)
        assert not layer.norm.trainable_variables
    hidden = np.maximum(convolved(MAPS[:, 1::2, 1::2], layer.shared), 0)
    gamma, beta = np.split(convolved(hidden, layer.modulation), 2, axis=-1)
    np.testing.assert_allclose(found, (1 + gamma) * x + beta, atol=1e-5)


def test_classes_are_brought_to_size_by_the_nearest_and_images_by_means():
    maps = RNG.uniform(size=(2, 16, 24, 3)).astype(np.float32)
    for factor in (2, 4, 8):
        size = (16 // factor, 24 // factor)
        nearest, means = (tf.image.resize(maps, size, method=m) for m in ("nearest", "area"))
        np.testing.assert_array_equal(resized(maps, factor, classes=True), nearest)
        np.testing.assert_allclose(resized(maps, factor, classes=False), means, atol=1e-6)


def test_a_block_adds_what_its_two_convolutions_make_to_a_shortcut():
    keras.utils.set_random_seed(1)
    for filters in (3, 5):
        block = SPADEBlock(filters, spectral=False, normalization="instance", hidden=4, factor=2)
        found, x = block(X, MAPS), X
        for norm, convolution in zip(block.norms[:2], block.convolutions[:2], strict=True):
            x = convolved(np.maximum(norm(x, MAPS), 0), convolution)
        shortcut = X
        if filters != 3:
            shortcut = tf.nn.conv2d(
                block.norms[2](X, MAPS), block.convolutions[2].kernel, 1, "SAME"
            )
        np.testing.assert_allclose(found, shortcut + x, atol=1e-4)
        assert len(block.norms) == (2 if filters == 3 else 3)
