"""Recomputed statistics against NumPy."""

import numpy as np
import pytest

from tf_gen import UNetGenerator
from tf_gen.errors import UserError
from tf_gen.layers import BatchNorm
from tf_gen.training.statistics import recompute_statistics

IMAGES = np.random.default_rng(0).uniform(-1, 1, (12, 32, 32, 3)).astype(np.float32)


def built(**options):
    generator = UNetGenerator(filters=4, depth=5, **options)
    generator.build((None, 32, 32, 3))
    return generator


def batches(size):
    return [IMAGES[i : i + size] for i in range(0, len(IMAGES), size)]


def test_the_first_layers_statistics_are_those_of_all_images_together():
    generator = built()
    recompute_statistics(generator, batches(5))  # 5, 5 and 2 images
    first = generator.down_blocks[0](IMAGES)  # has no normalisation
    x = generator.down_blocks[1].convolution(first).numpy().astype(np.float64)
    norm = generator.down_blocks[1].norm
    np.testing.assert_allclose(norm.moving_mean, x.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, x.var((0, 1, 2)), rtol=1e-4)


def test_with_one_batch_fixed_statistics_are_the_batchs():
    generator = built()
    recompute_statistics(generator, [IMAGES])
    np.testing.assert_allclose(
        generator(IMAGES, statistics="fixed"), generator(IMAGES, statistics="batch"), atol=1e-3
    )


def test_only_statistics_change_and_a_network_without_any_is_left_alone():
    generator = built()
    before = [v.numpy() for v in generator.trainable_variables]
    recompute_statistics(generator, batches(6))
    for a, b in zip(before, generator.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)
    recompute_statistics(built(normalization="none"), batches(6))


def test_every_batch_normalisation_is_reached():
    generator = built()
    recompute_statistics(generator, batches(6))
    layers = [x for x in generator._flatten_layers() if isinstance(x, BatchNorm)]
    assert len(layers) == 8 and all(layer.moving_mean.numpy().any() for layer in layers)


@pytest.mark.parametrize("sizes", [[1], [5, 1]])
def test_one_image_whose_bottleneck_is_one_value_is_refused_and_nothing_changed(sizes):
    generator = built()
    recompute_statistics(generator, batches(6))
    before = [v.numpy() for v in generator.variables]
    with pytest.raises(UserError, match="a batch of one image, .* value alone: give at least 2"):
        recompute_statistics(generator, [IMAGES[:size] for size in sizes])
    for a, b in zip(before, generator.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_image_is_measured_where_each_layer_sees_more_than_one_value():
    generator = UNetGenerator(filters=4, depth=4)  # 2 x 2 at the bottleneck
    generator.build((None, 32, 32, 3))
    recompute_statistics(generator, batches(1))
    recompute_statistics(generator, [IMAGES[:1]])
    np.testing.assert_allclose(
        generator(IMAGES[:1]), generator(IMAGES[:1], statistics="image"), atol=1e-3
    )
