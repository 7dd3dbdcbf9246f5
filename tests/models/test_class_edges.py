"""Edges between a street map's classes: where they are, and what has none."""

import numpy as np
import pytest

from tf_gen.errors import UserError
from tf_gen.models.class_edges import ClassEdges, class_edges

STREET, WATER, GROUND = (255, 255, 255), (179, 209, 255), (234, 230, 222)
BUILDING = (242, 240, 233)  # of the class of the ground


def street_map(*colours):
    """Four columns of each colour, 6 pixels high, in [-1, 1]."""
    columns = np.repeat(np.array(colours, np.float32), 4, axis=0)  # [4 N, 3]
    return np.broadcast_to(columns, (1, 6, len(columns), 3)) / np.float32(127.5) - 1


def test_an_edge_has_a_pixel_on_either_side():
    images = street_map(STREET, WATER)
    found = ClassEdges()(images).numpy()
    np.testing.assert_array_equal(found[..., :3], images)
    np.testing.assert_array_equal(found[0, :, :, 3], [[0, 0, 0, 1, 1, 0, 0, 0]] * 6)
    upright = ClassEdges()(images.transpose(0, 2, 1, 3)).numpy()
    np.testing.assert_array_equal(upright[0, :, :, 3], found[0, :, :, 3].T)


def test_shades_of_one_class_have_no_edge():
    assert not ClassEdges()(street_map(GROUND, BUILDING))[..., 3].numpy().any()


def test_a_pixel_is_an_edge_if_one_of_its_four_neighbours_is_another():
    classes = np.random.default_rng(0).integers(0, 3, (2, 5, 7))
    expected = np.zeros((2, 5, 7, 1), np.float32)
    for b, i, j in np.ndindex(classes.shape):
        for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if 0 <= k < 5 and 0 <= m < 7 and classes[b, k, m] != classes[b, i, j]:
                expected[b, i, j] = 1
    np.testing.assert_array_equal(class_edges(classes), expected)
    assert expected.any() and not expected.all()


def test_images_that_are_not_rgb_are_refused():
    with pytest.raises(UserError, match="must be RGB, not of 1 channels; leave edges out"):
        ClassEdges().build((None, 8, 8, 1))
