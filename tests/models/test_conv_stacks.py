"""The autoencoders' convolutions: shapes, parameters counted by hand, where what sits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.layers import BatchNorm
from tf_gen.models.conv_stacks import ConvDecoder, ConvEncoder, halved

STACKS = pytest.mark.parametrize("stack", [ConvEncoder, ConvDecoder])
NORMALIZATIONS = pytest.mark.parametrize("normalization", ["batch", "none"])
CASES = [  # (height, width), filters, pool_last, the grid in between
    ((16, 16), (4, 5, 6), True, (2, 2)),
    ((16, 24), (4, 5, 6), False, (4, 6)),
    ((8, 12), (3, 2), True, (2, 3)),
    ((6, 10), (7,), True, (3, 5)),
    ((5, 7), (7,), False, (5, 7)),
]


def images_of(sides, channels=3, count=2):
    return np.random.default_rng(0).uniform(0, 1, (count, *sides, channels)).astype(np.float32)


@NORMALIZATIONS
@pytest.mark.parametrize("sides, filters, pool_last, grid", CASES)
def test_the_encoder_shrinks_and_the_decoder_gives_the_size_back(
    sides, filters, pool_last, grid, normalization
):
    options = {"filters": filters, "normalization": normalization, "pool_last": pool_last}
    encoder, decoder = ConvEncoder(**options), ConvDecoder(**options, channels=4)
    x = encoder(images_of(sides))
    assert x.shape == (2, *grid, filters[-1])
    assert encoder.factor == sides[0] // grid[0] == sides[1] // grid[1]
    assert decoder(x).shape == (2, *sides, 4)
    assert encoder.compute_output_shape((None, *sides, 3)) == (None, *grid, filters[-1])
    assert tuple(decoder.compute_output_shape((None, *grid, filters[-1]))) == (None, *sides, 4)


def convolution(side, inputs, outputs):
    return side * side * inputs * outputs + outputs


@NORMALIZATIONS
@pytest.mark.parametrize("pool_last", [True, False])
def test_the_parameters_are_those_counted_by_hand(normalization, pool_last):
    options = {"normalization": normalization, "pool_last": pool_last}
    encoder, decoder = ConvEncoder(**options), ConvDecoder(**options)
    encoder.build((None, None, None, 3))
    decoder.build((None, None, None, 64))
    norms = {"batch": (4 * 16 + 4 * 32, 4 * 64 + 4 * 32), "none": (0, 0)}[normalization]
    expected = convolution(3, 3, 16) + convolution(3, 16, 32) + convolution(3, 32, 64)
    assert encoder.count_params() == expected + norms[0]
    expected = convolution(4 if pool_last else 3, 64, 64) + convolution(4, 64, 32)
    expected += convolution(4, 32, 16) + convolution(3, 16, 3)
    assert decoder.count_params() == expected + norms[1]


@pytest.mark.parametrize("pool_last", [True, False])
def test_the_decoder_reaches_every_pixel_equally_often(pool_last):
    options = {"filters": (1, 1), "normalization": "none", "pool_last": pool_last}
    decoder = ConvDecoder(**options, channels=1)
    decoder.build((None, 6, 6, 1))
    for v in decoder.variables:
        v.assign(tf.fill(v.shape, 0.0 if v.name == "bias" else 1.0))
    image = decoder(tf.ones([1, 6, 6, 1]))[0, :, :, 0].numpy()
    margin = 6 if pool_last else 4
    assert len(np.unique(image[margin:-margin, margin:-margin])) == 1


def kinds(stack):
    """The layers in the order in which an input passes them, by their first letters."""
    names = {
        keras.layers.Conv2D: "C", keras.layers.Conv2DTranspose: "T",
        keras.layers.MaxPooling2D: "P", BatchNorm: "N",
    }  # fmt: skip
    order, original = [], keras.layers.Layer.__call__

    def call(layer, *args, **kwargs):
        order.append(names.get(type(layer), ""))
        return original(layer, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.layers.Layer, "__call__", call)
        stack(images_of((8, 8), channels=6))
    return "".join(order)


@pytest.mark.parametrize(
    "stack, options, expected",
    [
        (ConvEncoder, {}, "CPNCPNC"),
        (ConvEncoder, {"pool_last": True}, "CPNCPNCP"),
        (ConvEncoder, {"normalization": "none"}, "CPCPC"),
        (ConvEncoder, {"filters": (4,)}, "C"),
        (ConvDecoder, {}, "TNTNTT"),
        (ConvDecoder, {"pool_last": True}, "TNTNTT"),
        (ConvDecoder, {"normalization": "none"}, "TTTT"),
    ],
)
def test_normalisation_sits_between_the_convolutions_only(stack, options, expected):
    assert kinds(stack(**{"filters": (4, 5, 6), **options})) == expected


@STACKS
def test_without_normalisation_there_is_nothing_but_kernels_and_biases(stack):
    layer = stack(normalization="none")
    layer.build((None, 8, 8, 6))
    assert {v.name for v in layer.variables} == {"kernel", "bias"}
    assert len(layer.trainable_variables) == len(layer.variables)


@STACKS
def test_training_moves_the_moving_statistics_and_changes_the_output(stack):
    layer, x = stack(filters=(4, 5, 6)), images_of((8, 8), channels=6)
    layer.build(x.shape)
    before = [v.numpy() for v in layer.non_trainable_variables]
    fixed = layer(x).numpy()
    for v, old in zip(layer.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(v, old)
    assert (layer(x, training=True).numpy() != fixed).any()
    moved = [
        (v.numpy() != old).any()
        for v, old in zip(layer.non_trainable_variables, before, strict=True)
    ]
    assert len(moved) == 4 and all(moved)  # two layers' mean and variance


def test_the_encoder_equals_its_kernels_applied_by_hand():
    encoder, x = ConvEncoder((2,), "none", pool_last=True), images_of((4, 6))
    encoder.build(x.shape)
    kernel, bias = (v.numpy() for v in encoder.variables)
    bias[:] = [0.3, -0.2]
    encoder.variables[1].assign(bias)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    convolved = np.zeros((2, 4, 6, 2))
    for i in range(4):
        for j in range(6):
            patch = padded[:, i : i + 3, j : j + 3]
            convolved[:, i, j] = np.einsum("bhwc,hwcd->bd", patch, kernel) + bias
    positive = np.maximum(convolved, 0)
    expected = positive.reshape(2, 2, 2, 3, 2, 2).max(axis=(2, 4))
    np.testing.assert_allclose(encoder(x), expected, atol=1e-5)


def test_the_decoder_returns_logits_of_both_signs():
    logits = ConvDecoder(filters=(4, 5, 6))(images_of((4, 4), channels=6) * 10).numpy()
    assert logits.min() < 0 < logits.max()


def test_under_bfloat16_the_convolutions_are_narrow_and_the_logits_float32():
    options = {"filters": (4, 5, 6), "dtype": "mixed_bfloat16"}
    encoder, decoder = ConvEncoder(**options), ConvDecoder(**options)
    x = encoder(images_of((8, 8)))
    logits = decoder(x)
    assert x.dtype == tf.bfloat16 and logits.dtype == tf.float32
    narrow = [*encoder.convolutions, *decoder.convolutions, *encoder.normalizations]
    assert {layer.compute_dtype for layer in narrow} == {"bfloat16"}
    assert {v.dtype for v in [*encoder.variables, *decoder.variables]} == {"float32"}
    coarse = tf.cast(tf.cast(logits, tf.bfloat16), tf.float32)
    assert (logits.numpy() != coarse.numpy()).any()


@STACKS
def test_it_serialises(stack):
    layer = stack(filters=(4, 5), normalization="none", pool_last=False, dtype="mixed_bfloat16")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, stack) and copy.get_config() == layer.get_config()
    x = images_of((4, 4), channels=5)
    assert copy(x).shape == layer(x).shape
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(tf.cast(copy(x), tf.float32), tf.cast(layer(x), tf.float32))


@STACKS
def test_an_unknown_normalisation_is_refused(stack):
    with pytest.raises(
        ValueError, match="normalization 'instance' is not one of batch, sync_batch, none"
    ):
        stack(normalization="instance")


@pytest.mark.parametrize(
    "sides, factor, expected", [((64, 64), 8, (8, 8)), ((16, 24), 4, (4, 6)), ((8, 8), 8, (1, 1))]
)
def test_a_size_that_can_be_halved_is(sides, factor, expected):
    assert halved(sides, factor) == expected


@pytest.mark.parametrize("sides", [(60, 64), (64, 60), (4, 8), (8, 4), (0, 0)])
def test_a_size_that_cannot_be_halved_is_named(sides):
    with pytest.raises(UserError, match=f"multiples of 8: got {sides[0]} x {sides[1]}$"):
        halved(sides, 8)
