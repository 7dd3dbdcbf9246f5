"""The coarse-to-fine generator: what it is made of, its sizes, its stages, its training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import GlobalGenerator, LocalEnhancer, MultiScaleDiscriminator, Pix2Pix
from tf_gen.errors import UserError
from tf_gen.models.class_edges import ClassEdges
from tf_gen.training.checkpoints import copy_weights

SMALL = {"filters": 2, "halvings": 1, "blocks": 1, "local_blocks": 1}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 3)).astype(np.float32)


def test_a_global_generator_without_an_image_gives_what_the_last_convolution_takes():
    whole = GlobalGenerator(2, 1, 1)
    features = GlobalGenerator(2, 1, 1, output_channels=None)
    image = whole(IMAGES)
    features.build((None, None, None, 3))
    assert copy_weights(whole, features) == []
    made = whole.output_convolution(whole.padding(features(IMAGES)))
    np.testing.assert_allclose(keras.ops.tanh(made), image, atol=1e-6)
    assert features.compute_output_shape((2, 16, 24, 3)) == (2, 16, 24, 2)


def test_the_global_generators_features_of_halves_are_added_to_the_front_ends():
    model = LocalEnhancer(**SMALL)
    found = model(IMAGES)
    x = model.global_generator(model.halve(IMAGES))
    assert x.shape == (2, 8, 12, 4)
    front = IMAGES
    for layer in model.front:
        front = layer(front)
    x = x + front
    for layer in model.back:
        x = layer(x)
    made = keras.ops.tanh(model.output_convolution(model.padding(x)))
    np.testing.assert_allclose(found, made, atol=1e-6)


def test_any_multiple_of_its_factor_goes_through_and_no_other():
    model = LocalEnhancer(**SMALL)
    assert (model.factor, model.smallest) == (4, 8)
    assert model(IMAGES).shape == IMAGES.shape
    for bad in (IMAGES[:, :10], IMAGES[:, :4]):
        with pytest.raises(UserError, match=f"multiples of 4 from 8 on: got {bad.shape[1]} x 24"):
            model(bad)


def test_edges_are_seen_by_both_generators_and_reach_the_image():
    model = LocalEnhancer(**SMALL, edges=True)
    model.build((None, None, None, 3))
    assert model.read_shape((2, 16, 24, 3)) == (2, 16, 24, 4)
    for first in (model.front[0], model.global_generator.stack[0]):
        kernel = first.convolution.kernel
        assert kernel.shape[2] == 4
        before = model(IMAGES).numpy()
        kernel.assign(np.concatenate([kernel[:, :, :3], 0 * kernel[:, :, 3:]], axis=2))
        assert (model(IMAGES).numpy() != before).any()


def test_in_bfloat16_the_same_edges_are_seen(monkeypatch):
    seen, call = [], ClassEdges.call
    monkeypatch.setattr(ClassEdges, "call", lambda self, x: seen.append(x) or call(self, x))
    model = LocalEnhancer(**SMALL, edges=True, dtype="mixed_bfloat16")
    model.build((None, None, None, 3))
    model(IMAGES)
    halves, whole = sorted(seen, key=np.size)
    np.testing.assert_array_equal(whole, IMAGES)
    np.testing.assert_array_equal(halves, model.halve(IMAGES))
    assert halves.dtype == "float32"


def pix2pix(**options):
    model = Pix2Pix(
        LocalEnhancer(**SMALL, **options),
        MultiScaleDiscriminator(1, 2, 16, normalization="instance"),
        adversarial_loss="least_squares", reconstruction_weight=0.0, feature_matching_weight=10.0,
        update="simultaneous",
    )  # fmt: skip
    model.compile()
    model.build((None, 16, 24, 3))
    model.build_optimizers()
    return model


def test_a_step_moves_every_weight_and_the_discriminator_sees_the_edges():
    model = pix2pix(edges=True)
    (judge,) = model.discriminator.discriminators
    assert judge.stack[0].convolution.kernel.shape[2] == 3 + 1 + 3
    before = [v.numpy() for v in model.trainable_variables]
    logs = model.train_step((tf.constant(IMAGES), tf.constant(-IMAGES)))
    assert np.isfinite(list(logs.values())).all()
    still = [v.path for v, b in zip(model.trainable_variables, before, strict=True) if
             (v.numpy() == b).all()]  # fmt: skip
    assert not still


def test_a_global_generator_that_is_kept_does_not_move_and_is_kept_in_copies():
    model = pix2pix(train_global=False)
    kept = [v.numpy() for v in model.generator.global_generator.variables]
    moved = [v.numpy() for v in model.generator.trainable_variables]
    model.train_step((tf.constant(IMAGES), tf.constant(-IMAGES)))
    for variable, before in zip(model.generator.global_generator.variables, kept, strict=True):
        np.testing.assert_array_equal(variable, before)
    assert all((v.numpy() != b).any() for v, b in
               zip(model.generator.trainable_variables, moved, strict=True))  # fmt: skip
    assert len(moved) + len(kept) == len(model.generator.variables)
    copy = LocalEnhancer.from_config(model.generator.get_config())
    assert not copy.global_generator.trainable
