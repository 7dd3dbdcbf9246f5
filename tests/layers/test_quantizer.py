"""How a gradient passes a quantiser, against NumPy, and what all quantisers keep to."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.layers import (
    FiniteScalarQuantizer,
    Quantizer,
    ResidualQuantizer,
    VectorQuantizer,
    VectorQuantizerEMA,
)
from tf_gen.layers.quantizer import estimated

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 2, 3, 3)).astype(np.float32)
E = RNG.normal(size=Z.shape).astype(np.float32)
WEIGHTS = RNG.normal(size=Z.shape).astype(np.float32)

QUANTIZERS = {
    "gradient": lambda **options: VectorQuantizer(6, **options),
    "rotation": lambda **options: VectorQuantizer(6, estimator="rotation", **options),
    "ema": lambda **options: VectorQuantizerEMA(6, restart_below=0.5, start="kmeans", **options),
    "finite_scalar": lambda **options: FiniteScalarQuantizer([4, 3, 5], **options),
    "residual": lambda **options: ResidualQuantizer(
        [VectorQuantizerEMA(6, start="kmeans", seed=n, **options) for n in (1, 2)],
        estimator="rotation", **options,
    ),
}  # fmt: skip
every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)


def made(name, **options):
    layer = QUANTIZERS[name](**options)
    layer.build(Z.shape)
    if layer.needs_start:
        layer.start_from(Z)
    return layer


# How a gradient passes -------------------------------------------------------------------


def gradient(estimator, z, vectors):
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        found = estimated(z, vectors, estimator)
        value = tf.reduce_sum(found * WEIGHTS[..., : z.shape[-1]])
    np.testing.assert_array_equal(found, vectors)
    return tape.gradient(value, z).numpy()


def test_straight_through_the_gradient_is_what_comes_in():
    np.testing.assert_array_equal(gradient("straight_through", Z, E), WEIGHTS)


def rotation(z, e):
    """|e| / |z| R by an orthonormal basis of the plane of both: turned there, kept elsewhere."""
    first, to = z / np.linalg.norm(z), e / np.linalg.norm(e)
    second = to - (to @ first) * first
    second /= np.linalg.norm(second)
    c, s = to @ first, to @ second
    turn = (
        np.eye(len(z)) - np.outer(first, first) - np.outer(second, second)
        + np.outer(c * first + s * second, first) + np.outer(c * second - s * first, second)
    )  # fmt: skip
    return turn * np.linalg.norm(e) / np.linalg.norm(z)


def test_by_rotation_the_gradient_is_turned_and_scaled_as_z_is_into_its_vector():
    found = gradient("rotation", Z, E)
    for i in np.ndindex(Z.shape[:-1]):
        turn = rotation(Z[i].astype(float), E[i].astype(float))
        np.testing.assert_allclose(turn @ Z[i], E[i], atol=1e-6)
        np.testing.assert_allclose(found[i], turn.T @ WEIGHTS[i], rtol=1e-4, atol=1e-5)


def test_by_rotation_the_gradients_angle_to_the_vector_becomes_its_angle_to_z():
    def cosines(a, b):
        return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)

    found = gradient("rotation", Z, E)
    np.testing.assert_allclose(cosines(found, Z), cosines(WEIGHTS, E), atol=1e-5)


@pytest.mark.parametrize("scale", [-1.0, 0.5])
def test_a_rotation_of_vectors_on_one_line_is_finite_and_keeps_the_rest(scale):
    found = gradient("rotation", Z, scale * Z)
    along = Z * (WEIGHTS * Z).sum(-1, keepdims=True) / (Z * Z).sum(-1, keepdims=True)
    across = WEIGHTS - along
    expected = scale * along + abs(scale) * across
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("z", "vectors"), [(0 * Z, E), (Z, 0 * E), (0 * Z, 0 * E)])
def test_where_a_vector_has_no_direction_the_gradient_passes_straight(z, vectors):
    np.testing.assert_array_equal(gradient("rotation", z, vectors), WEIGHTS)


# The contract ----------------------------------------------------------------------------


@every_quantizer
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_it_gives_what_the_contract_says_in_float32_whatever_the_compute_type(name, dtype):
    layer, kind = made(name, dtype=dtype), "bfloat16" if "b" in dtype else "float32"
    z = tf.cast(Z, kind)
    found = layer(z, training=False)
    assert set(found) == {"quantized", "codes", "codebook_loss", "commitment_loss"}
    assert found["quantized"].dtype == kind and found["quantized"].shape == Z.shape
    assert found["codes"].dtype == tf.int32
    assert found["codes"].shape == (*Z.shape[:-1], *layer.code_shape)
    assert 0 <= found["codes"].numpy().min() < found["codes"].numpy().max() < layer.codes
    assert found["codebook_loss"].dtype == found["commitment_loss"].dtype == tf.float32
    exact = made(name)(tf.cast(z, tf.float32))
    np.testing.assert_array_equal(found["codes"], exact["codes"])
    vectors = layer.lookup(found["codes"])
    assert vectors.dtype == tf.float32
    np.testing.assert_allclose(vectors, exact["quantized"], atol=1e-6)


@every_quantizer
def test_in_a_graph_of_unknown_shape_it_finds_the_same(name):
    layer = made(name)
    spec = tf.TensorSpec([None, None, None, 3])
    found = tf.function(lambda z: layer(z), input_signature=[spec])(Z)
    np.testing.assert_array_equal(found["codes"], layer(Z)["codes"])


@every_quantizer
def test_its_bits_count_the_codes_of_a_vector(name):
    layer = made(name)
    every = layer.codes ** int(np.prod(layer.code_shape))
    assert layer.bits == pytest.approx(np.log2(every))


@every_quantizer
def test_it_serialises(name):
    layer = QUANTIZERS[name](dtype="mixed_bfloat16")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer) and isinstance(copy, Quantizer)
    assert copy.get_config() == layer.get_config()


@every_quantizer
def test_a_frozen_one_does_not_move(name):
    layer = made(name)
    before = [v.numpy() for v in layer.variables]
    layer.trainable = False
    layer(Z + 1, training=True)
    for old, new in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, new)


@every_quantizer
def test_a_code_out_of_range_is_refused_with_the_range(name):
    layer = made(name)
    codes = np.full((1, 2, 2, *layer.code_shape), layer.codes)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"lie in 0 ... {layer.codes - 1},"):
        layer.lookup(codes)
