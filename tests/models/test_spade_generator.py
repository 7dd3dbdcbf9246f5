"""SPADE's generator: what it reads, its noise, its training."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import MultiScaleDiscriminator, Pix2Pix, SPADEGenerator
from tf_gen.errors import UserError
from tf_gen.layers import example_seeds
from tf_gen.metrics.street_maps import COLOURS, MAP_CLASSES, map_classes

RNG = np.random.default_rng(0)
SMALL = {"filters": 2, "halvings": 2}
STREETS = np.float32([[[234, 230, 222]], [[255, 255, 255]], [[179, 209, 255]]]) / 127.5 - 1


def pictures(count=2, height=48, width=48):
    """Maps of three colours, in [-1, 1]."""
    return (
        STREETS[RNG.integers(0, 3, (count, height // 8, width // 8)), 0].repeat(8, 1).repeat(8, 2)
    )


def pix2pix(optimizer="adam", **options):
    given = {**SMALL, "input_kind": "colours", **options}
    discriminator = MultiScaleDiscriminator(2, 2, normalization="instance", spectral=True)
    model = Pix2Pix(
        SPADEGenerator(**given), discriminator, "hinge",
        reconstruction_weight=0.0, feature_matching_weight=10.0,
    )  # fmt: skip
    model.compile(optimizer)
    model.build((None, 48, 48, 3))
    model.build_optimizers()
    return model


def test_a_shade_of_a_colour_changes_nothing_where_classes_are_read_and_all_where_the_image_is():
    images, shade = pictures(1, 16, 24), np.float32(4 / 255)
    for kind, same in (("colours", True), ("image", False)):
        model = SPADEGenerator(**SMALL, input_kind=kind)
        found, other = model(images), model(images - shade)
        assert found.shape == images.shape and np.abs(found).max() < 1
        assert (found.numpy() == other.numpy()).all() == same


def test_in_bfloat16_the_same_classes_are_read():
    model = SPADEGenerator(2, 1, input_kind="colours", dtype="mixed_bfloat16")
    images = RNG.uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    colours = np.float32([dict(COLOURS)[name] for name in MAP_CLASSES]) / 127.5 - 1
    pure = colours[map_classes(images / 2 + 0.5)]
    np.testing.assert_array_equal(model(images), model(pure))


def test_classes_by_level_are_read_as_such():
    model = SPADEGenerator(**SMALL, input_kind="classes", classes=3)
    levels = np.float32([0, 1, 2, 255])[RNG.integers(0, 4, (2, 8, 8, 1))]
    read = model.read(levels / 127.5 - 1)
    np.testing.assert_array_equal(read, np.eye(256)[levels[..., 0].astype(int)][..., :3])
    assert model(levels / 127.5 - 1).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(("kind", "channels"), [("colours", 1), ("classes", 3)])
def test_images_of_other_channels_are_refused(kind, channels):
    model = SPADEGenerator(**SMALL, input_kind=kind, classes=3)
    with pytest.raises(UserError, match=f'input_kind="{kind}" takes images of'):
        model(np.zeros((1, 8, 8, channels), np.float32))


def test_sizes_are_multiples_of_its_factor_and_classes_have_a_number():
    model = SPADEGenerator(**SMALL)
    assert model.factor == 4 and model(np.zeros((1, 4, 12, 3), np.float32)).shape == (1, 4, 12, 3)
    with pytest.raises(UserError, match="multiples of 4: got 10 x 8"):
        model(np.zeros((1, 10, 8, 3), np.float32))
    with pytest.raises(ValueError, match="say how many"):
        SPADEGenerator(input_kind="classes")


def test_without_a_latent_vector_there_is_no_noise():
    model, images = SPADEGenerator(**SMALL, normalization="instance"), pictures()
    np.testing.assert_array_equal(model(images, dropout=True), model(images))


@pytest.mark.parametrize(
    "size", [pytest.param(16, marks=pytest.mark.slow), 24]
)  # the paper's first feature map, and one of another size
def test_a_latent_vector_is_a_pure_function_of_seed_step_and_example(size):
    keras.utils.set_random_seed(1)
    model = SPADEGenerator(**SMALL, normalization="instance", latent_dim=4)
    images = pictures(3, size, size)
    seeds, others = example_seeds(7, 3), example_seeds(7, 3, step=1)
    noisy = model(images, dropout=True, seed=seeds).numpy()
    np.testing.assert_array_equal(noisy, model(images, dropout=True, seed=seeds))
    of_any_size = tf.function(
        lambda images, seeds: model(images, dropout=True, seed=seeds),
        input_signature=[tf.TensorSpec([None] * 3 + [3]), tf.TensorSpec([None, 2], tf.int32)],
    )
    np.testing.assert_allclose(noisy, of_any_size(images, seeds), atol=1e-5)
    np.testing.assert_allclose(
        noisy[1:2], model(images[1:2], dropout=True, seed=seeds[1:2]), atol=1e-5
    )
    for other in (model(images, dropout=True, seed=others), model(images)):
        assert np.abs(noisy - other).max(axis=(1, 2, 3)).min() > 1e-3
    np.testing.assert_array_equal(model(images), model(images))


@pytest.mark.parametrize("latent_dim", [None, pytest.param(4, marks=pytest.mark.slow)])
def test_a_step_of_training_moves_every_weight_and_the_discriminator_sees_the_classes(latent_dim):
    keras.utils.set_random_seed(1)
    model = pix2pix(latent_dim=latent_dim)
    first = model.discriminator.discriminators[0].stack[0].convolution
    assert first.kernel.shape[2] == 5 + 3
    for one in model.discriminator.discriminators:  # between hinges both sides' pulls cancel
        one.logits.layer.bias.assign([2.0])
    images = pictures()
    before = [variable.numpy() for variable in model.trainable_variables]
    logs = model.train_step((images, -images))
    assert np.isfinite([*logs.values()]).all()
    still = [
        variable.path
        for variable, old in zip(model.trainable_variables, before, strict=True)
        if (variable.numpy() == old).all()
    ]
    assert not still


@pytest.mark.slow
def test_two_replicas_with_synchronised_statistics_train_as_one_device_does(two_replicas):
    images = pictures(4)
    data = tf.data.Dataset.from_tensor_slices((images, -images)).batch(4)
    trained = []
    for scope in (two_replicas.scope(), contextlib.nullcontext()):
        keras.utils.set_random_seed(1)
        with scope:
            # Adam makes much of the rounding of a bias that normalisation takes away again
            model = pix2pix("sgd", halvings=1, latent_dim=4)
        model.fit(data, shuffle=False, verbose=0)
        trained.append([variable for variable in model.variables if "seed" not in variable.path])
    for many, one in zip(*trained, strict=True):
        np.testing.assert_allclose(many, one, rtol=0, atol=1e-5, err_msg=one.path)
