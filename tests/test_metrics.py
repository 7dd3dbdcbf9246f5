"""Each measure against scikit-image or NumPy, image by image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

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
    for name in WITNESSES:
        np.testing.assert_allclose(found[name], getattr(metrics, name)(TARGETS, OUTPUTS), rtol=1e-4)


def test_equal_images_are_perfect():
    assert (metrics.l1(TARGETS, TARGETS).numpy() == 0).all()
    np.testing.assert_allclose(metrics.ssim(TARGETS, TARGETS), 1.0, rtol=1e-6)
