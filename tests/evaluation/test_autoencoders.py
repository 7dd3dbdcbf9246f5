"""An autoencoder's figures, against NumPy and scikit-image."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from tf_gen import CVAE, VAE
from tf_gen.data import ordered_batches
from tf_gen.evaluation import autoencoders as evaluation

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (205, 12, 12, 3), np.uint8)
OUTPUTS = RNG.uniform(0, 1, IMAGES.shape).astype(np.float32)


def test_batches_are_joined_and_grey_levels_become_0_to_1():
    numbers = np.arange(205, dtype=np.int32)
    images, doubled = evaluation.in_batches(lambda x, n: (x, 2 * n), IMAGES, numbers)
    np.testing.assert_allclose(images, IMAGES / 255, atol=1e-7)
    np.testing.assert_array_equal(doubled, 2 * numbers)


def test_float_images_pass_as_they_are():
    np.testing.assert_array_equal(evaluation.in_batches(tf.identity, OUTPUTS), OUTPUTS)


def test_errors_are_means_over_images():
    found = evaluation.reconstruction_errors(IMAGES, OUTPUTS)
    assert found["mse"] == pytest.approx(np.mean((IMAGES / 255 - OUTPUTS) ** 2), rel=1e-5)
    ssim = [
        structural_similarity(
            a / 255.0, b, channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(IMAGES[:3], OUTPUTS[:3].astype(float), strict=True)
    ]  # fmt: skip
    few = evaluation.reconstruction_errors(IMAGES[:3], OUTPUTS[:3])
    assert few["ssim"] == pytest.approx(np.mean(ssim), abs=0.02)  # borders are treated otherwise


def test_images_smaller_than_the_window_have_no_ssim():
    assert set(evaluation.reconstruction_errors(IMAGES[:, :8, :8], OUTPUTS[:, :8, :8])) == {"mse"}


def test_the_mean_image_gets_the_variance_around_the_training_mean():
    expected = np.mean((IMAGES[:50] / 255 - IMAGES.mean(axis=0) / 255) ** 2)
    found = evaluation.mean_image_mse(IMAGES[:50], IMAGES)
    assert found == pytest.approx(expected, rel=1e-5)


def test_kl_by_latent_adds_up_to_the_kl_term():
    mean, log_var = RNG.normal(size=(2, 30, 4))
    found = evaluation.kl_by_latent(mean, log_var)
    terms = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var)
    np.testing.assert_allclose(found, terms.mean(axis=0), rtol=1e-5)


def test_codes_are_counted_over_the_whole_split():
    codes = np.array([[0, 0, 1], [1, 3, 3]])
    assert evaluation.code_counts(codes, 5).tolist() == [2, 2, 0, 2, 0]
    found = evaluation.code_figures(codes, 5)
    assert found == {"perplexity": pytest.approx(3.0), "codes_used": pytest.approx(0.6)}


def test_codes_of_several_quantisers_are_counted_apart_and_their_figures_averaged():
    codes = np.array([[0, 0, 1, 1], [1, 1, 1, 1]]).T.reshape(2, 1, 2, 2)  # [B, h, w, N]
    assert evaluation.code_counts(codes, 4).tolist() == [[2, 2, 0, 0], [0, 4, 0, 0]]
    assert evaluation.code_figures(codes, 4) == {
        "perplexity": pytest.approx(1.5), "codes_used": 0.375,
        "perplexity_1": pytest.approx(2.0), "codes_used_1": 0.5,
        "perplexity_2": pytest.approx(1.0), "codes_used_2": 0.25,
    }  # fmt: skip


SMALL = {"image_size": 16, "latent_dim": 3, "filters": (4, 4, 8), "kl_weight": 0.5, "seed": 4}


@pytest.mark.parametrize("labelled", [False, True], ids=["VAE", "CVAE"])
def test_a_bound_from_encode_and_decode_is_what_the_models_own_evaluate_gives(labelled):
    images = RNG.integers(0, 256, (11, 16, 16, 3), np.uint8)
    labels = [np.arange(11, dtype=np.int32) % 2] * labelled
    model = CVAE(2, **SMALL) if labelled else VAE(**SMALL)
    model.compile()
    batches = ordered_batches(images, *(labels or [None]), 4)  # the last has three
    expected = model.evaluate(batches, verbose=0, return_dict=True)
    posteriors = evaluation.in_batches(model.encode, images, *labels)
    given = (model, posteriors, images, *labels)
    found = evaluation.elbo_terms(*given, batch=4, kl_weight=0.5, seed=4)
    assert found == pytest.approx(expected, rel=1e-5)
    other = evaluation.elbo_terms(*given, batch=4, kl_weight=0.5, seed=5)
    assert other["recon_loss"] != found["recon_loss"]


@pytest.mark.parametrize("model_class", [VAE, CVAE])
def test_the_importance_weighted_figures_are_those_of_the_model_in_nats_and_bits(model_class):
    labels = [RNG.integers(0, 2, 20).astype(np.int32)] if model_class is CVAE else []
    model = model_class(image_size=12, latent_dim=3, filters=(4, 4, 8))
    posteriors = evaluation.in_batches(model.encode, IMAGES[:20], *labels)
    found = evaluation.importance_weighted_figures(
        model, posteriors, IMAGES[:20], *labels, samples=5, seed=4
    )
    images = (IMAGES[:20] / 255).astype(np.float32)
    expected = -np.mean(model.importance_weighted_bound(images, *labels, samples=5, seed=4))
    assert found["nll_iw5"] == pytest.approx(expected, rel=1e-5)
    one = -np.mean(model.importance_weighted_bound(images, *labels, samples=1, seed=4))
    assert found["nll_iw1"] == pytest.approx(one, rel=1e-5)
    assert found["bits_per_dim"] == pytest.approx(expected / (12 * 12 * 3 * np.log(2)), rel=1e-5)


def test_mutual_information_is_told_only_below_its_ceiling():
    apart = 100.0 * np.arange(20)[:, None] * np.ones((1, 2))  # each image a region of its own
    found = evaluation.latent_figures(apart, np.zeros((20, 2)))
    assert found == {"active_units": 2.0}
    near = evaluation.latent_figures(RNG.normal(size=(20, 2)), np.zeros((20, 2)))
    assert 0 < near["mutual_information"] < np.log(20)
