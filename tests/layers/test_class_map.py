"""Classes, one-hot: by levels, and by colours as the street maps' readability has them."""

import keras
import numpy as np
import tensorflow as tf

from tf_gen.data.images import to_tanh_range
from tf_gen.layers import ClassMap
from tf_gen.metrics.street_maps import COLOURS, MAP_CLASSES, map_classes

LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


def test_a_level_is_its_class_in_every_precision_and_one_that_is_none_gives_zeros():
    for dtype in ("float32", "mixed_bfloat16"):
        found = ClassMap(200, dtype=dtype)(to_tanh_range(LEVELS))
        assert found.dtype == ("float32" if dtype == "float32" else tf.bfloat16)
        expected = np.eye(256)[LEVELS[..., 0]][..., :200]
        np.testing.assert_array_equal(tf.cast(found, tf.float32), expected)


def test_colours_give_the_classes_of_the_metric():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    colours = [(MAP_CLASSES.index(name), colour) for name, colour in COLOURS]
    for dtype in ("float32", "mixed_bfloat16"):
        found = ClassMap(len(MAP_CLASSES), colours, dtype=dtype)(to_tanh_range(pictures))
        np.testing.assert_array_equal(np.argmax(found, -1), map_classes(pictures))
        np.testing.assert_array_equal(keras.ops.sum(found, -1), np.ones((2, 64, 64)))
    assert len(np.unique(map_classes(pictures))) > 2
