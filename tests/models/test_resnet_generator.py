"""The residual generator: its published size, its sizes, its noise."""

import numpy as np
import pytest

from tf_gen import Pix2Pix, ResNetGenerator
from tf_gen.errors import UserError

SMALL = {"filters": 2, "blocks": 1}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 12, 20, 3)).astype(np.float32)


def test_its_weights_are_as_many_as_those_of_the_published_one():
    model = ResNetGenerator()
    model.build((None, None, None, 3))
    kernels = sum(np.prod(v.shape) for v in model.trainable_variables if v.path.endswith("kernel"))
    # 7x7: 3 to 64; 3x3: 64, 128, 256; 9 blocks of two; 3x3 back; 7x7 to 3
    assert kernels == (
        49 * 3 * 64 + 9 * (64 * 128 + 128 * 256) * 2 + 9 * 2 * 9 * 256**2 + 49 * 64 * 3
    )
    assert model.factor == 4


def test_any_multiple_of_its_factor_goes_through_and_no_other():
    model = ResNetGenerator(**SMALL)
    found = model(IMAGES)
    assert found.shape == IMAGES.shape and np.abs(found).max() < 1
    for bad in (IMAGES[:, :10], IMAGES[:, :4]):
        with pytest.raises(UserError, match="multiples of 4 from 8 on"):
            model(bad)


def test_without_dropout_training_makes_the_same_images_and_with_it_others():
    quiet, noisy = ResNetGenerator(**SMALL), ResNetGenerator(**SMALL, dropout=0.5)
    np.testing.assert_allclose(quiet(IMAGES, training=True), quiet(IMAGES), atol=1e-6)
    assert (noisy(IMAGES, dropout=True).numpy() != noisy(IMAGES, dropout=False).numpy()).any()


def test_pix2pix_trains_it():
    model = Pix2Pix(ResNetGenerator(**SMALL, upsampling="resize"), reconstruction_weight=10.0)
    model.compile()
    images = np.repeat(np.repeat(IMAGES, 4, axis=1), 4, axis=2)
    before = model.generator(images).numpy()
    history = model.fit(images, -images, batch_size=1, verbose=0).history
    assert np.isfinite(history["generator_loss"]).all()
    assert (model.generator(images).numpy() != before).any()
