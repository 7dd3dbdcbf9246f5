"""The discriminator that segments: its blocks, what it judges by, what it refuses."""

import keras
import numpy as np
import pytest

import tf_gen
from tf_gen import SegmentingDiscriminator
from tf_gen.errors import UserError
from tf_gen.metrics import map_classes
from tf_gen.models.segmenting_discriminator import GROWS, SHRINKS, _SegmentingBlock

RNG = np.random.default_rng(0)
MAPS, IMAGES = RNG.uniform(-1, 1, (2, 2, 16, 16, 3)).astype(np.float32)
SMALL = {"filters": 2, "halvings": 2}


def test_each_pixel_gets_a_logit_for_each_class_and_one_for_fake():
    model = SegmentingDiscriminator(2)
    images = np.zeros((1, 64, 128, 3), np.float32)
    logits, labels = model([images, images])
    assert logits.shape == (1, 64, 128, 6) and labels.shape == (1, 64, 128, 5)
    widths = [block.filters for block in [*model.downs, *model.ups]]
    assert widths == [2, 2, 4, 4, 8, 8, 8, 4, 4, 2, 2, 1]


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def halved(x):
    return x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean((2, 4))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("resizing", [SHRINKS, GROWS])
@pytest.mark.parametrize("filters", [3, 4], ids=["same width", "other width"])
def test_a_block_adds_two_convolutions_to_its_input_at_the_new_size(filters, resizing, first):
    block = _SegmentingBlock(filters, resizing, first, spectral=False)
    found = block(IMAGES)
    assert found.shape == block.compute_output_shape(IMAGES.shape)
    x = IMAGES if resizing == SHRINKS else IMAGES.repeat(2, 1).repeat(2, 2)
    y = block.convolutions[0](x if first else leaky(x))
    y = block.convolutions[1](leaky(y.numpy())).numpy()
    x = block.shortcut(x).numpy() if filters == 4 else x  # before it is halved
    assert (block.shortcut is None) == (filters == 3)
    expected = halved(x) + halved(y) if resizing == SHRINKS else x + y
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_judges_by_the_image_alone_and_reads_the_labels_off_the_map():
    model = SegmentingDiscriminator(**SMALL)
    logits, labels = model([MAPS, IMAGES])
    same, others = model([-MAPS, IMAGES])
    np.testing.assert_array_equal(same, logits)
    assert (others.numpy() != labels.numpy()).any()
    np.testing.assert_array_equal(np.argmax(labels, -1), map_classes(MAPS / 2 + 0.5))
    assert (model([MAPS, MAPS])[0].numpy() != logits.numpy()).any()


def test_every_block_is_heard_by_the_logits_the_skips_too():
    model = SegmentingDiscriminator(**SMALL)
    (_, _), seen = model([MAPS, IMAGES], features=True)
    assert [x.shape[1:] for x in seen] == [(8, 8, 2), (4, 4, 2), (8, 8, 2), (16, 16, 1)]
    np.testing.assert_array_equal(
        model.logits(model.ups[1](model.joins[0]([seen[0], seen[2]]))), model([MAPS, IMAGES])[0]
    )


@pytest.mark.parametrize(
    "dtype", [pytest.param("float32", marks=pytest.mark.slow), "mixed_bfloat16"]
)
def test_the_keras_file_gives_back_the_model_whose_logits_are_float32(tmp_path, dtype):
    keras.utils.set_random_seed(1)
    model = SegmentingDiscriminator(dtype=dtype, **SMALL)
    expected = model([MAPS, IMAGES])
    model.save(tmp_path / "model.keras")
    found = tf_gen.load(tmp_path / "model.keras")([MAPS, IMAGES])
    exact = SegmentingDiscriminator(**SMALL)
    exact([MAPS, IMAGES])
    exact.set_weights(model.get_weights())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == "float32"
    logits, labels = exact([MAPS, IMAGES])
    np.testing.assert_array_equal(labels, expected[1])  # in bfloat16 another colour may be nearer
    assert np.array_equal(logits, expected[0]) == (dtype == "float32")


def test_its_summary_is_that_of_the_same_layers():
    model = SegmentingDiscriminator(**SMALL)
    table = model.functional(16, 16)
    assert table.count_params() == model.count_params()
    np.testing.assert_array_equal(table([MAPS, IMAGES])[0], model([MAPS, IMAGES])[0])


BAD = {
    "a size": ({}, (18, 16, 3), "so both must be multiples of 4: got 18 x 16"),
    "a map that is not RGB": ({}, (16, 16, 4), "takes its labels from 3 channels, got 4"),
    "other classes": ({"label_kind": "classes", "classes": 7}, (16, 16, 3), "from 7 channels"),
    "colours of others": ({"classes": 7}, (16, 16, 3), "a street map has 5 classes"),
    "no halving": ({"halvings": 0}, (16, 16, 3), "halvings 0: must be at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_refused_in_one_line(case):
    options, shape, message = BAD[case]
    images = np.zeros((1, *shape), np.float32)
    with pytest.raises(UserError, match=message) as refused:
        SegmentingDiscriminator(**{**SMALL, **options})([images, images[..., :3]])
    assert "\n" not in str(refused.value)
