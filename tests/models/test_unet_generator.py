"""The U-Net, beside its table (which tests/experiments/test_report.py holds against the report)."""

import numpy as np
import pytest

from tf_gen import PatchDiscriminator, UNetGenerator
from tf_gen.errors import UserError
from tf_gen.layers import example_seeds

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


def small(**options):
    generator = UNetGenerator(**{"filters": 4, "depth": 5, **options})
    generator.build((None, None, None, 3))
    return generator


def test_an_image_of_128_takes_seven_halvings_to_one_pixel():
    shapes = [
        layer.output.shape[1:]
        for layer in UNetGenerator(filters=8, depth=7).functional(128, 128).layers
    ]
    assert (1, 1, 64) in shapes and shapes[-1] == (128, 128, 3)


@pytest.mark.parametrize("shape", [(1, 32, 32, 3), (2, 64, 32, 3), (1, 96, 160, 3)])
def test_any_multiple_of_two_to_the_depth_works(shape):
    generator = small()
    assert generator(np.zeros(shape, np.float32)).shape == shape
    assert generator.factor == 32


@pytest.mark.parametrize("shape", [(1, 33, 32, 3), (1, 32, 48, 3)])
def test_other_sizes_are_refused_with_the_multiple(shape):
    with pytest.raises(UserError, match="multiples of 32: got"):
        small()(np.zeros(shape, np.float32))


def test_doubling_by_resize_convolutions_has_nine_weights_for_sixteen():
    resize, transposed = small(upsampling="resize"), small()
    assert resize(IMAGES).shape == IMAGES.shape
    for ours, theirs in (
        *(
            (up.convolution, other.convolution)
            for up, other in zip(resize.up_blocks, transposed.up_blocks, strict=True)
        ),
        (resize.output_convolution, transposed.output_convolution),
    ):
        assert ours.kernel.shape[:2] == (3, 3) and theirs.kernel.shape[:2] == (4, 4)
    again = UNetGenerator.from_config(resize.get_config())
    assert again.upsampling == "resize" and again.up_blocks[0].upsampling == "resize"
    with pytest.raises(ValueError, match="upsampling"):
        UNetGenerator(upsampling="bilinear")


def test_channels_in_and_out_are_free():
    generator = UNetGenerator(filters=4, depth=5, output_channels=1)
    assert generator(np.zeros((1, 32, 32, 6), np.float32)).shape == (1, 32, 32, 1)


@pytest.mark.parametrize("normalization", ["batch", "instance", "none"])
def test_outputs_are_float32_in_the_range_of_tanh(normalization):
    outputs = small(normalization=normalization)(IMAGES * 50, training=True).numpy()
    assert outputs.dtype == np.float32 and np.abs(outputs).max() <= 1


def test_noise_beside_the_input_is_its_only_noise_where_dropout_is_left_out():
    model = UNetGenerator(4, 2, dropout=0.0, noise_channels=1)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
    seeds = example_seeds(1, 2)
    quiet, noisy = model(images), model(images, dropout=True, seed=seeds)
    np.testing.assert_array_equal(noisy, model(images, dropout=True, seed=seeds))
    assert (quiet.numpy() != noisy.numpy()).any()
    assert model.down_blocks[0].convolution.kernel.shape[2] == 4


def test_noise_repeats_under_a_seed_and_belongs_to_the_example():
    generator, seeds = small(), example_seeds(0, 2)
    mode = {"dropout": True, "statistics": "image"}
    both = generator(IMAGES, seed=seeds, **mode)
    np.testing.assert_array_equal(both, generator(IMAGES, seed=seeds, **mode))
    alone = generator(IMAGES[1:], seed=seeds[1:], **mode)
    np.testing.assert_allclose(both[1:], alone, atol=1e-5)
    assert (both.numpy() != generator(IMAGES, seed=example_seeds(1, 2), **mode).numpy()).any()


def test_training_draws_new_noise_at_each_call_and_inference_none():
    generator = small()
    assert (generator(IMAGES, training=True) != generator(IMAGES, training=True)).numpy().any()
    np.testing.assert_array_equal(generator(IMAGES), generator(IMAGES))


def test_dropout_and_statistics_are_two_choices():
    generator = small()
    a = generator(IMAGES, dropout=False, statistics="image").numpy()
    b = generator(IMAGES, dropout=False, statistics="batch").numpy()
    assert (a != b).any()
    np.testing.assert_array_equal(a, generator(IMAGES, dropout=False, statistics="image"))


@pytest.mark.parametrize(
    "mode",
    [
        {"training": True},
        {"dropout": True, "statistics": "fixed"},
        {"dropout": False, "statistics": "batch"},
        {"dropout": False, "statistics": "image"},
    ],
)
def test_one_image_alone_gives_a_picture_though_the_bottleneck_has_one_value(mode):
    outputs = small()(IMAGES[:1], **mode).numpy()
    assert np.isfinite(outputs).all() and outputs.std() > 0


def test_a_network_that_was_shown_as_a_functional_model_is_used_and_saved_as_any_other():
    generator, discriminator = UNetGenerator(filters=2, depth=5), PatchDiscriminator(filters=2)
    for network, arguments in ((generator, IMAGES), (discriminator, [IMAGES, IMAGES])):
        shown = network.functional(32, 32)
        np.testing.assert_allclose(network(arguments), shown(arguments), atol=1e-6)
