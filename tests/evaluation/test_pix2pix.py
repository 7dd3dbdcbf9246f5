"""The figures of a translator, recomputed by hand."""

import numpy as np
import pytest

from tf_gen import UNetGenerator, metrics
from tf_gen.data.images import to_tanh_range
from tf_gen.evaluation.pix2pix import (
    Translator,
    errors,
    full_figures,
    noise_std,
    trivial_answers,
)
from tf_gen.layers import example_seeds

RNG = np.random.default_rng(0)
INPUTS, TARGETS, TRAINING = RNG.integers(0, 256, (3, 5, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def generator():
    generator = UNetGenerator(filters=4, depth=5)
    generator.build((None, 32, 32, 3))
    return generator


def test_the_reports_mode_uses_batches_of_two_and_noise_by_place(generator):
    found = Translator(generator, "report_mode")(INPUTS)
    seeds = example_seeds(0, 5)
    expected = generator(
        to_tanh_range(INPUTS[2:4]), dropout=True, statistics="batch", seed=seeds[2:4]
    )
    np.testing.assert_allclose(found[2:4], expected, atol=1e-5)
    assert found.shape == INPUTS.shape


def test_errors_are_those_of_each_image_averaged():
    outputs = RNG.uniform(-1, 1, TARGETS.shape).astype(np.float32)
    found = errors(outputs, TARGETS)
    images, wanted = outputs / 2 + 0.5, TARGETS.astype(np.float32) / 255
    np.testing.assert_allclose(found["l1"], np.abs(images - wanted).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        found["ssim"], metrics.ssim(wanted, images).numpy().mean(), rtol=1e-4
    )


def test_trivial_answers_are_the_mean_colour_and_the_input():
    answers = trivial_answers(INPUTS, TARGETS, TRAINING)
    np.testing.assert_allclose(
        answers["mean_colour"][3, 7, 9] * 127.5 + 127.5, TRAINING.mean((0, 1, 2)), rtol=1e-5
    )
    np.testing.assert_allclose(answers["copy"] * 127.5 + 127.5, INPUTS, atol=1e-3)
    assert "copy" not in trivial_answers(INPUTS[..., :1], TARGETS, TRAINING)


def test_all_figures_have_the_contracts_names(generator):
    found = full_figures(generator, INPUTS, TARGETS, TRAINING)
    modes = [f"val_{m}{s}" for m in ("l1", "psnr", "ssim")
             for s in ("", "_report_mode", "_image_statistics")]  # fmt: skip
    trivial = [f"val_{m}_{a}" for m in ("l1", "ssim") for a in ("mean_colour", "copy")]
    assert set(found) == {*modes, *trivial, "noise_std"}
    assert all(type(value) is float and np.isfinite(value) for value in found.values())


def test_noise_is_measured_over_eight_draws(generator):
    draws = [Translator(generator, "report_mode")(INPUTS, n) / 2 for n in range(8)]
    expected = np.std(draws, axis=0).mean()
    noisy = Translator(generator, "report_mode")
    np.testing.assert_allclose(noise_std(noisy, INPUTS), expected, rtol=1e-4)
    quiet = Translator(UNetGenerator(filters=4, depth=5, dropout=0.0), "report_mode")
    assert noise_std(quiet, INPUTS) < 1e-6 < expected


def test_images_that_are_large_enough_are_compared_at_five_scales_too():
    targets = RNG.integers(0, 256, (1, 176, 176, 3), dtype=np.uint8)
    outputs = (to_tanh_range(targets) * 0.9).numpy()
    found = errors(outputs, targets)
    expected = metrics.ms_ssim(targets.astype(np.float32) / 255, outputs / 2 + 0.5).numpy()[0]
    assert found["ms_ssim"] == pytest.approx(expected) and "ms_ssim" not in errors(
        outputs[:, :170], targets[:, :170]
    )
