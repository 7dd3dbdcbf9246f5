"""What is fitted to a VAE's latents, against scikit-learn, NumPy and closed forms."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.mixture import GaussianMixture

import tf_gen
from tf_gen import CVAE, VAE
from tf_gen.errors import UserError
from tf_gen.models.latent_fit import LatentFit, fit_latents

SMALL = {"image_size": 16, "latent_dim": 3, "filters": (4, 4, 8)}
IMAGES = np.random.default_rng(0).uniform(0, 1, (20, 16, 16, 3)).astype(np.float32)
LABELS = np.arange(20, dtype=np.int32) % 2


def latents(classes=1):
    """[400, 3] in two groups, correlated, and their classes."""
    random, labels = np.random.default_rng(1), np.arange(400) % classes
    spread = np.array([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.3, 0.2]])
    groups = np.where(np.arange(400)[:, None] < 100, [4.0, 0.0, 0.0], [-4.0, 1.0, 0.0])
    drawn = random.standard_normal((400, 3)) @ spread.T + groups + 10.0 * labels[:, None]
    return drawn.astype(np.float32), labels


@pytest.mark.parametrize("components", [1, 3])
def test_the_gaussians_are_scikit_learns(components):
    means, labels = latents()
    found = fit_latents(means, labels, 1, components, seed=5)
    expected = GaussianMixture(components, random_state=5).fit(means.astype(np.float64))
    np.testing.assert_allclose(found.weights[0], expected.weights_, rtol=1e-5)
    np.testing.assert_allclose(found.means[0], expected.means_, rtol=1e-4, atol=1e-5)
    covariances = found.factors[0] @ found.factors[0].swapaxes(1, 2)
    np.testing.assert_allclose(covariances, expected.covariances_, rtol=1e-4, atol=1e-5)


def test_each_class_is_drawn_from_its_own_gaussians():
    fit = fit_latents(*latents(2), 2, 2, seed=0)
    drawn = fit.sample(tf.ones([40_000], tf.int32), seed=3).numpy()
    weights, means, factors = fit.weights[1], fit.means[1], fit.factors[1]
    mean = weights @ means
    apart = means - mean
    covariance = np.einsum("k,kij->ij", weights, factors @ factors.swapaxes(1, 2))
    covariance += np.einsum("k,ki,kj->ij", weights, apart, apart)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.02 * covariance.max())
    assert (drawn.mean(axis=0) > 5).any() and fit.sample([0], 3).numpy().max() < 10


def test_directions_are_the_principal_components_within_the_classes():
    means, labels = latents(2)
    found = fit_latents(means, labels, 2, 0, seed=0).directions
    within = np.concatenate([means[labels == k] - means[labels == k].mean(axis=0) for k in (0, 1)])
    values, vectors = np.linalg.eigh(np.cov(within.T, bias=True))
    expected = (vectors * np.sqrt(values)).T[::-1]
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-4)


def test_fewer_images_than_latents_leave_the_last_directions_zero():
    found = fit_latents(latents()[0][:2], np.zeros(2, int), 1, 1, seed=0)
    assert found.directions.shape == (3, 3)
    np.testing.assert_allclose(found.directions[1:], 0.0, atol=1e-6)
    assert np.isfinite(found.factors).all()


@pytest.fixture
def fitted():
    keras.utils.set_random_seed(1)
    model = VAE(**SMALL)
    model.fit_latents(IMAGES, components=2)
    return model


def test_an_image_is_a_function_of_the_seed_and_its_place(fitted):
    many = fitted.sample_mixture(5, [1, 2]).numpy()
    np.testing.assert_allclose(fitted.sample_mixture(2, [1, 2]), many[:2], atol=1e-6)
    assert np.abs(fitted.sample_mixture(5, [1, 3]) - many).max() > 1e-4


def test_arrays_and_batches_are_fitted_alike(fitted):
    before = fitted.latent_fit
    fitted.fit_latents(tf.data.Dataset.from_tensor_slices(IMAGES).batch(7), components=2)
    for one, other in zip(before, fitted.latent_fit, strict=True):
        np.testing.assert_allclose(np.abs(one), np.abs(other), rtol=1e-3, atol=1e-5)


def test_files_keep_what_was_fitted_and_training_forgets_it(fitted, tmp_path):
    expected, path = fitted.sample_mixture(3, 7).numpy(), tmp_path / "model.keras"
    fitted.save(path)
    fitted.save_weights(tmp_path / "of.weights.h5")
    loaded, other = tf_gen.load(path), VAE(**SMALL)
    np.testing.assert_array_equal(loaded.sample_mixture(3, 7), expected)
    np.testing.assert_array_equal(loaded.directions(2), fitted.directions(2))
    loaded.compile("adam")
    loaded.fit(IMAGES, verbose=0)
    with pytest.raises(UserError, match="call fit_latents with the training images first"):
        loaded.sample_mixture(3)
    other.load_weights(tmp_path / "of.weights.h5")
    np.testing.assert_array_equal(other.sample_mixture(3, 7), expected)


def test_a_conditional_vae_decodes_under_the_label_that_it_drew_for():
    model = CVAE(2, **SMALL)
    model.fit_latents((IMAGES, LABELS))
    labels = np.array([1, 0, 1])
    expected = model.decode(model.latent_fit.sample(tf.constant(labels), 4), labels)
    np.testing.assert_allclose(model.sample_mixture(labels, 4), expected, atol=1e-6)


@pytest.mark.parametrize(
    "images, components, message",
    [
        (IMAGES, -1, "components -1: must be at least 0"),
        (IMAGES[:1], 0, "1 images are too few"),
        (IMAGES[:3], 4, "3 images are too few for 4 components"),
        (IMAGES[:, :8], 1, "images must have the shape"),
    ],
)
def test_what_cannot_be_fitted_is_refused(images, components, message):
    with pytest.raises(UserError, match=message):
        VAE(**SMALL).fit_latents(images, components)


def test_without_gaussians_there_are_directions_alone():
    model = VAE(**SMALL)
    model.fit_latents(IMAGES, components=0)
    assert model.directions(2).shape == (2, 3)
    with pytest.raises(UserError, match="components=0"):
        model.sample_mixture(2)


def test_without_scikit_learn_one_gaussian_is_fitted_and_several_are_refused(monkeypatch):
    for name in [*sys.modules]:
        if name.partition(".")[0] == "sklearn":
            monkeypatch.setitem(sys.modules, name, None)
    model = VAE(**SMALL)
    model.fit_latents(IMAGES)
    assert isinstance(model.latent_fit, LatentFit)
    with pytest.raises(UserError, match=r"pip install 'tf_gen\[mixture\]'"):
        model.fit_latents(IMAGES, components=2)


def test_other_weights_have_other_latents(fitted, tmp_path):
    unfitted = VAE(**SMALL)
    unfitted.save_weights(tmp_path / "other.weights.h5")
    fitted.save_weights(tmp_path / "own.weights.h5")
    unfitted.load_weights(tmp_path / "own.weights.h5")
    assert unfitted.latent_fit is not None
    unfitted.load_weights(tmp_path / "other.weights.h5")
    assert unfitted.latent_fit is None
    unfitted.fit_latents(IMAGES)
    unfitted.compile("sgd")
    unfitted.train_on_batch(IMAGES[:2])
    assert unfitted.latent_fit is None


@pytest.mark.parametrize("batched", [False, True])
def test_images_of_another_range_are_refused(batched):
    images = 255 * IMAGES
    given = tf.data.Dataset.from_tensor_slices(images).batch(5) if batched else images
    with pytest.raises(UserError, match="divide 8-bit images by 255"):
        VAE(**SMALL).fit_latents(given)
