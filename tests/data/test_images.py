"""Scaling and the paired jitter, against brute force over all crops."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gen.data.images import (
    image_sides,
    paired_jitter,
    random_mirror,
    tanh_from_unit,
    to_levels,
    to_tanh_range,
    to_unit_range,
    unit_from_tanh,
    with_channels,
)
from tf_gen.errors import UserError


def distinct_pixels(height, width):
    """An image in which no two pixels are alike: uint8 [height, width, 3] of (row, column, 7)."""
    return np.stack(np.broadcast_arrays(*np.ogrid[:height, :width], 7), axis=-1).astype(np.uint8)


def jittered(images, size, seed, targets=None):
    """paired_jitter in NumPy; a seed is a pair of integers."""
    images = np.asarray(images)
    targets = images if targets is None else targets
    crops = paired_jitter(tf.constant(images), tf.constant(targets), size, tf.constant(seed))
    return tuple(crop.numpy() for crop in crops)


def windows(image, size):
    """{(top, left, mirrored): every window of an image, and its mirror image}."""
    found = {}
    for top in range(image.shape[0] - size + 1):
        for left in range(image.shape[1] - size + 1):
            window = image[top : top + size, left : left + size]
            found[top, left, False], found[top, left, True] = window, window[:, ::-1]
    return found


def which_window(crop, candidates):
    """The one window that a crop equals."""
    (where,) = [at for at, window in candidates.items() if np.array_equal(crop, window)]
    return where


# ----------------------------------------------------------------------------------- to_tanh_range


def test_grey_levels_span_the_range_of_tanh():
    scaled = to_tanh_range(np.array([0, 255], np.uint8))
    assert scaled.dtype == tf.float32
    np.testing.assert_array_equal(scaled, [-1.0, 1.0])


def test_grey_levels_are_equally_spaced_and_come_back():
    levels = np.arange(256, dtype=np.uint8)
    scaled = to_tanh_range(levels).numpy().astype(float)
    np.testing.assert_allclose(scaled, np.linspace(-1, 1, 256), atol=1e-7)
    np.testing.assert_array_equal(np.rint((scaled + 1) * 127.5), levels)


# ------------------------------------------------------------------------- between the ranges

LEVELS = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("kind", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_the_ranges_of_tanh_and_sigmoid_are_mapped_onto_each_other(kind):
    tanh, unit = kind(np.float32([-1.0, -0.5, 0.0, 1.0])), kind(np.float32([0.0, 0.25, 0.5, 1.0]))
    assert type(unit_from_tanh(tanh)) is type(tanh_from_unit(unit)) is type(tanh)
    np.testing.assert_array_equal(unit_from_tanh(tanh), unit)
    np.testing.assert_array_equal(tanh_from_unit(unit), tanh)


def test_all_grey_levels_come_back_from_either_range():
    np.testing.assert_array_equal(to_levels(to_unit_range(LEVELS)), LEVELS)
    np.testing.assert_array_equal(to_levels(unit_from_tanh(to_tanh_range(LEVELS))), LEVELS)


@pytest.mark.parametrize("kind", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_grey_levels_are_clipped_and_rounded(kind):
    levels = to_levels(kind(np.float32([[-0.1, 0.4 / 255], [0.6 / 255, 1.1]])))
    assert isinstance(levels, np.ndarray) and levels.dtype == np.uint8
    np.testing.assert_array_equal(levels, [[0, 0], [1, 255]])


# ----------------------------------------------------------------------------------- paired_jitter


@pytest.mark.parametrize("seed", [(0, 0), (0, 1), (1, 0), (5, 77), (2**31 - 1, 3)])
def test_both_sides_move_alike(seed):
    images = np.random.default_rng(0).integers(0, 256, (6, 11, 13, 3), np.uint8)
    inputs, targets = jittered(images, 8, seed)
    np.testing.assert_array_equal(inputs, targets)


def test_the_sides_are_not_mixed_up():
    rng = np.random.default_rng(1)
    left, right = (rng.integers(low, low + 100, (6, 11, 13, 3), np.uint8) for low in (0, 150))
    inputs, targets = jittered(left, 8, (0, 0), right)
    assert inputs.max() < 100 and targets.min() >= 150


def test_the_sides_may_differ_in_channels():
    image = distinct_pixels(9, 9)[None]
    inputs, targets = jittered(image, 5, (0, 2), image[..., :1])
    assert inputs.shape == (1, 5, 5, 3)
    np.testing.assert_array_equal(inputs[..., :1], targets)


@pytest.mark.parametrize(("height", "width"), [(7, 7), (6, 9), (12, 5)])
def test_a_crop_is_a_window_of_its_image_or_the_mirror_of_one(height, width):
    image = distinct_pixels(height, width)
    images = np.stack([image, image + np.uint8(20), image + np.uint8(40)])
    for crops in jittered(images, 5, (3, 4)):
        assert crops.shape == (3, 5, 5, 3) and crops.dtype == np.uint8
        for crop, source in zip(crops, images, strict=True):
            which_window(crop, windows(source, 5))


def test_every_corner_and_both_mirrorings_occur_about_equally_often():
    image = distinct_pixels(7, 7)
    candidates = windows(image, 5)  # 3 x 3 corners, each in two ways
    counts = dict.fromkeys(candidates, 0)
    for step in range(9):
        crops, _ = jittered(np.repeat(image[None], 50, axis=0), 5, (11, step))
        for crop in crops:
            counts[which_window(crop, candidates)] += 1
    assert len(counts) == 18
    chi_square = sum((count - 25) ** 2 / 25 for count in counts.values())
    assert chi_square < 40.8  # what 17 degrees of freedom exceed once in 1000


def test_each_example_of_a_batch_has_its_own_jitter():
    image = distinct_pixels(20, 20)
    crops, _ = jittered(np.repeat(image[None], 8, axis=0), 5, (0, 0))
    assert len({crop.tobytes() for crop in crops}) > 4


def test_the_same_seed_gives_the_same_crops_and_another_one_others():
    image = np.repeat(distinct_pixels(20, 20)[None], 8, axis=0)
    first, _ = jittered(image, 5, (1, 2))
    np.testing.assert_array_equal(first, jittered(image, 5, (1, 2))[0])
    for other in ((1, 3), (2, 2), (2, 1)):
        assert not np.array_equal(first, jittered(image, 5, other)[0])


def test_a_graph_gives_the_same_crops_of_known_size():
    images = np.repeat(distinct_pixels(20, 20)[None], 4, axis=0)
    graph = tf.function(
        lambda batch, seed: paired_jitter(batch, batch, 5, seed),
        input_signature=[
            tf.TensorSpec([None, None, None, 3], tf.uint8),
            tf.TensorSpec([2], tf.int32),
        ],
    )
    for got, expected in zip(
        graph(images, np.int32([4, 5])), jittered(images, 5, (4, 5)), strict=True
    ):
        np.testing.assert_array_equal(got, expected)
    for output in graph.get_concrete_function().outputs:
        assert output.shape.as_list() == [None, 5, 5, 3]


def test_without_slack_an_image_is_only_mirrored_or_not():
    image = distinct_pixels(6, 6)
    crops, _ = jittered(np.repeat(image[None], 30, axis=0), 6, (0, 0))
    seen = {which_window(crop, windows(image, 6)) for crop in crops}
    assert seen == {(0, 0, False), (0, 0, True)}


@pytest.mark.parametrize(
    "given, expected", [(64, (64, 64)), ((16, 24), (16, 24)), ([8, 4], (8, 4))]
)
def test_one_number_stands_for_both_sides(given, expected):
    assert image_sides(given) == expected


def test_three_numbers_are_no_sides():
    with pytest.raises(UserError, match="image_size"):
        image_sides((1, 2, 3))


def test_crops_may_be_wider_than_high():
    image = distinct_pixels(7, 12)
    crop, other = jittered([image], (5, 8), [3, 4], targets=[image[..., :1]])
    assert crop.shape == (1, 5, 8, 3) and other.shape == (1, 5, 8, 1)
    np.testing.assert_array_equal(crop[..., :1], other)
    row, column = crop[0, 0, :, :2].min(0)
    window = image[row : row + 5, column : column + 8]
    assert any(np.array_equal(crop[0], one) for one in (window, window[:, ::-1]))


MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@pytest.mark.parametrize("given", MODES)
@pytest.mark.parametrize("wanted", MODES)
def test_channels_change_as_pillow_changes_them(given, wanted):
    images = np.random.default_rng(0).integers(0, 256, (1, 30, 40, given), np.uint8)
    image = Image.fromarray(images[0].squeeze())
    if given == 4 and wanted < 4:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    expected = np.atleast_3d(image.convert(MODES[wanted]))
    found = with_channels(images, wanted)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found[0].astype(int), expected, atol=1 if given == 4 > wanted else 0)


def test_images_are_mirrored_half_of_the_times_the_same_in_parts():
    images = np.random.default_rng(0).integers(0, 256, (64, 2, 3, 1), np.uint8)
    found = random_mirror(images, [3, 4]).numpy()
    same, turned = (
        [np.array_equal(*both) for both in zip(found, given, strict=True)]
        for given in (images, images[:, :, ::-1])
    )
    assert np.all(np.logical_xor(same, turned)) and 20 < sum(turned) < 44
    halves = [random_mirror(half, [3, 4], (i, 2)) for i, half in enumerate(np.split(images, 2))]
    np.testing.assert_array_equal(np.concatenate(halves), found)
    assert not np.array_equal(random_mirror(images, [3, 5]), found)
