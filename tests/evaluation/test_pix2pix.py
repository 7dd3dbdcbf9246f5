"""The figures of a translator, recomputed by hand."""

import types
import weakref

import numpy as np
import pytest

from tf_gen import UNetGenerator, metrics
from tf_gen.data.images import to_tanh_range
from tf_gen.evaluation.pix2pix import (
    errors,
    frequency_figures,
    in_report_mode,
    map_agreement,
    noise_std,
    of_any_size,
    translated,
    trivial_errors,
)
from tf_gen.export import translations
from tf_gen.layers import example_seeds

RNG = np.random.default_rng(0)
INPUTS, TARGETS, TRAINING = RNG.integers(0, 256, (3, 5, 32, 32, 3), dtype=np.uint8)


def made(**options):
    generator = UNetGenerator(filters=4, depth=5, **options)
    generator.build((None, 32, 32, 3))
    return generator


@pytest.fixture(scope="module")
def generator():
    return made()


@pytest.fixture(scope="module")
def translator(generator):
    return translations(generator, 32)


def test_the_reports_mode_uses_batches_of_two_and_noise_by_seed_and_place(generator, translator):
    found = in_report_mode(translator, INPUTS, seed=3)
    seeds = example_seeds([3, 2], 2)  # of the batch that begins with the third image
    expected = generator(to_tanh_range(INPUTS[2:4]), dropout=True, statistics="batch", seed=seeds)
    np.testing.assert_allclose(found[2:4], expected / 2 + 0.5, atol=1e-5)
    assert found.shape == INPUTS.shape


def test_images_are_translated_in_order_and_counted(translator):
    counts = []
    found = translated(lambda batch, first: batch * 0.5, INPUTS, counts.append)
    np.testing.assert_allclose(found, INPUTS / 510, atol=1e-6)
    assert counts == [2, 2, 1]


def test_images_that_do_not_fit_are_reflected_up_to_the_multiple_and_cut_back():
    def turned(images, *seed):
        assert images.shape[1:3] == (24, 32)
        return images[:, ::-1, ::-1] + sum(seed)

    given = types.SimpleNamespace(
        translate=turned, translate_noisy=turned, sizes=lambda: np.array([64, 8])
    )
    able, images = of_any_size(given), INPUTS[:2, :20, :27] / np.float32(255)
    grown = np.pad(images, ((0, 0), (0, 4), (0, 5), (0, 0)), "reflect")
    expected = grown[:, ::-1, ::-1][:, :20, :27]
    np.testing.assert_array_equal(able.translate(images), expected)
    np.testing.assert_array_equal(able.translate_noisy(images, 2), expected + 2)
    np.testing.assert_array_equal(of_any_size(able).translate(grown), grown[:, ::-1, ::-1])
    assert not hasattr(able, "translate_image_statistics")


def test_a_translator_lives_as_long_as_what_was_made_of_it():
    """A SavedModel takes its variables along."""

    class SavedModel:
        translate, sizes = np.negative, staticmethod(lambda: np.array([64, 8]))

    given = SavedModel()
    alive = weakref.ref(given)
    able = of_any_size(given)
    del given
    assert alive() is not None and hasattr(able, "translate")


def test_errors_are_those_of_each_image_averaged():
    outputs = RNG.uniform(0, 1, TARGETS.shape).astype(np.float32)
    found, wanted = errors(outputs, TARGETS), TARGETS.astype(np.float32) / 255
    np.testing.assert_allclose(found["l1"], np.abs(outputs - wanted).mean(), rtol=1e-5)
    expected = metrics.ssim(wanted, outputs).numpy().mean()
    np.testing.assert_allclose(found["ssim"], expected, rtol=1e-4)
    assert set(found) == {"l1", "psnr", "ssim"}


def test_a_blurred_output_keeps_low_frequencies_and_loses_the_high_ones():
    grey = np.full_like(TARGETS, 128)
    flat = frequency_figures(np.full(TARGETS.shape, 128 / 255, np.float32), TARGETS)
    assert flat["high_frequency_power"] == pytest.approx(0, abs=1e-6)
    assert frequency_figures(TARGETS / 255, TARGETS)["high_frequency_power"] == pytest.approx(1)
    shifted = frequency_figures(np.float32(TARGETS / 255 + 0.25), TARGETS)
    assert shifted["low_frequency_mse"] == pytest.approx(0.25**2, rel=1e-4)
    assert shifted["high_frequency_power"] == pytest.approx(1, rel=1e-4)
    assert set(frequency_figures(grey / np.float32(255), grey)) == {"low_frequency_mse"}


def test_trivial_answers_are_the_mean_colour_and_the_input():
    found, wanted = trivial_errors(INPUTS, TARGETS, TRAINING), TARGETS / 255
    flat = np.abs(TRAINING.mean((0, 1, 2)) / 255 - wanted).mean()
    assert found["l1_mean_colour"] == pytest.approx(flat, rel=1e-5)
    assert found["l1_copy"] == pytest.approx(np.abs(INPUTS / 255 - wanted).mean(), rel=1e-5)
    assert set(found) == {f"{m}_{a}" for m in ("l1", "ssim") for a in ("mean_colour", "copy")}
    grey = trivial_errors(INPUTS[..., :1], TARGETS, TRAINING)
    assert not any(name.endswith("copy") for name in grey)


def test_noise_is_measured_over_eight_draws(translator):
    draws = [in_report_mode(translator, INPUTS, draw) for draw in range(8)]
    expected = np.std(draws, axis=0).mean()
    np.testing.assert_allclose(noise_std(translator, INPUTS), expected, rtol=1e-4)
    quiet = translations(made(dropout=0.0), 32)
    assert noise_std(quiet, INPUTS) < 1e-6 < expected


def test_images_that_are_large_enough_are_compared_at_five_scales_too():
    targets = RNG.integers(0, 256, (1, 176, 176, 3), dtype=np.uint8)
    outputs = (targets * np.float32(0.9 / 255)).astype(np.float32)
    found = errors(outputs, targets)
    expected = metrics.ms_ssim(targets.astype(np.float32) / 255, outputs).numpy()[0]
    assert found["ms_ssim"] == pytest.approx(expected)
    assert "ms_ssim" not in errors(outputs[:, :170], targets[:, :170])


def test_maps_agree_by_class_over_all_pixels():
    water, street = (179, 209, 255), (255, 255, 255)
    truth = np.full((2, 4, 4, 3), water, np.uint8)
    truth[:, :2] = street
    found = truth.astype(np.float32) / 255
    found[0, 0] = np.array(water) / 255  # 4 of 16 pixels of street are taken for water
    agreement = map_agreement(truth, found)
    assert agreement["map_iou_street"] == pytest.approx(12 / 16)
    assert agreement["map_recall_street"] == pytest.approx(12 / 16)
    assert agreement["map_iou_water"] == pytest.approx(16 / 20)
    assert agreement["map_iou"] == pytest.approx((12 / 16 + 16 / 20) / 2)
    assert "map_iou_green" not in agreement
