"""What latents carry, against NumPy and closed forms."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from tf_gen import metrics


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


def test_mutual_information_is_that_of_scipys_integral():
    """Three posteriors in one dimension; the estimate is the mean of many draws."""
    means, deviations = np.array([-1.0, 0.2, 1.5]), np.array([0.6, 1.1, 0.8])
    posteriors = [stats.norm(m, s) for m, s in zip(means, deviations, strict=True)]

    def mixture(z):
        return np.mean([q.pdf(z) for q in posteriors])

    expected = np.mean(
        [
            integrate.quad(lambda z, q=q: q.pdf(z) * np.log(q.pdf(z) / mixture(z)), -8, 8)[0]
            for q in posteriors
        ]
    )
    log_vars = 2 * np.log(deviations)
    draws = [
        metrics.mutual_information(means[:, None], log_vars[:, None], seed) for seed in range(4000)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - expected) < 4 * error < 0.05


def test_mutual_information_lies_between_0_and_the_logarithm_of_the_images():
    rng = np.random.default_rng(0)
    same = metrics.mutual_information(np.zeros((50, 4)), np.zeros((50, 4)))
    apart = metrics.mutual_information(100 * rng.normal(size=(50, 4)), np.full((50, 4), -4.0))
    assert same == pytest.approx(0, abs=1e-12) and apart == pytest.approx(np.log(50))
