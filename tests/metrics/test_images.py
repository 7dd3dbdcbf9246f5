"""Each measure against scikit-image, SciPy or NumPy, image by image."""

from itertools import combinations

import numpy as np
import pytest
from scipy.signal import convolve2d
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


def gaussian(side=11, sigma=1.5):
    line = np.exp(-0.5 * ((np.arange(side) - side // 2) / sigma) ** 2)
    window = np.outer(line, line)
    return window / window.sum()


def scales_of(target, output):
    """Five (similarity, contrast and structure) of one channel, each scale half as large."""
    for _ in range(5):
        mean = [convolve2d(x, gaussian(), "valid") for x in (target, output)]
        square = [convolve2d(x * x, gaussian(), "valid") for x in (target, output)]
        product = convolve2d(target * output, gaussian(), "valid")
        variances = square[0] - mean[0] ** 2 + square[1] - mean[1] ** 2
        structure = (2 * (product - mean[0] * mean[1]) + 0.03**2) / (variances + 0.03**2)
        light = (2 * mean[0] * mean[1] + 0.01**2) / (mean[0] ** 2 + mean[1] ** 2 + 0.01**2)
        yield (light * structure).mean(), structure.mean()
        target, output = (
            x.reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3)) for x in (target, output)
        )


def test_multiscale_ssim_is_wangs_by_scipys_convolution():
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 1, (12, 12, 3)).repeat(16, 0).repeat(16, 1)  # 192 x 192
    output = np.clip(target + rng.normal(0, 0.1, target.shape), 0, 1)
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    channels = []
    for c in range(3):
        found = list(scales_of(target[..., c], output[..., c]))
        values = [structure for _, structure in found[:-1]] + [found[-1][0]]
        channels.append(np.prod(np.array(values) ** weights))
    found = metrics.ms_ssim(*(x[None].astype(np.float32) for x in (target, output)))
    np.testing.assert_allclose(found, [np.mean(channels)], rtol=1e-3)


def test_multiscale_ssim_of_small_images_is_refused():
    with pytest.raises(ValueError, match="side below 176"):
        metrics.ms_ssim(TARGETS, OUTPUTS)
