"""The products are the convolutions, and so are their gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.layers import DoublingConv2D, HalvingConv2D, ResizeConv2D
from tf_gen.layers.convolutions import SMALL_TO_DOUBLE, SMALL_TO_HALVE

KERAS = {HalvingConv2D: keras.layers.Conv2D, DoublingConv2D: keras.layers.Conv2DTranspose}


def outputs_and_gradients(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x)
        loss = tf.reduce_sum(outputs**2)
    return [outputs, *tape.gradient(loss, [x, *layer.trainable_variables])]


def kinds(layer, shape, batch=None):
    spec = tf.TensorSpec([batch, *shape], tf.float32)
    graph = tf.function(layer.__call__).get_concrete_function(spec).graph
    return {op.type for op in graph.get_operations()}


@pytest.mark.parametrize("cls", KERAS)
@pytest.mark.parametrize("shape", [(2, 2, 3), (4, 8, 3), (8, 2, 3), (3, 5, 3), (32, 16, 3)])
def test_the_same_as_keras_layers_to_rounding(cls, shape):
    ours = cls(5, use_bias=False) if cls is HalvingConv2D else cls(5)
    witness = KERAS[cls](5, 4, strides=2, padding="same", use_bias=False)
    x = tf.constant(np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32))
    ours(x), witness(x)
    witness.set_weights(ours.get_weights())
    pairs = zip(outputs_and_gradients(ours, x), outputs_and_gradients(witness, x), strict=True)
    for own, expected in pairs:
        np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", KERAS)
@pytest.mark.parametrize("side", [4, 64])
def test_an_activation_is_applied_to_small_and_large_images(cls, side):
    x = np.random.default_rng(0).normal(size=(1, side, side, 3)).astype(np.float32)
    assert np.min(cls(2, activation="relu")(x)) == 0


def test_only_small_images_of_known_size_become_products():
    down, up = HalvingConv2D(2), DoublingConv2D(2)
    assert "MatMul" in kinds(down, (SMALL_TO_HALVE, SMALL_TO_HALVE, 3))
    assert "MatMul" in kinds(up, (SMALL_TO_DOUBLE, SMALL_TO_DOUBLE, 3))
    for layer, shape in (
        (down, (2 * SMALL_TO_HALVE, SMALL_TO_HALVE, 3)),
        (down, (None, None, 3)),
        (down, (3, 3, 3)),
        (up, (2 * SMALL_TO_DOUBLE, SMALL_TO_DOUBLE, 3)),
        (up, (None, None, 3)),
    ):
        assert "MatMul" not in kinds(layer, shape)


@pytest.mark.parametrize("cls", KERAS)
def test_a_product_cuts_by_slices_whose_gradient_is_a_padding(cls):
    layer = cls(2)
    layer.build((None, 8, 8, 3))
    spec = tf.TensorSpec([None, 8, 8, 3], tf.float32)
    step = tf.function(lambda x: outputs_and_gradients(layer, x)).get_concrete_function(spec)
    found = {op.type for op in step.graph.get_operations()}
    assert "Slice" in found and "StridedSliceGrad" not in found


@pytest.mark.parametrize("cls", KERAS)
def test_computed_in_the_policys_dtype_with_float32_weights(cls):
    layer = cls(2, dtype="mixed_bfloat16")
    assert layer(np.zeros((1, 2, 2, 3), np.float32)).dtype == tf.bfloat16
    assert layer.kernel.dtype == "float32"


@pytest.mark.parametrize("cls", KERAS)
def test_a_layer_comes_back_from_its_configuration(cls):
    layer = cls(2, name="deep")
    again = cls.from_config(layer.get_config())
    assert again.filters == 2 and again.kernel_size == (4, 4) and again.name == "deep"


@pytest.mark.parametrize("shape", [(2, 2, 3), (3, 5, 3), (32, 16, 3)])
def test_a_resize_convolution_is_keras_repeated_pixels_and_its_convolution(shape):
    ours = ResizeConv2D(5, bias_initializer="ones")
    witness = keras.Sequential(
        [keras.layers.UpSampling2D(2), keras.layers.Conv2D(5, 3, padding="same")]
    )
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    ours(x), witness(x)
    kernel, bias = ours.get_weights()
    assert kernel.shape == (3, 3, 5, 3)
    witness.set_weights([kernel[::-1, ::-1].transpose(0, 1, 3, 2), bias])
    np.testing.assert_allclose(ours(x), witness(x), rtol=1e-4, atol=1e-4)
    found = ours.compute_output_shape((None, *shape))
    assert tuple(found) == witness.compute_output_shape((None, *shape))


def test_a_resize_convolution_comes_back_from_its_configuration():
    layer = ResizeConv2D(2, use_bias=False, activation="relu", dtype="mixed_bfloat16")
    outputs = layer(np.ones((1, 4, 4, 3), np.float32))
    again = ResizeConv2D.from_config(layer.get_config())
    again.build((None, 4, 4, 3))
    again.set_weights(layer.get_weights())
    assert outputs.dtype == tf.bfloat16 and np.min(outputs) == 0
    np.testing.assert_array_equal(again(np.ones((1, 4, 4, 3), np.float32)), outputs)


@pytest.mark.parametrize("side", [2, 8, 16])
def test_groups_are_those_of_keras_at_every_size(side):
    ours = HalvingConv2D(6, groups=2)
    witness = keras.layers.Conv2D(6, 4, strides=2, padding="same", groups=2)
    x = np.random.default_rng(0).normal(size=(3, side, side, 4)).astype(np.float32)
    ours(x), witness(x)
    witness.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), witness(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [4, 32])
def test_a_bias_and_low_rank_weights_are_used_at_every_size(side):
    ours = HalvingConv2D(6, bias_initializer="ones")
    witness = keras.layers.Conv2D(6, 4, strides=2, padding="same")
    x = np.random.default_rng(0).normal(size=(3, side, side, 4)).astype(np.float32)
    for layer in (ours, witness):
        layer(x)
        layer.enable_lora(2, b_initializer="ones")
    for weight, of_ours in zip(witness.weights, ours.weights, strict=True):
        weight.assign(of_ours)
    np.testing.assert_allclose(ours(x), witness(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", KERAS)
def test_channels_first_are_refused_where_the_layer_is_made(cls):
    with pytest.raises(ValueError, match="^data_format='channels_first': the channels come last"):
        cls(2, data_format="channels_first")


def test_an_output_padding_is_refused_where_the_layer_is_made():
    with pytest.raises(ValueError, match=r"^output_padding=\(1, 1\): the output is twice"):
        DoublingConv2D(2, output_padding=1)


@pytest.mark.parametrize("cls", KERAS)
def test_a_dilation_is_refused_by_keras_where_the_layer_is_made(cls):
    with pytest.raises(ValueError, match="not supported in conjunction with `dilation_rate > 1`"):
        cls(2, dilation_rate=2)
