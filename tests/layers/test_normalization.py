"""Batch normalisation's choices of statistics, against NumPy and against Keras' own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.layers import BatchNorm, InstanceNorm, SpectralNormalization, make_normalization

X = np.random.default_rng(0).normal(2, 3, (4, 6, 5, 3)).astype(np.float32)


def normalized(x, mean, variance, epsilon=1e-3):
    return (x - mean) / np.sqrt(variance + epsilon)


@pytest.fixture
def layer():
    layer = BatchNorm()
    layer.build(X.shape)
    layer.moving_mean.assign([1.0, 2.0, 3.0])
    layer.moving_variance.assign([4.0, 5.0, 6.0])
    return layer


def test_batch_statistics_are_the_batchs(layer):
    y = layer(X, statistics="batch")
    np.testing.assert_allclose(y, normalized(X, X.mean((0, 1, 2)), X.var((0, 1, 2))), atol=1e-4)


def test_image_statistics_are_each_images_own(layer):
    y = layer(X, statistics="image").numpy()
    expected = normalized(X, X.mean((1, 2), keepdims=True), X.var((1, 2), keepdims=True))
    np.testing.assert_allclose(y, expected, atol=1e-4)
    np.testing.assert_allclose(y[1:2], layer(X[1:2], statistics="image"), atol=1e-6)


def test_fixed_statistics_are_the_moving_ones_and_the_default(layer):
    y = layer(X, statistics="fixed")
    np.testing.assert_allclose(y, normalized(X, [1, 2, 3], np.array([4, 5, 6])), atol=1e-4)
    np.testing.assert_array_equal(y, layer(X))


def test_only_training_moves_the_moving_statistics(layer):
    before = layer.moving_mean.numpy()
    for statistics in ("batch", "image", "fixed"):
        layer(X, statistics=statistics)
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_measuring_stores_the_batchs_statistics_outright(layer):
    layer(X, statistics="measure")
    np.testing.assert_allclose(layer.moving_mean, X.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, X.var((0, 1, 2)), rtol=1e-5)


def test_training_equals_keras_own_layer_gradients_and_moving_statistics_included():
    results = []
    for layer in (BatchNorm(), keras.layers.BatchNormalization()):
        layer.build(X.shape)
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.sin(y))
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        results.append([y, *gradients, layer.moving_mean, layer.moving_variance])
    for ours, expected in zip(*results, strict=True):
        np.testing.assert_allclose(ours, expected, atol=2e-4)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_without_gamma_or_beta_it_equals_keras_own_layer_in_every_mode(center, scale):
    ours, keras_own = (
        kind(center=center, scale=scale, momentum=0.0)
        for kind in (BatchNorm, keras.layers.BatchNormalization)
    )
    for layer in (ours, keras_own):
        layer.build(X.shape)
        for i, weight in enumerate(layer.trainable_variables):
            weight.assign([1.5 + i, 2.0, 3.0])
    assert len(ours.trainable_variables) == center + scale
    of_images = np.concatenate([keras_own(X[i : i + 1], training=True) for i in range(len(X))])
    np.testing.assert_allclose(ours(X, statistics="image"), of_images, atol=1e-4)
    of_batch = keras_own(X, training=True)
    for mode in ({"training": True}, {"statistics": "batch"}, {"statistics": "measure"}):
        np.testing.assert_allclose(ours(X, **mode), of_batch, atol=1e-4)
        np.testing.assert_allclose(ours.moving_mean, keras_own.moving_mean, atol=1e-5)
        np.testing.assert_allclose(ours.moving_variance, keras_own.moving_variance, rtol=1e-5)
    np.testing.assert_allclose(ours(X), keras_own(X), atol=1e-4)
    instance = InstanceNorm(center=center, scale=scale)
    instance.build(X.shape)
    for weight, of_ours in zip(instance.weights, ours.trainable_variables, strict=True):
        weight.assign(of_ours)
    np.testing.assert_allclose(instance(X), of_images, atol=1e-4)


def test_a_single_value_for_each_channel_is_normalised_to_zero_and_stays_finite():
    layer = BatchNorm()
    y = layer(np.full((1, 1, 1, 3), 5.0, np.float32), training=True)
    np.testing.assert_array_equal(y, np.zeros((1, 1, 1, 3)))
    assert np.isfinite(layer.moving_variance.numpy()).all()


def test_statistics_stay_float32_in_bfloat16():
    layer = BatchNorm(dtype="mixed_bfloat16")
    y = layer(X, training=True)
    assert y.dtype == tf.bfloat16 and layer.moving_mean.dtype == "float32"
    np.testing.assert_allclose(layer.moving_mean, 0.01 * X.mean((0, 1, 2)), rtol=1e-2)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_statistics_of_another_type_are_refused_where_the_layer_is_made(dtype):
    with pytest.raises(
        ValueError, match=f"^dtype '{dtype}': .* float32 here, so take .*'mixed_float16'"
    ):
        BatchNorm(dtype=dtype)


@pytest.mark.parametrize("option", [{"axis": 1}, {"axis": -3}, {"renorm": True}])
def test_what_the_fused_kernel_does_not_do_is_refused_where_the_layer_is_made(option):
    ((name, value),) = option.items()
    with pytest.raises(ValueError, match=f"^{name}={value}: .*keras.layers.BatchNormalization$"):
        BatchNorm(**option)


def test_it_takes_the_channels_by_either_name_and_images_alone():
    np.testing.assert_array_equal(BatchNorm(axis=3)(X), BatchNorm()(X))
    with pytest.raises(ValueError, match=r"^BatchNorm takes \[B, H, W, C\], got \(4, 90\)"):
        BatchNorm().build((4, 90))


def test_a_mask_is_refused(layer):
    with pytest.raises(ValueError, match="mask: BatchNorm counts every pixel, take keras.layers"):
        layer(X, training=True, mask=np.ones(X.shape[:3], bool))


@pytest.mark.parametrize("option", [{"axis": 1}, {"axis": 2, "groups": 5}, {"groups": 1}])
def test_instance_normalisations_axis_and_groups_are_those_of_keras(option):
    y, expected = (
        kind(**{"groups": -1, **option})(X)
        for kind in (InstanceNorm, keras.layers.GroupNormalization)
    )
    np.testing.assert_array_equal(y, expected)
    assert (y.numpy() != InstanceNorm()(X).numpy()).any()


def test_instance_normalisation_is_each_images_own():
    y = InstanceNorm()(X)
    expected = normalized(X, X.mean((1, 2), keepdims=True), X.var((1, 2), keepdims=True))
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_unknown_kinds_are_refused(layer):
    with pytest.raises(ValueError, match="statistics 'other'"):
        layer(X, statistics="other")
    with pytest.raises(ValueError, match="normalization 'other'"):
        make_normalization("other")
    assert make_normalization("none") is None


def of_share(layer, x, weights):
    """A layer's outputs, the input's gradient and those of the weights."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(y * weights)
    return y, tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])


