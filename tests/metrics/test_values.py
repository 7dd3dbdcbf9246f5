"""What measures of images do with values of another type or range: right, or refused."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gen import metrics
from tf_gen.errors import UserError

LEVELS = np.random.default_rng(0).integers(0, 256, (2, 2, 176, 176, 3), np.uint8)
UNIT = (LEVELS / 255).astype(np.float32)
PAIRS = ["mse", "l1", "psnr", "ssim", "ms_ssim", "image_errors"]


class Mean:
    """A network."""

    name = "mean"

    def __call__(self, images):
        return images.mean(axis=(1, 2))


SETS = {
    "mean_pairwise_distance": metrics.mean_pairwise_distance,
    "features_of": lambda images: metrics.features_of(images, Mean()).values,
    "images_digest": metrics.images_digest,
    "map_classes": metrics.map_classes,
}


def of_pairs(measure):
    return lambda images: measure(images, images[::-1])


MEASURES = {name: of_pairs(getattr(metrics, name)) for name in PAIRS} | SETS


def range_of(name):
    return (-1, 1) if name == "image_errors" else (0, 1)


@pytest.mark.parametrize("name", MEASURES)
def test_8_bit_images_measure_as_the_floats_that_they_stand_for(name):
    measure, (low, high) = MEASURES[name], range_of(name)
    found, expected = measure(LEVELS[0]), measure(UNIT[0] * (high - low) + low)
    if name == "images_digest":
        assert found == expected
    else:
        tf.nest.map_structure(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3), found, expected
        )


@pytest.mark.parametrize("name", MEASURES)
def test_other_types_and_ranges_are_refused(name):
    measure, (low, high) = MEASURES[name], range_of(name)
    told = rf"the measure takes uint8, or floats in \[{low}, {high}\]: divide"
    with pytest.raises(UserError, match=f"images are int32, but {told}"):
        measure(LEVELS[0].astype(np.int32))
    with pytest.raises(UserError, match=rf"images \(float32\) lie in \[0, 255\], but {told}"):
        measure(LEVELS[0].astype(np.float32))
    with pytest.raises(UserError, match=rf"lie in \[-3, 3\], but {told}"):
        measure(UNIT[0] * 6 - 3)


@pytest.mark.parametrize("name", PAIRS)
def test_either_of_a_pair_is_looked_at(name):
    measure, floats = getattr(metrics, name), LEVELS[0].astype(np.float32)
    for pair in ((UNIT[0], floats), (floats, UNIT[0])):
        with pytest.raises(UserError, match="the measure takes"):
            measure(*pair)


@pytest.mark.parametrize("name", PAIRS)
def test_what_resizing_overshoots_is_measured(name):
    measure, (low, high) = MEASURES[name], range_of(name)
    assert tf.nest.flatten(measure(UNIT[0] * (high - low) * 1.4 + low))[0].shape == (2,)


def test_within_a_graph_types_alone_are_looked_at():
    compiled = tf.function(metrics.mse, autograph=False)
    expected = metrics.mse(*UNIT)
    np.testing.assert_allclose(compiled(*map(tf.constant, LEVELS)), expected, rtol=1e-6)
    kinds = {node.op for node in compiled.get_concrete_function(*UNIT).graph.as_graph_def().node}
    assert "Mean" in kinds and not kinds & {"Min", "Max"}
    with pytest.raises(UserError, match="int32"):
        compiled(*map(tf.constant, LEVELS.astype(np.int32)))
