"""Pix2Pix against a discriminator that segments: its terms, LabelMix, its steps."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_gen
from tf_gen import SegmentedPix2Pix, SegmentingDiscriminator, SPADEGenerator, UNetGenerator
from tf_gen.errors import UserError
from tf_gen.layers import example_seeds, example_uniform
from tf_gen.metrics.street_maps import COLOURS

RNG = np.random.default_rng(0)
COLOUR = np.float32([dict(COLOURS)[name] for name in ("street", "water", "green")]) / 127.5 - 1
CLASSES = RNG.choice(3, (4, 4, 4), p=[0.1, 0.2, 0.7]).repeat(4, 1).repeat(4, 2)
MAPS = COLOUR[CLASSES]  # [4, 16, 16, 3], of three of the five classes
TARGETS = RNG.uniform(-1, 1, MAPS.shape).astype(np.float32)
PAIR = (MAPS, TARGETS)


def made(spectral=False, optimizer="adam", **options):
    """Spectral norms are estimated anew in every step: without them a step can be followed."""
    keras.utils.set_random_seed(3)
    model = SegmentedPix2Pix(
        UNetGenerator(2, 3, normalization="none", dropout=0.0),
        SegmentingDiscriminator(2, 2, spectral=spectral), **options,
    )  # fmt: skip
    model.compile(optimizer)
    model.build(MAPS.shape)
    model.build_optimizers()
    return model


def test_its_policy_is_that_of_the_networks_that_it_makes():
    made = SegmentedPix2Pix(dtype="mixed_bfloat16")
    assert made.generator.compute_dtype == made.discriminator.compute_dtype == "bfloat16"


def values(model):
    return [v.numpy() for v in model.variables]


def log_probabilities(logits):
    logits = np.float64(logits)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def balanced(logits):
    """The mean over the three classes of each one's mean."""
    found = log_probabilities(logits)
    places = zip((1, 3, 4), range(3), strict=True)  # street, water, green
    return np.mean([-found[..., place][kind == CLASSES].mean() for place, kind in places])


@pytest.mark.parametrize(
    "update", ["alternating", pytest.param("simultaneous", marks=pytest.mark.slow)]
)
def test_a_steps_terms_are_those_of_the_formulas(update):
    model = made(update=update, adversarial_weight=0.5, reconstruction_weight=3.0, seed=5)
    fakes = model.generator(MAPS).numpy()
    uniform = example_uniform(example_seeds([5, 2], 4), 5).numpy()
    mask = np.take_along_axis(uniform[:, [1, 3, 4]] < 0.5, CLASSES.reshape(4, -1), 1)
    mask = mask.reshape(4, 16, 16, 1)
    mixed = np.where(mask, TARGETS, fakes)
    real, fake, of_mixed = (
        model.discriminator([MAPS, images])[0].numpy() for images in (TARGETS, fakes, mixed)
    )
    logs = model.train_step(PAIR)
    if update == "alternating":  # the generator is held against the updated discriminator
        updated = model.discriminator([MAPS, fakes])[0]
        assert abs(balanced(updated) - balanced(fake)) > 1e-4
    else:
        updated = fake
    mix = np.square(of_mixed - np.where(mask, real, fake)).mean()
    of_real, of_fake = balanced(real), -log_probabilities(fake)[..., -1].mean()
    expected = {
        "discriminator_real_loss": of_real,
        "discriminator_fake_loss": of_fake,
        "label_mix_loss": mix,
        "discriminator_loss": of_real + of_fake + 10 * mix,
        "d_real": 1 - np.exp(log_probabilities(real))[..., -1].mean(),
        "d_fake": 1 - np.exp(log_probabilities(fake))[..., -1].mean(),
        "generator_adversarial_loss": balanced(updated),
        "l1_loss": np.abs(TARGETS - fakes).mean(),
        "generator_loss": 0.5 * balanced(updated) + 3 * np.abs(TARGETS - fakes).mean(),
    }
    assert mix > 0 and logs.keys() == expected.keys() == set(model.log_names)
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-4, err_msg=name)


def test_masks_are_drawn_for_each_step_example_and_class_and_for_nothing_else():
    model = made()
    (_, labels), masks = model.judge(MAPS, TARGETS), []
    for step in (0, 1, 0):
        model.optimizer.iterations.assign(step)
        masks.append(model._mask(MAPS, labels).numpy()[..., 0])
    np.testing.assert_array_equal(masks[0], masks[2])
    of_class = np.array([
        [[mask[i][CLASSES[i] == kind] for kind in range(3)] for i in range(4)] for mask in masks[:2]
    ], object)  # fmt: skip
    assert {len(np.unique(found)) for found in of_class.ravel() if len(found)} == {1}
    assert (masks[0] != masks[1]).any() and 0 < masks[0].mean() < 1
    kinds = [{found[0] for example in mask if len(found := example[2])} for mask in of_class]
    assert {0.0, 1.0} in kinds  # one class of one step, in different examples