def made(kind):
    bare = {"center": False, "scale": False, "synchronized": True}
    layer = make_normalization(kind) if kind else BatchNorm(**bare)
    layer.build(X.shape)
    return layer


@pytest.mark.parametrize(("kind", "equal"), [("sync_batch", True), ("batch", False), (None, True)])
def test_synchronized_statistics_and_gradients_are_those_of_the_whole_batch(
    two_replicas, kind, equal
):
    x, weights = tf.constant(X), tf.constant(X[::-1] ** 2)
    whole = made(kind)
    y, (dx, *dweights) = of_share(whole, x, weights)
    with two_replicas.scope():
        layer = made(kind)
        for weight, of_whole in zip(
            layer.trainable_variables, whole.trainable_variables, strict=True
        ):
            weight.assign(of_whole)

    @tf.function
    def both():
        def run():
            share = tf.distribute.get_replica_context().replica_id_in_sync_group
            part = slice(2 * share, 2 * share + 2)
            return of_share(layer, x[part], weights[part])

        return two_replicas.run(run)

    shares, (dxs, *dshares) = both()
    for found, expected in (
        (tf.concat(shares.values, 0), y),
        (tf.concat(dxs.values, 0), dx),
        *((sum(d.values), e) for d, e in zip(dshares[:1], dweights, strict=False)),
        (layer.moving_variance, whole.moving_variance),
    ):
        assert np.allclose(found, expected, rtol=1e-4, atol=1e-4) == equal


def spectral(dtype="float32", **options):
    keras.utils.set_random_seed(2)
    layer = SpectralNormalization(keras.layers.Conv2D(5, 3, dtype=dtype), **options)
    layer.build((None, 8, 8, 4))
    layer.layer.bias.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    return layer


IMAGES = np.random.default_rng(3).normal(size=(2, 8, 8, 4)).astype(np.float32)


def divided(layer):
    """What the convolution gives with its kernel over that one's largest singular value, by NumPy's
    decomposition."""
    kernel = layer.layer.kernel.numpy()
    kernel = kernel / np.linalg.norm(kernel.reshape(-1, 5), 2)
    return tf.nn.conv2d(IMAGES, kernel, 1, "VALID") + layer.layer.bias


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_training_finds_a_kernels_largest_singular_value_and_leaves_the_kernel_alone(dtype):
    layer = spectral(dtype, power_iterations=2)
    before = layer.layer.kernel.numpy()
    for _ in range(20):
        found = layer(IMAGES, training=True)
    np.testing.assert_array_equal(layer.layer.kernel, before)
    assert found.dtype == ("bfloat16" if "bf" in dtype else "float32")
    tolerance = 0.05 if "bf" in dtype else 1e-4
    for outputs in (found, layer(IMAGES)):
        np.testing.assert_allclose(tf.cast(outputs, "float32"), divided(layer), atol=tolerance)


def test_the_gradient_is_of_the_quotient():
    """A kernel times a number is the same quotient, so the gradient has no part along it."""
    layer = spectral()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(IMAGES, training=True) ** 3)
    kernel = layer.layer.kernel
    gradient = tape.gradient(loss, kernel.value).numpy()
    assert np.abs(gradient).max() > 1
    along = np.sum(gradient * kernel.numpy()) / np.linalg.norm(gradient) / np.linalg.norm(kernel)
    assert abs(along) < 1e-4


def test_a_kernel_of_zeros_gives_zeros():
    layer = spectral()
    layer.layer.kernel.assign(np.zeros((3, 3, 4, 5)))
    np.testing.assert_array_equal(layer(IMAGES, training=True)[0, 0, 0], [1, 2, 3, 4, 5])
    assert np.isfinite(layer.vector_u).all()


def test_a_frozen_layers_estimate_stays_as_it_is():
    layer = spectral()
    layer.trainable = False
    before = [variable.numpy() for variable in layer.variables]
    layer(IMAGES, training=True)
    for variable, expected in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, expected)


def test_replicas_keep_the_estimate_that_one_device_has(two_replicas):
    with two_replicas.scope():
        many = spectral()
    one = spectral()
    outputs = two_replicas.run(tf.function(lambda: many(IMAGES, training=True)))
    expected = one(IMAGES, training=True)
    for replica in (0, 1):
        np.testing.assert_allclose(outputs.values[replica], expected, atol=1e-5)
    np.testing.assert_allclose(many.vector_u, one.vector_u, atol=1e-6)
