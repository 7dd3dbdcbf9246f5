"""What maps say, against loops over pixels and the colours of a drawn map."""

import numpy as np
import pytest

from tf_gen import metrics
from tf_gen.data import draw_pairs
from tf_gen.metrics import MAP_CLASSES
from tf_gen.metrics.street_maps import COLOURS


@pytest.mark.parametrize("name, colour", COLOURS, ids=str)
def test_a_maps_colour_is_told_through_jpegs_noise(name, colour):
    noise = np.random.default_rng(0).normal(0, 3, (20, 20, 3))
    patch = np.clip(colour + noise, 0, 255) / 255
    found = metrics.map_classes(patch).numpy()
    assert np.mean(found == MAP_CLASSES.index(name)) > 0.9


def test_the_counts_are_those_of_a_loop_and_add_up_over_batches():
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 5, (2, 4, 6, 7))
    expected = np.zeros((5, 5), int)
    for t, f in zip(truth.ravel(), found.ravel(), strict=True):
        expected[t, f] += 1
    np.testing.assert_array_equal(metrics.class_counts(truth, found), expected)
    parts = [metrics.class_counts(truth[i : i + 2], found[i : i + 2]).numpy() for i in (0, 2)]
    np.testing.assert_array_equal(sum(parts), expected)


def test_overlap_and_recall_are_those_of_sets_of_pixels():
    rng = np.random.default_rng(1)
    truth, found = rng.integers(0, 4, (2, 30, 30))  # class 4 in neither
    found[truth == 3] = 0  # never found
    overlap, recall = metrics.class_overlap(metrics.class_counts(truth, found))
    for k in range(4):
        shown, seen = truth == k, found == k
        assert overlap[k] == pytest.approx((shown & seen).sum() / (shown | seen).sum())
        assert recall[k] == pytest.approx((shown & seen).sum() / shown.sum())
    assert recall[3] == 0 and np.isnan([overlap[4], recall[4]]).all()


def test_a_drawn_map_agrees_with_itself_and_not_with_its_neighbour():
    _, maps = draw_pairs(2, 0, 64)
    classes = metrics.map_classes(maps / 255)
    overlap, _ = metrics.class_overlap(metrics.class_counts(classes, classes))
    assert (overlap[~np.isnan(overlap)] == 1).all()
    other, _ = metrics.class_overlap(metrics.class_counts(classes[0], classes[1]))
    street = MAP_CLASSES.index("street")
    assert other[street] < 0.5
