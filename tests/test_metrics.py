"""Each measure against scikit-image, SciPy or NumPy, image by image."""

from itertools import combinations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from skimage.metrics import (
    mean_squared_error,
    peak_signal_noise_ratio,
    structural_similarity,
)

from tf_gen import metrics

RNG = np.random.default_rng(0)
TARGETS = RNG.uniform(0, 1, (3, 32, 40, 3)).astype(np.float32)
OUTPUTS = np.clip(TARGETS + RNG.normal(0, 0.1, TARGETS.shape), 0, 1).astype(np.float32)


def ssim(target, output):
    return structural_similarity(
        target, output, data_range=1.0, channel_axis=-1,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip


WITNESSES = {
    "mse": mean_squared_error,
    "l1": lambda t, o: np.abs(t.astype(np.float64) - o).mean(),
    "psnr": lambda t, o: peak_signal_noise_ratio(t, o, data_range=1.0),
    "ssim": ssim,
}


@pytest.mark.parametrize("name", WITNESSES)
def test_a_measure_agrees_with_its_witness(name):
    expected = [WITNESSES[name](t, o) for t, o in zip(TARGETS, OUTPUTS, strict=True)]
    np.testing.assert_allclose(getattr(metrics, name)(TARGETS, OUTPUTS), expected, rtol=1e-4)


def test_images_in_the_range_of_tanh_are_measured_in_0_to_1():
    found = metrics.image_errors(TARGETS * 2 - 1, OUTPUTS * 2 - 1)
    assert set(found) == {"l1", "psnr", "ssim"}
    for name in found:
        np.testing.assert_allclose(found[name], getattr(metrics, name)(TARGETS, OUTPUTS), rtol=1e-4)


def test_equal_images_are_perfect():
    for error in (metrics.l1, metrics.mse):
        assert (error(TARGETS, TARGETS).numpy() == 0).all()
    np.testing.assert_allclose(metrics.ssim(TARGETS, TARGETS), 1.0, rtol=1e-6)


@pytest.mark.parametrize("threshold, expected", [(0.01, 3), (0.5, 2), (3.0, 1), (30.0, 0)])
def test_active_units_are_the_latents_whose_mean_varies(threshold, expected):
    # standard deviations 0, 0.05, 0.3, 1, 3, around means that are none of its business
    means = (
        np.random.default_rng(1)
        .normal([9, 0, -5, 1, 2], [0, 0.05, 0.3, 1, 3], (2000, 5))
        .astype(np.float32)
    )
    found = metrics.active_units(means, threshold)
    assert found.dtype == tf.int32
    assert int(found) == expected == (means.astype(np.float64).var(0) > threshold).sum()


def test_one_image_has_no_active_units():
    assert int(metrics.active_units(np.array([[5.0, -5.0]], np.float32))) == 0


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (7, 8, 8, 1), (5, 6)])
def test_the_mean_distance_is_that_of_a_loop_over_pairs(shape):
    images = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
    pairs = [np.sqrt(((a - b) ** 2).mean()) for a, b in combinations(images.astype(float), 2)]
    np.testing.assert_allclose(metrics.mean_pairwise_distance(images), np.mean(pairs), rtol=1e-5)


def test_the_mean_distance_is_0_of_equal_images_and_1_of_black_and_white():
    assert float(metrics.mean_pairwise_distance(np.stack([TARGETS[0]] * 2))) == 0
    ends = np.stack([np.zeros((8, 8, 3)), np.ones((8, 8, 3))])
    assert float(metrics.mean_pairwise_distance(ends)) == 1


@pytest.mark.parametrize("offset", [1e-2, 1e-3])
def test_a_small_distance_is_not_lost_in_rounding(offset):
    near = np.stack([TARGETS[0], TARGETS[0] + np.float32(offset)])
    np.testing.assert_allclose(metrics.mean_pairwise_distance(near), offset, rtol=1e-3)


@pytest.mark.parametrize(
    "counts", [[5, 0, 0], [2, 2, 2, 2], [1, 2, 3, 4, 0], [10**7, 1, 1], [1]], ids=str
)
def test_perplexity_is_the_exponential_of_scipys_entropy(counts):
    expected = np.exp(stats.entropy(counts))
    np.testing.assert_allclose(metrics.perplexity(np.array(counts)), expected, rtol=1e-5)


def test_perplexity_counts_the_codes_if_all_are_used_alike():
    assert float(metrics.perplexity([3, 3, 3, 3])) == pytest.approx(4)
    assert float(metrics.perplexity([0, 7, 0])) == 1


def test_the_metric_is_the_perplexity_of_all_codes_whatever_their_batches():
    metric = metrics.CodePerplexity(8)
    codes = np.random.default_rng(1).integers(0, 6, (7, 3, 5)) ** 2 % 8
    update = tf.function(
        metric.update_state, input_signature=[tf.TensorSpec([None, 3, 5], "int64")]
    )
    for batch in (codes[:4], codes[4:5], codes[5:]):
        update(batch)
    counts = [(codes == k).sum() for k in range(8)]
    np.testing.assert_array_equal(metric.counts, counts)
    np.testing.assert_allclose(metric.result(), np.exp(stats.entropy(counts)), rtol=1e-5)


def test_a_reset_metric_begins_again():
    metric = metrics.CodePerplexity(8)
    metric.update_state(np.array([0, 1, 2, 3, 3]))
    metric.reset_state()
    metric.update_state(np.array([[5, 6], [6, 5]]))
    assert float(metric.result()) == pytest.approx(2)


def test_the_metric_serialises():
    metric = metrics.CodePerplexity(8, name="used")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(copy, metrics.CodePerplexity) and copy.get_config() == metric.get_config()
    assert copy.counts.shape == (8,)
