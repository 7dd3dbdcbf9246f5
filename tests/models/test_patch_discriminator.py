"""The discriminator: what each logit sees, measured by perturbing pixels."""

import keras
import numpy as np
import pytest

import tf_gen
from tf_gen import PatchDiscriminator
from tf_gen.errors import UserError


def seen_by(discriminator, size, row):
    """Rows of the image that change the logit at (row, row)."""
    rng = np.random.default_rng(0)
    base = np.repeat(rng.uniform(-1, 1, (1, size, size, 3)).astype(np.float32), 8, axis=0)
    # Batches of one size alone are rounded alike, and the far rows' share is as small as that.
    expected = discriminator(base, statistics="fixed").numpy()[:, row, row, 0]
    seen = []
    for first in range(0, size, 8):
        changed = base.copy()
        changed[np.arange(8), first + np.arange(8)] += 100.0  # row first + i of copy i
        logits = discriminator(changed, statistics="fixed").numpy()[:, row, row, 0]
        seen += list(first + np.flatnonzero(logits != expected))
    return seen


@pytest.mark.parametrize(("field", "size"), [(1, 8), (16, 40), (70, 160)])
def test_the_receptive_field_is_as_named(field, size):
    discriminator = PatchDiscriminator(
        filters=2, receptive_field=field, conditional=False, normalization="none"
    )
    middle = discriminator(np.zeros((1, size, size, 3), np.float32)).shape[1] // 2
    rows = seen_by(discriminator, size, middle)
    assert len(rows) == field and rows[-1] - rows[0] + 1 == field


@pytest.mark.slow
def test_the_largest_receptive_field_is_286():
    test_the_receptive_field_is_as_named(286, 640)


@pytest.mark.parametrize(
    ("field", "size", "side"), [(1, 64, 64), (16, 64, 30), (70, 64, 6), (286, 96, 1)]
)
def test_logits_are_float32_and_one_for_each_patch(field, size, side):
    images = np.zeros((2, size, size, 3), np.float32)
    logits = PatchDiscriminator(filters=2, receptive_field=field)([images, images])
    assert logits.shape == (2, side, side, 1) and logits.dtype == "float32"


def test_images_too_small_to_judge_are_refused_with_the_smallest_size():
    images = np.zeros((1, 16, 16, 3), np.float32)
    with pytest.raises(UserError, match="at least 24 x 24, got 16 x 16"):
        PatchDiscriminator(filters=2)([images, images])


def test_it_judges_the_image_together_with_its_condition_or_alone():
    rng = np.random.default_rng(0)
    a, b, images = rng.uniform(-1, 1, (3, 1, 64, 64, 3)).astype(np.float32)
    conditional = PatchDiscriminator(filters=2)
    assert (conditional([a, images]).numpy() != conditional([b, images]).numpy()).any()
    assert PatchDiscriminator(filters=2, conditional=False)(images).shape == (1, 6, 6, 1)


def test_an_unknown_receptive_field_is_refused():
    with pytest.raises(ValueError, match="receptive_field 34"):
        PatchDiscriminator(receptive_field=34)


def test_with_spectral_normalisation_a_kernels_scale_is_nothing_and_a_file_keeps_it(tmp_path):
    keras.utils.set_random_seed(1)
    model = PatchDiscriminator(2, 16, conditional=False, normalization="none", spectral=True)
    images = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    before = model(images, training=True)
    kernels = [v for v in model.trainable_variables if v.path.endswith("kernel")]
    assert len(kernels) == 3
    for kernel in kernels:
        kernel.assign(5 * kernel)
    np.testing.assert_allclose(model(images), before, rtol=1e-4, atol=1e-6)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(tf_gen.load(tmp_path / "model.keras")(images), model(images))
