"""Several discriminators: what each is shown, and what comes of a step against them."""

import keras
import numpy as np
import pytest

import tf_gen
from tf_gen import MultiScaleDiscriminator, PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.errors import UserError

SMALL = {"filters": 2, "receptive_field": 16, "normalization": "none"}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)


def test_each_judges_the_means_of_three_by_three_pixels_of_the_one_before():
    keras.utils.set_random_seed(1)
    model = MultiScaleDiscriminator(3, conditional=False, **SMALL)
    found = model(IMAGES)
    assert [logits.shape[1] for logits in found] == [30, 14, 6]
    halved = np.zeros((2, 32, 32, 3), np.float32)
    for i in range(32):
        for j in range(32):  # at the far edges there are two
            halved[:, i, j] = IMAGES[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].mean(axis=(1, 2))
    np.testing.assert_allclose(found[1], model.discriminators[1](halved), atol=1e-5)


def test_of_one_scale_it_is_a_patch_discriminator():
    keras.utils.set_random_seed(1)
    model = MultiScaleDiscriminator(1, **SMALL)
    (logits,) = model([IMAGES, -IMAGES])
    (witness,) = model.discriminators
    assert isinstance(witness, PatchDiscriminator)
    np.testing.assert_array_equal(logits, witness([IMAGES, -IMAGES]))


def test_features_are_what_every_layer_but_the_last_gives():
    model = MultiScaleDiscriminator(2, **SMALL)
    logits, features = model([IMAGES, -IMAGES], features=True)
    assert [[x.shape[1:] for x in one] for one in features] == [
        [(32, 32, 2), (31, 31, 4)], [(16, 16, 2), (15, 15, 4)],
    ]  # fmt: skip
    np.testing.assert_array_equal(logits[1], model([IMAGES, -IMAGES])[1])
    assert all((x.numpy() > 0).any() and (x.numpy() < 0).any() for one in features for x in one)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_the_keras_file_gives_back_the_model_whose_logits_are_float32(tmp_path, dtype):
    model = MultiScaleDiscriminator(2, dtype=dtype, **SMALL)
    expected = model([IMAGES, -IMAGES])
    model.save(tmp_path / "model.keras")
    found = tf_gen.load(tmp_path / "model.keras")([IMAGES, -IMAGES])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == "float32"


def made(weight, update="simultaneous"):
    keras.utils.set_random_seed(3)
    model = Pix2Pix(
        UNetGenerator(2, 3, normalization="instance", dropout=0.0),
        MultiScaleDiscriminator(2, **SMALL), update=update, feature_matching_weight=weight,
    )  # fmt: skip
    model.compile()
    model.build(IMAGES.shape)
    model.build_optimizers()
    return model


def weights(network):
    return [v.numpy() for v in network.trainable_variables]


def test_the_generator_alone_matches_features():
    with_them, without = made(10.0), made(0.0)
    pair = (IMAGES, -IMAGES)
    fakes = with_them.generator(IMAGES, training=True)
    (_, real), (_, fake) = (
        with_them.discriminator([IMAGES, x], features=True) for x in (-IMAGES, fakes)
    )
    expected = (
        sum(
            np.abs(y - x).mean()
            for of_real, of_fake in zip(real, fake, strict=True)
            for y, x in zip(of_real, of_fake, strict=True)
        )
        / 2
    )
    logs, plain = with_them.train_step(pair), without.train_step(pair)
    np.testing.assert_allclose(logs["feature_matching_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(
        logs["generator_loss"] - plain["generator_loss"], 10 * expected, rtol=1e-3
    )
    for a, b in zip(weights(with_them.discriminator), weights(without.discriminator), strict=True):
        np.testing.assert_array_equal(a, b)
    moved = zip(weights(with_them.generator), weights(without.generator), strict=True)
    assert any((a != b).any() for a, b in moved)


def test_the_history_has_the_term():
    model = made(10.0, "alternating")
    history = model.fit(IMAGES, -IMAGES, batch_size=1, verbose=0).history
    assert np.isfinite(history["feature_matching_loss"]).all()
    assert "feature_matching_loss" not in made(0.0).log_names


def test_no_scale_is_refused():
    with pytest.raises(UserError, match="scales 0: must be at least 1"):
        MultiScaleDiscriminator(0)
