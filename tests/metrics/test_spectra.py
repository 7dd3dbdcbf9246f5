"""Power by frequency, of waves whose frequency is known."""

import numpy as np
import pytest

from tf_gen import metrics

IMAGES = np.random.default_rng(0).uniform(0, 1, (3, 24, 32, 3)).astype(np.float32)


def test_all_bands_together_hold_the_mean_square():
    bands = [(0.0, 1 / 16), (1 / 16, 1 / 8), (1 / 8, 1.0)]
    found = sum(metrics.band_power(IMAGES, *band) for band in bands)
    np.testing.assert_allclose(found, (IMAGES**2).mean(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_wave_lies_in_the_band_of_its_frequency(axis):
    place = np.indices((1, 32, 32, 1))[axis]
    wave = 0.5 + 0.25 * np.sin(2 * np.pi * place / 4).astype(np.float32)  # a quarter of a cycle
    assert float(metrics.band_power(wave, 0.25, 0.26)[0]) == pytest.approx(0.25**2 / 2, rel=1e-4)
    assert float(metrics.band_power(wave, 0.0, 0.01)[0]) == pytest.approx(0.5**2, rel=1e-4)
    assert float(metrics.band_power(wave, 0.26)[0]) == pytest.approx(0, abs=1e-6)


def test_8_bit_images_are_measured_as_their_share_of_255():
    whole = np.rint(IMAGES * 255).astype(np.uint8)
    np.testing.assert_allclose(
        metrics.band_power(whole, 0.1), metrics.band_power(whole / np.float32(255), 0.1), rtol=1e-4
    )


def test_a_difference_may_be_as_negative_as_images_differ():
    black, white = np.zeros((1, 16, 16, 3), np.float32), np.ones((1, 16, 16, 3), np.float32)
    assert float(metrics.band_power(black - white, 0.0)[0]) == pytest.approx(1.0)