def test_label_mix_is_0_where_both_images_are_the_same():
    model = made()
    same, other = model.judge(MAPS, TARGETS), model.judge(MAPS, -TARGETS)
    for fakes, judged in ((TARGETS, same), (-TARGETS, other)):
        (weight, term) = model.discriminator_penalties(MAPS, TARGETS, fakes, same, judged)[
            "label_mix_loss"
        ]
        assert weight == 10.0 and (float(term) > 1e-6) == (judged is other)


def test_label_mix_moves_the_discriminator_alone():
    model = made()
    networks = [model.generator.trainable_variables, model.discriminator.trainable_variables]
    with tf.GradientTape() as tape:
        fakes = model.generator(MAPS)
        judged = [model.judge(MAPS, images) for images in (TARGETS, tf.stop_gradient(fakes))]
        penalties = model.discriminator_penalties(MAPS, TARGETS, fakes, *judged)
        _, term = penalties["label_mix_loss"]
    of_generator, of_discriminator = tape.gradient(term, networks)
    assert of_generator == [None] * len(of_generator)
    assert any((gradient.numpy() != 0).any() for gradient in of_discriminator)
    without = made(label_mix_weight=0.0)
    assert without.discriminator_penalties(MAPS, TARGETS, fakes, *judged) == {}
    assert "label_mix_loss" not in without.log_names


def test_the_adversarial_terms_gradient_leads_the_generator_towards_its_classes():
    model = made(reconstruction_weight=0.0)
    variables = model.generator.trainable_variables

    def loss():
        fakes = model.generator(MAPS)
        return model.generator_terms(MAPS, TARGETS, fakes, model.judge(MAPS, fakes))[
            "generator_loss"
        ]

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign_sub(0.01 * gradient)
    expected = 0.01 * sum(np.square(gradient).sum() for gradient in gradients)
    np.testing.assert_allclose(before - loss(), expected, rtol=0.2)


@pytest.mark.slow
def test_fit_teaches_the_discriminator_and_a_keras_file_keeps_it(tmp_path):
    options = {"feature_matching_weight": 1.0, "label_mix_weight": 2.0}
    model = made(True, optimizer=keras.optimizers.Adam(0.01), **options)
    history = model.fit(*PAIR, batch_size=4, epochs=10, verbose=0).history
    assert set(history) == set(model.log_names)
    assert history["discriminator_loss"][-1] < history["discriminator_loss"][0] - 0.1
    model.save(tmp_path / "model.keras")
    loaded = tf_gen.load(tmp_path / "model.keras")
    assert type(loaded) is SegmentedPix2Pix and loaded.label_mix_weight == 2.0
    np.testing.assert_array_equal(
        loaded.discriminator([MAPS, TARGETS])[0], model.discriminator([MAPS, TARGETS])[0]
    )


@pytest.mark.slow
def test_a_step_that_is_not_finite_leaves_all_as_it_was():
    model, bad = made(True), TARGETS.copy()
    bad[1, 2, 3] = np.nan
    before = values(model)
    logs = model.train_step((MAPS, bad))
    assert np.isnan([logs["generator_loss"], logs["discriminator_loss"]]).all()
    for a, b in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_classes_that_a_spade_generator_reads_are_the_labels():
    generator = SPADEGenerator(2, 1, normalization="none", input_kind="classes", classes=3)
    discriminator = SegmentingDiscriminator(2, 2, label_kind="classes", classes=3)
    model = SegmentedPix2Pix(generator, discriminator)
    levels = np.float32(CLASSES[..., None] / 127.5 - 1)
    model.build(levels.shape)
    _, labels = model.judge(levels, TARGETS)
    np.testing.assert_array_equal(np.argmax(labels, -1), CLASSES)


@pytest.mark.slow  # compiling takes a while
@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_a_step_compiled_by_xla_equals_one_that_is_not(update):
    logs = []
    for compiled in (False, True):
        model = made(True, update=update)
        model.jit_compile = compiled
        logs.append(tf.function(model.train_step, jit_compile=compiled or None)(PAIR))
    for name, value in logs[0].items():
        np.testing.assert_allclose(logs[1][name], value, rtol=1e-3, err_msg=name)


@pytest.mark.slow
def test_two_replicas_balance_the_classes_of_the_whole_batch(two_replicas):
    found = []
    for scope in (two_replicas.scope(), contextlib.nullcontext()):
        with scope:
            model = made(optimizer=keras.optimizers.SGD(0.1))
        history = model.fit(
            tf.data.Dataset.from_tensors(PAIR).unbatch().batch(4), shuffle=False, verbose=0
        ).history
        found.append((history, model.discriminator.get_weights()))
    (many, weights), (one, expected) = found
    for name, value in one.items():
        np.testing.assert_allclose(many[name], value, rtol=1e-4, err_msg=name)
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adversarial_loss": "hinge"}, 'adversarial_loss="hinge": .* leave it out'),
        ({"gradient_penalty_weight": 1.0}, "gradient_penalty_weight 1.0: .* leave it out"),
        ({"label_mix_weight": -1.0}, "label_mix_weight -1.0: must be at least 0"),
    ],
)
def test_what_it_has_not_is_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as refused:
        SegmentedPix2Pix(UNetGenerator(2, 3), SegmentingDiscriminator(2, 2), **options)
    assert "\n" not in str(refused.value)
