"""Label images: what is read as classes, what is none."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gen.data import load_pairs
from tf_gen.data.pairs import Labels
from tf_gen.data.reading import decode_labels, resize_labels
from tf_gen.data.sources import Unreadable
from tf_gen.errors import UserError

RNG = np.random.default_rng(0)
CLASSES = RNG.choice([0, 1, 2, 255], (6, 10)).astype(np.uint8)


def encoded(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def with_palette(classes):
    image = Image.fromarray(classes).convert("L").copy()
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(RNG.integers(0, 256, 768).astype(np.uint8).tobytes())
    return image


@pytest.mark.parametrize(
    "image",
    [Image.fromarray(CLASSES), with_palette(CLASSES), Image.fromarray(CLASSES.astype(np.uint16))],
    ids=["grey", "palette", "16 bits"],
)
def test_the_values_of_one_channel_are_the_classes_whatever_their_colours(image):
    np.testing.assert_array_equal(decode_labels(encoded(image), "a.png", 3)[..., 0], CLASSES)


def test_a_mask_of_two_levels_has_the_classes_0_and_1():
    mask = CLASSES > 1
    found = decode_labels(encoded(Image.fromarray(mask)), "a.png", 2)
    assert found.dtype == np.uint8 and (found[..., 0] == mask).all()


PHOTOGRAPH = Image.fromarray(RNG.integers(0, 256, (6, 10, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    ("image", "kind", "said"),
    [
        (PHOTOGRAPH, "PNG", r"a: no label image \(PNG, RGB\): that is a PNG of one channel"),
        (PHOTOGRAPH.convert("L"), "JPEG", r"a: no label image \(JPEG, L\)"),
        (PHOTOGRAPH.convert("L"), "PNG", r"a: holds .* \.\.\., but 3 classes are 0 \.\.\. 2"),
        (Image.fromarray(CLASSES + (CLASSES == 2)), "PNG", "a: holds 3, but 3 classes"),
        (Image.fromarray(CLASSES.astype(np.uint16) + 256), "PNG", "a: holds 256, 257, 258, 511, b"),
    ],
    ids=["photograph", "JPEG", "grey photograph", "a class too many", "16 bits"],
)
def test_what_is_no_label_image_is_told_in_a_line(image, kind, said):
    with pytest.raises(Unreadable, match=said) as refused:
        decode_labels(encoded(image, kind), "a", 3)
    assert "\n" not in str(refused.value)


def test_a_damaged_label_image_is_told_as_any_other():
    with pytest.raises(Unreadable, match="a.png: not a readable image"):
        decode_labels(encoded(Image.fromarray(CLASSES))[:60], "a.png", 3)


@pytest.mark.parametrize("size", [(3, 5), (12, 30), (4, 7)])
def test_labels_are_resized_by_the_nearest_pixel(size):
    expected = tf.image.resize(CLASSES[..., None], size, method="nearest")
    np.testing.assert_array_equal(resize_labels(CLASSES[..., None], *size), expected)


def test_pairs_have_labels_on_one_side_and_photographs_on_the_other(tmp_path):
    for side, image in (("trainA", PHOTOGRAPH), ("trainB", with_palette(CLASSES))):
        (tmp_path / side).mkdir()
        image.save(tmp_path / side / "1.png")
    pairs = load_pairs(tmp_path, "train", (3, 5), channels=(3, Labels(3)))
    assert pairs.a.shape == (1, 3, 5, 3)
    np.testing.assert_array_equal(pairs.b[0], resize_labels(CLASSES[..., None], 3, 5))
    with pytest.raises(UserError, match="1 unreadable: trainA/1.png: no label image"):
        load_pairs(tmp_path, "train", 4, channels=(Labels(3), 3))


def test_labels_beside_photographs_in_one_file_are_refused(tmp_path):
    (tmp_path / "train").mkdir()
    PHOTOGRAPH.save(tmp_path / "train" / "1.png")
    with pytest.raises(UserError, match="give the sides in trainA/ and trainB/"):
        load_pairs(tmp_path, "train", 4, channels=(3, Labels(3)))
