"""What a model is given: refused with the way out, or found whatever way it comes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.models.inputs import (
    check_labels,
    check_shape,
    check_values,
    first_batch,
    images_and_targets_of,
    images_labels_and_targets_of,
    inputs_and_targets_of,
)

UNIT = np.random.default_rng(0).uniform(0, 1, (6, 4, 4, 3)).astype(np.float32)
LABELS = np.arange(6) % 3
TANH = UNIT * 2 - 1


# Values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "images, low", [(UNIT, 0.0), (UNIT.astype(np.float64), 0.0), (TANH, -1.0), (UNIT, -1.0)]
)
def test_values_in_range_pass(images, low):
    check_values(images, low, 1.0)
    check_values(tf.constant(images), low, 1.0)
    check_values(tf.cast(images, tf.bfloat16), low, 1.0)
    check_values(images + np.sign(images - 0.5) * 0.0009, low, 1.0)  # a resize's rounding


@pytest.mark.parametrize(
    "images, low, message",
    [
        (UNIT * 255, 0.0, r"values \(float32\) .* floats in \[0, 1\]: divide 8-bit images by 255$"),
        (np.uint8(UNIT * 255), 0.0, r"values \(uint8\) lie in \[\d, 25\d\], but .* by 255$"),
        (np.uint8(UNIT), 0.0, r"values \(uint8\) lie in \[0, 0\], but the model takes floats"),
        (TANH, 0.0, r"lie in \[-0.99\d, \S+\], but the model takes floats in \[0, 1\]"),
        (UNIT * 255, -1.0, r"floats in \[-1, 1\]: divide 8-bit images by 127.5, subtract 1$"),
        (UNIT - 0.01, 0.0, r"takes floats in \[0, 1\]"),
        (UNIT + 0.01, 0.0, r"takes floats in \[0, 1\]"),
    ],
)
def test_values_out_of_range_are_shown_with_the_way_out(images, low, message):
    for given in (images, tf.constant(images)):
        with pytest.raises(UserError, match=message):
            check_values(given, low, 1.0)


# Labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint8), [2, 0], np.array([], int)])
def test_labels_of_the_models_classes_pass(labels):
    check_labels(labels, 3)
    check_labels(tf.constant(labels), 3)


@pytest.mark.parametrize(
    "labels, message",
    [
        (LABELS.astype(np.float32), "labels must be integers, got float32"),
        (LABELS > 0, "labels must be integers, got bool"),
        ([0, 3], r"labels lie in 0 \.\.\. 3, but the model has 3 classes: 0 \.\.\. 2"),
        ([-1, 2], r"labels lie in -1 \.\.\. 2, but the model has 3 classes: 0 \.\.\. 2"),
    ],
)
def test_other_labels_are_refused(labels, message):
    for given in (labels, tf.constant(labels)):
        with pytest.raises(UserError, match=message):
            check_labels(given, 3)


# Shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", [(4, 4, 3), (None, 4, 3), (None, None, None)])
def test_a_shape_asked_for_passes(expected):
    check_shape("images", UNIT, *expected)
    check_shape("images", tf.zeros([0, 4, 4, 3]), *expected)


def test_what_a_graph_does_not_know_passes():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def call(images):
        check_shape("images", images, 4, 4, 3)
        with pytest.raises(UserError, match=r"must have the shape \[B, 4, 4, 1\]"):
            check_shape("images", images, 4, 4, 1)
        return images

    assert call.get_concrete_function()


@pytest.mark.parametrize(
    "expected, message",
    [
        ((4, 4, 1), r"^images must have the shape \[B, 4, 4, 1\], got \[B, 4, 4, 3\]$"),
        ((8, None, 3), r"\[B, 8, any, 3\], got \[B, 4, 4, 3\]$"),
        ((4, 4), r"\[B, 4, 4\], got"),
        ((4, 4, 3, 1), r"\[B, 4, 4, 3, 1\], got"),
        ((), r"\[B\], got"),
    ],
)
def test_another_shape_is_refused_with_both_shown(expected, message):
    with pytest.raises(UserError, match=message):
        check_shape("images", UNIT, *expected)


# The first batch -------------------------------------------------------------------------


def batches_of(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(2)


@pytest.mark.parametrize(
    "given, expected",
    [
        (lambda: (UNIT,), [UNIT]),
        (lambda: (UNIT, LABELS), [UNIT, LABELS]),
        (lambda: ((UNIT, TANH), LABELS), [(UNIT, TANH), LABELS]),
        (lambda: ([UNIT, LABELS],), [[UNIT, LABELS]]),
        (lambda: (tf.constant(UNIT),), [UNIT]),
        (lambda: (batches_of(UNIT),), [UNIT[:2]]),
        (lambda: (batches_of(UNIT, LABELS),), [UNIT[:2], LABELS[:2]]),
        (lambda: (batches_of((UNIT, LABELS), TANH),), [(UNIT[:2], LABELS[:2]), TANH[:2]]),
        (lambda: (batches_of(UNIT, LABELS, np.ones(6)),), [UNIT[:2], LABELS[:2]]),
    ],
    ids=[
        "array",
        "array and labels",
        "pair and labels",
        "list",
        "tensor",
        "dataset",
        "dataset of two",
        "dataset of a pair and one",
        "dataset with weights",
    ],
)
def test_the_first_batch_is_found_in_arrays_tuples_and_datasets(given, expected):
    found = first_batch(*given())
    assert isinstance(found, tuple)
    keras.tree.assert_same_structure(found, tuple(expected))
    keras.tree.map_structure(np.testing.assert_array_equal, found, tuple(expected))


def test_looking_at_a_dataset_does_not_use_it_up():
    dataset = batches_of(UNIT)
    first_batch(dataset)
    assert len(list(dataset)) == 3


def test_what_is_no_array_is_not_looked_into():
    assert first_batch(batches_of) is None


def test_dicts_and_ragged_batches_are_refused_with_the_way_out():
    dicts = tf.data.Dataset.from_tensors({"image": UNIT, "label": LABELS})
    for given in (dicts, {"image": UNIT, "label": LABELS}):
        with pytest.raises(UserError, match=r'\(image, label\).*map\(lambda e: e\["image"\]\)$'):
            first_batch(given)
    ragged = tf.data.Dataset.from_generator(
        lambda: iter([UNIT[0], UNIT[1, :2]]), output_signature=tf.TensorSpec([None, 4, 3])
    ).ragged_batch(2)
    with pytest.raises(UserError, match="ragged, of images of several sizes: resize them before"):
        first_batch(ragged)


def test_a_generator_keeps_its_first_batch():
    generator = (batch for batch in (UNIT[:2], UNIT[2:]))
    assert first_batch(generator) is None
    np.testing.assert_array_equal(next(generator), UNIT[:2])


# Batches as fit passes them --------------------------------------------------------------

WEIGHTS = np.linspace(0, 1, 6)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (UNIT, (UNIT, UNIT, None)),
        ((UNIT,), (UNIT, UNIT, None)),
        ([UNIT], (UNIT, UNIT, None)),
        ((UNIT, None), (UNIT, UNIT, None)),
        ((UNIT, TANH), (UNIT, TANH, None)),
        ((UNIT, None, WEIGHTS), (UNIT, UNIT, WEIGHTS)),
        ((UNIT, TANH, WEIGHTS), (UNIT, TANH, WEIGHTS)),
    ],
)
def test_images_are_their_own_targets_unless_others_are_given(batch, expected):
    for part, value in zip(images_and_targets_of(batch), expected, strict=True):
        assert part is value


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ((UNIT, LABELS), (UNIT, LABELS, UNIT, None)),
        ([UNIT, LABELS], (UNIT, LABELS, UNIT, None)),
        (((UNIT, LABELS),), (UNIT, LABELS, UNIT, None)),
        (([UNIT, LABELS],), (UNIT, LABELS, UNIT, None)),
        (((UNIT, LABELS), None), (UNIT, LABELS, UNIT, None)),
        (((UNIT, LABELS), TANH), (UNIT, LABELS, TANH, None)),
        ((UNIT, LABELS, WEIGHTS), (UNIT, LABELS, UNIT, WEIGHTS)),
        (((UNIT, LABELS), None, WEIGHTS), (UNIT, LABELS, UNIT, WEIGHTS)),
    ],
)
def test_images_labels_and_targets_are_found_in_every_batch(batch, expected):
    for part, value in zip(images_labels_and_targets_of(batch), expected, strict=True):
        assert part is value


def test_labels_in_the_place_of_targets_and_weights_by_pixel_are_refused():
    with pytest.raises(UserError, match=r"got \[B, 4, 4, 3\] and \[B\] \(labels are dropped by"):
        images_and_targets_of((UNIT, LABELS))
    with pytest.raises(UserError, match=r"weights must have the shape \[B\].*got \[B, 4, 4\]"):
        images_and_targets_of((UNIT, UNIT, UNIT[..., 0]))
    with pytest.raises(UserError, match="weighs all pairs alike"):
        inputs_and_targets_of((UNIT, UNIT, WEIGHTS))
