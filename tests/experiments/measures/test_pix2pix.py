"""A pix2pix' figures, of functions in memory: which there are, and what a reader must be."""

import types

import numpy as np
import pytest
import tensorflow as tf

from experiments.data.account import Account
from experiments.data.maps import Maps
from experiments.measures.asked import Asked
from experiments.measures.pix2pix import pix2pix_epoch_figures, pix2pix_figures, readability
from tf_gen.data import Pairs, draw_pairs


def pairs(count, size, seed):
    aerial, street_map = draw_pairs(count, seed, size)
    return Pairs(aerial, street_map, tuple(map(str, range(count))), digest="drawn")


DATA = Maps(pairs(3, 36, 0), pairs(2, 32, 1), "map_to_aerial", Account("synthetic"))
OPTIONS = types.SimpleNamespace(image_size=32, direction="map_to_aerial", seed=5)


def copies(images, *seed):
    """What translates nothing; its noise is the seed's alone."""
    return images if not seed else tf.cast(seed[0][0], tf.float32) / 10.0 * tf.ones_like(images)


TRANSLATOR = types.SimpleNamespace(translate=copies, translate_noisy=copies)


def test_figures_are_those_of_the_validation_pairs_in_each_mode(capsys):
    found = pix2pix_figures(TRANSLATOR, DATA, OPTIONS, Asked())
    inputs, targets = (side / 255 for side in DATA.val_sides)
    assert found["val_l1"] == pytest.approx(np.abs(inputs - targets).mean(), rel=1e-5)
    assert found["val_l1"] == pytest.approx(found["val_l1_copy"])
    noisy = found["val_l1_report_mode"]
    assert noisy == pytest.approx(np.abs(0.5 - targets).mean(), rel=1e-5)  # the run's own seed
    checks = []
    of_epoch = pix2pix_epoch_figures(TRANSLATOR, DATA, OPTIONS, lambda: checks.append(1))
    assert of_epoch["val_l1_report_mode"] == noisy and checks == [1]
    assert "left out: val_*_image_statistics" in capsys.readouterr().out
    colour = DATA.train_sides[1].mean(axis=(0, 1, 2)) / 255  # of what is to be painted
    mean_colour = np.abs(colour - targets).mean()
    assert found["val_l1_mean_colour"] == pytest.approx(mean_colour, rel=1e-4)
    assert {"noise_std", "val_ssim_mean_colour"} < set(found)


def test_what_has_each_images_statistics_is_measured_by_them_too():
    able = types.SimpleNamespace(**vars(TRANSLATOR), translate_image_statistics=copies)
    found = pix2pix_figures(able, DATA, OPTIONS, Asked())
    assert found["val_l1_image_statistics"] == found["val_l1"]


def test_training_pairs_are_measured_without_their_slack():
    found = pix2pix_figures(TRANSLATOR, DATA, OPTIONS, Asked(split="train"))
    inputs, targets = (side[:, 2:34, 2:34] / 255 for side in DATA.train_sides)
    assert found["val_l1"] == pytest.approx(np.abs(inputs - targets).mean(), rel=1e-5)


def test_a_map_is_read_by_itself_a_photograph_by_a_reader():
    inputs, maps = DATA.val_sides[1], DATA.val_sides[0]
    read = readability("aerial_to_map", inputs, maps, maps / np.float32(255))
    assert read["val_map_iou"] == 1.0
    assert readability("map_to_aerial", maps, inputs, inputs / 255) == {}
    reader = types.SimpleNamespace(translate=lambda images: tf.zeros_like(images))
    found = readability("map_to_aerial", maps, inputs, inputs / np.float32(255), reader)
    assert found["val_map_iou"] == found["val_map_iou_real"] < 0.5


def test_an_epochs_figures_say_how_well_maps_are_read():
    def found(direction, reader=None):
        options = types.SimpleNamespace(**{**vars(OPTIONS), "direction": direction})
        return pix2pix_epoch_figures(TRANSLATOR, DATA, options, lambda: None, reader)

    assert "val_map_iou_report_mode" not in found("map_to_aerial")
    black = types.SimpleNamespace(translate=lambda images: tf.zeros_like(images))
    read = found("map_to_aerial", black)["val_map_iou_report_mode"]
    inputs = DATA.val_sides[0]
    expected = readability("map_to_aerial", inputs, inputs, inputs / np.float32(255), black)
    assert read == expected["val_map_iou"]
    assert 0 <= found("aerial_to_map")["val_map_iou_report_mode"] < 1
