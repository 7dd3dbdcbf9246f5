"""Pix2Pix: whose weights a step moves, and that every way to train gives the same."""

import collections
import copy
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.measures.operations import executed
from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator, losses, metrics
from tf_gen.errors import UserError
from tf_gen.layers import example_seeds


def trainable(network):
    return [v.numpy() for v in network.trainable_variables]


def batch_of(pairs, step=0, size=2):
    rows = slice(size * step, size * (step + 1))
    return pairs[0][rows], pairs[1][rows]


class Frozen(keras.optimizers.SGD):
    """An optimiser that moves nothing: what is left are the other network's effects."""

    def update_step(self, gradient, variable, learning_rate):
        pass


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.parametrize("still", ["generator", "discriminator"])
def test_an_update_of_one_network_leaves_the_other_bit_equal(make_pix2pix, pairs, update, still):
    model = make_pix2pix(update=update)
    other = "discriminator" if still == "generator" else "generator"
    model.compile(**{f"{still}_optimizer": Frozen(), f"{other}_optimizer": "adam"})
    model.build_optimizers()
    before = {name: trainable(getattr(model, name)) for name in ("generator", "discriminator")}
    model.train_step(batch_of(pairs))
    moved = {
        name: any((a != b).any() for a, b in zip(old, trainable(getattr(model, name)), strict=True))
        for name, old in before.items()
    }
    assert moved.pop(still) is False and list(moved.values()) == [True]


def test_its_policy_is_that_of_the_networks_that_it_makes_and_of_no_others():
    made = Pix2Pix(dtype="mixed_bfloat16")
    assert made.generator.compute_dtype == made.discriminator.compute_dtype == "bfloat16"
    mixed = Pix2Pix(UNetGenerator(2, 5), dtype="mixed_bfloat16")
    assert mixed.generator.compute_dtype == "float32"
    again = Pix2Pix.from_config(made.get_config())
    assert again.generator.compute_dtype == "bfloat16" and again.dtype_policy == made.dtype_policy


def by_hand(model, batch, adversarial, update):
    """One step written out with Keras' own Adam: the second witness."""
    inputs, targets = batch
    generator, discriminator = model.generator, model.discriminator
    adam = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]
    seed = example_seeds(tf.constant([model.seed, 0]), len(inputs), 0)
    with tf.GradientTape() as d_tape, tf.GradientTape() as g_tape:
        fakes = generator(inputs, training=True, seed=seed)
        real = discriminator([inputs, targets], training=True)
        fake = discriminator([inputs, fakes], training=True)
        d_loss = sum(losses.discriminator_terms(adversarial, real, fake))
        g_loss = losses.generator_term(adversarial, fake)
        g_loss += 100 * tf.reduce_mean(tf.abs(targets - fakes))
    d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
    if update == "alternating":
        adam[0].apply(d_gradients, discriminator.trainable_variables)
        with tf.GradientTape() as g_tape:
            fakes = generator(inputs, training=True, seed=seed)
            fake = discriminator([inputs, fakes], training=True)
            g_loss = losses.generator_term(adversarial, fake)
            g_loss += 100 * tf.reduce_mean(tf.abs(targets - fakes))
    g_gradients = g_tape.gradient(g_loss, generator.trainable_variables)
    if update == "simultaneous":
        adam[0].apply(d_gradients, discriminator.trainable_variables)
    adam[1].apply(g_gradients, generator.trainable_variables)
    return float(g_loss), float(d_loss)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.parametrize("adversarial", ["minimax", "least_squares"])
def test_a_step_equals_one_written_out_by_hand(make_pix2pix, pairs, adversarial, update):
    options = {"adversarial_loss": adversarial, "update": update, "normalization": "instance"}
    ours, witness = make_pix2pix(**options), make_pix2pix(**options)
    logs = ours.train_step(batch_of(pairs))
    g_loss, d_loss = by_hand(witness, batch_of(pairs), adversarial, update)
    np.testing.assert_allclose(logs["generator_loss"], g_loss, rtol=1e-5)
    np.testing.assert_allclose(logs["discriminator_loss"], d_loss, rtol=1e-5)
    for a, b in zip(trainable(ours), trainable(witness), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_without_the_adversarial_term_the_generator_minimises_the_distance_alone(
    make_pix2pix, pairs
):
    alone, fixed = make_pix2pix(adversarial_weight=0.0), make_pix2pix(adversarial_weight=0.0)
    for variable in fixed.discriminator.trainable_variables:
        variable.assign(-variable)  # another discriminator
    logs = [model.train_step(batch_of(pairs)) for model in (alone, fixed)]
    np.testing.assert_allclose(logs[0]["generator_loss"], 100 * logs[0]["l1_loss"], rtol=1e-6)
    assert logs[0]["generator_adversarial_loss"] != logs[1]["generator_adversarial_loss"]
    for a, b in zip(trainable(alone.generator), trainable(fixed.generator), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_the_gradient_penalty_is_taken_in_every_16th_step(make_pix2pix, pairs):
    model, plain = (
        make_pix2pix(gradient_penalty_weight=weight, normalization="instance")
        for weight in (10.0, 0.0)
    )
    step = tf.function(model.train_step)
    logs, of_plain = step(batch_of(pairs)), plain.train_step(batch_of(pairs))
    expected = of_plain["discriminator_loss"] + 10 * logs["gradient_penalty"]
    np.testing.assert_allclose(logs["discriminator_loss"], expected, rtol=1e-5)
    found = [float(logs["gradient_penalty"])]
    found += [float(step(batch_of(pairs))["gradient_penalty"]) for _ in range(16)]
    assert found[0] > 0 and found[16] > 0 and not any(found[1:16])


def test_what_a_trained_network_sees_is_matched_at_its_weight(make_pix2pix, pairs):
    model = make_pix2pix(update="simultaneous", perceptual_weight=7.0)
    inputs, targets = batch_of(pairs)
    seed = example_seeds(tf.constant([model.seed, 0]), len(inputs), 0)
    fakes = model.generator(inputs, training=True, seed=seed)
    seen = [metrics.hed_maps(127.5 * images + 127.5, 2) for images in (targets, fakes)]
    logs = model.train_step((inputs, targets))
    np.testing.assert_allclose(logs["perceptual_loss"], losses.perceptual(*seen), rtol=1e-3)
    parts = ("generator_adversarial_loss", "l1_loss", "perceptual_loss")
    total = sum(w * logs[name] for w, name in zip((1, 100, 7), parts, strict=True))
    np.testing.assert_allclose(logs["generator_loss"], total, rtol=1e-5)
    assert set(model.log_names) == set(logs)


def test_a_trained_network_sees_rgb_alone():
    model = Pix2Pix(UNetGenerator(2, 3, output_channels=1), perceptual_weight=1.0)
    with pytest.raises(UserError, match="^perceptual_weight=1: its network sees RGB"):
        model.build((None, 32, 32, 3))


def test_the_discriminator_is_shown_the_fakes_drawn_a_second_time(make_pix2pix, pairs):
    once, twice = make_pix2pix(), make_pix2pix(redraw_fakes=True)
    logs = [model.train_step(batch_of(pairs)) for model in (once, twice)]
    assert logs[0]["d_fake"] == logs[1]["d_fake"]  # the first draw is the same
    assert logs[0]["l1_loss"] != logs[1]["l1_loss"]  # the second has other noise


@pytest.mark.parametrize(
    "options, draws, judgements",
    [
        # draws of the fakes, and judgements of the discriminator
        ({"update": "simultaneous"}, 1, 2),
        ({"update": "alternating"}, 1, 3),
        ({"update": "alternating", "redraw_fakes": True}, 2, 3),
    ],
)
def test_nothing_is_computed_twice_in_a_step(make_pix2pix, pairs, options, draws, judgements):
    model = make_pix2pix(depth=5, **options)
    step = tf.function(model.train_step).get_concrete_function(batch_of(pairs))
    needed = executed(step.graph)
    kinds = collections.Counter(op.type for op in needed)
    # of the generator's 5 each, 3 halvings and 4 doublings are small enough to be products
    halvings, doublings, products = 2, 1, 7
    layers = 3  # the discriminator's
    # the gradient of a doubling (a transposed convolution) is a convolution
    assert kinds["Conv2D"] == draws * halvings + judgements * layers + doublings
    # backwards a network's first layer passes nothing on, but the discriminator's to the fakes
    judged_for_itself, judged_for_the_generator = 2 * (layers - 1), layers
    assert kinds["Conv2DBackpropInput"] == (
        draws * doublings + (halvings - 1) + judged_for_itself + judged_for_the_generator
    )
    assert kinds["Conv2DBackpropFilter"] == halvings + doublings + 2 * layers
    assert kinds["MatMul"] == draws * products + 2 * products
    graph = next(iter(needed)).graph.as_graph_def()
    nodes = [*graph.node, *(node for branch in graph.library.function for node in branch.node_def)]
    updated = len(trainable(model.generator)) + len(trainable(model.discriminator))
    assert sum(node.op == "ResourceApplyAdam" for node in nodes) == updated


def test_fit_builds_a_new_model_and_trains_both_networks(make_pix2pix, pairs):
    new = make_pix2pix(compiled=False)
    new.compile()
    new.fit(*pairs, batch_size=2, epochs=1, verbose=0)
    assert new.optimizer.iterations == new.discriminator_optimizer.iterations == 4
    moments = [v for v in new.optimizer.variables if "momentum" in v.path]
    assert len(moments) == len(new.generator.trainable_variables) > 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"spectral": True}])
def test_two_replicas_take_the_gradient_penalty_as_one_device_does(
    make_pix2pix, pairs, two_replicas, halved, options
):
    judge = {"normalization": "none" if options else "sync_batch", **options}

    def made():
        model = make_pix2pix(gradient_penalty_weight=10.0, normalization="none", compiled=False)
        model.discriminator = PatchDiscriminator(2, receptive_field=16, **judge)
        model.compile(*(keras.optimizers.SGD(1e-3) for _ in range(2)))
        model.build(pairs[0].shape)
        return model

    one = made()
    with two_replicas.scope():
        many = made()
    step = tf.function(lambda batch: two_replicas.run(many.train_step, (batch,)))
    batch = [side[:4] for side in pairs]
    for penalised in (True, False):
        expected = one.train_step(batch)["gradient_penalty"]
        found = step(tuple(map(halved, batch)))["gradient_penalty"]
        assert (expected > 0) == penalised
        np.testing.assert_allclose(two_replicas.reduce("MEAN", found, None), expected, rtol=1e-3)
    for a, b in zip(many.trainable_variables, one.trainable_variables, strict=True):
        np.testing.assert_allclose(a.value.values[1], b, rtol=1e-5, atol=1e-5, err_msg=b.path)


@pytest.mark.parametrize("scale", [lambda x: x * 255, lambda x: np.uint8(x * 127 + 127)])
def test_fit_names_values_out_of_range(make_pix2pix, pairs, scale):
    with pytest.raises(UserError, match="divide 8-bit images by 127.5"):
        make_pix2pix().fit(scale(pairs[0]), pairs[1], batch_size=2, verbose=0)


def test_what_is_no_pair_is_refused(make_pix2pix, pairs):
    weights = np.ones(len(pairs[0]), np.float32)
    with pytest.raises(UserError, match="leave the weights out"):
        make_pix2pix().fit(*pairs, sample_weight=weights, batch_size=2, verbose=0)
    with pytest.raises(UserError, match="give it .inputs, targets."):
        make_pix2pix().fit(pairs[0], batch_size=2, verbose=0)


def test_compile_takes_two_optimizers_by_name_or_one_for_both_and_says_which(make_pix2pix):
    model = make_pix2pix(compiled=False)
    model.compile("sgd", "adam")
    assert isinstance(model.discriminator_optimizer, keras.optimizers.Adam)
    model.compile(keras.optimizers.SGD(0.5))
    assert isinstance(model.discriminator_optimizer, keras.optimizers.SGD)
    assert model.discriminator_optimizer.learning_rate == 0.5
    assert model.discriminator_optimizer is not model.optimizer
    with pytest.raises(ValueError, match="generator_optimizer and discriminator_optimizer"):
        model.compile(optimizer="adam")


def test_a_file_keeps_how_the_model_was_compiled(make_pix2pix, tmp_path):
    model = make_pix2pix(compiled=False)
    model.compile("sgd", "adam", jit_compile=True, steps_per_execution=4)
    model.build((None, 32, 32, 3))
    model.build_optimizers()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.jit_compile is True and loaded.steps_per_execution == 4
    found = loaded.optimizer, loaded.discriminator_optimizer
    assert [type(optimizer) for optimizer in found] == [keras.optimizers.SGD, keras.optimizers.Adam]


@pytest.mark.parametrize(
    ("update", "jit_compile"),
    [
        ("alternating", False),
        ("simultaneous", False),
        pytest.param("alternating", True, marks=pytest.mark.slow),
    ],  # fmt: skip
)
def test_where_the_generators_step_is_not_finite_the_discriminators_is_undone(
    make_pix2pix, pairs, update, jit_compile
):
    model = make_pix2pix(update=update, reconstruction_weight=float("inf"))
    model.jit_compile = jit_compile
    optimizers = model.optimizer.variables, model.discriminator_optimizer.variables
    variables = [*model.variables, *optimizers[0], *optimizers[1]]
    before = [v.numpy() for v in variables]
    logs = tf.function(model.train_step, jit_compile=jit_compile or None)(batch_of(pairs))
    assert np.isnan(logs["generator_loss"]) and np.isfinite(logs["discriminator_loss"])
    for a, b in zip(before, variables, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=b.path)


def test_an_estimate_of_spectral_normalisation_is_undone_too(make_pix2pix, pairs):
    model = make_pix2pix(compiled=False)
    model.discriminator = PatchDiscriminator(4, 16, normalization="none", spectral=True)
    model.compile()
    model.build((None, 32, 32, 3))
    model.build_optimizers()
    before = [v.numpy() for v in model.variables]
    inputs, targets = batch_of(pairs)
    assert np.isnan(model.train_step((inputs, targets * np.nan))["generator_loss"])
    for variable, expected in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, expected)
    assert np.isfinite(model.train_step((inputs, targets))["generator_loss"])
    assert any((v.numpy() != b).any() for v, b in zip(model.variables, before, strict=True))


def test_the_keras_file_gives_back_model_and_both_optimisers(make_pix2pix, pairs, tmp_path):
    model = make_pix2pix(adversarial_loss="hinge", reconstruction_weight=10.0, seed=3)
    model.train_step(batch_of(pairs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, Pix2Pix)
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    np.testing.assert_array_equal(loaded(pairs[0]), model(pairs[0]))
    for name in ("optimizer", "discriminator_optimizer"):
        saved, found = getattr(model, name).variables, getattr(loaded, name).variables
        for a, b in zip(saved, found, strict=True):
            np.testing.assert_array_equal(a, b)
    batch = batch_of(pairs, 1)
    assert model.train_step(batch)["generator_loss"] == loaded.train_step(batch)["generator_loss"]


def test_predict_and_evaluate_use_fixed_statistics_without_noise(make_pix2pix, pairs):
    model = make_pix2pix()
    outputs = model.predict(pairs[0], batch_size=3, verbose=0)
    np.testing.assert_allclose(outputs, model.generator(pairs[0]), atol=1e-5)
    found = model.evaluate(*pairs, batch_size=3, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["l1"], np.abs(outputs - pairs[1]).mean() / 2, rtol=1e-4)
    assert set(found) == {"l1", "psnr", "ssim"}


def test_train_and_test_on_batch_give_the_logs_of_that_batch(make_pix2pix, pairs):
    by_batch, by_step = make_pix2pix(), make_pix2pix()
    for step in range(2):
        batch = batch_of(pairs, step)
        found = by_batch.train_on_batch(*batch, return_dict=True)
        expected = {name: float(value) for name, value in by_step.train_step(batch).items()}
        assert found == pytest.approx(expected, rel=1e-4)
        assert set(found) == set(by_batch.log_names)
        found = by_batch.test_on_batch(*batch, return_dict=True)
        assert found == by_batch.evaluate(*batch, verbose=0, return_dict=True)
        assert list(found.values()) == by_batch.evaluate(*batch, verbose=0)


class TwoScales(keras.Model):
    """Judges the image and every other of its pixels, and shows a feature of the first."""

    conditional = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fine, self.coarse = (PatchDiscriminator(2, field, name=f"of_{field}")
                                  for field in (16, 1))  # fmt: skip

    def build(self, input_shape):
        self.fine.build(input_shape)
        self.coarse.build(input_shape)

    def call(self, images, training=False):
        halves = [side[:, ::2, ::2] for side in images]
        return [self.fine(images, training=training), self.coarse(halves, training=training)]


def test_a_discriminator_of_several_scales_is_judged_by_the_sum(make_pix2pix, pairs):
    model = Pix2Pix(UNetGenerator(2, 5), TwoScales())
    model.compile()
    model.build((None, 32, 32, 3))
    judged = model.judge(*batch_of(pairs))
    before = model.discriminator.coarse.logits.kernel.numpy()
    logs = model.train_step(batch_of(pairs))
    each = [losses.discriminator_terms("non_saturating", one, one)[0] for one in judged]
    np.testing.assert_allclose(logs["discriminator_real_loss"], sum(each), rtol=1e-5)
    means = [tf.reduce_mean(tf.sigmoid(one)) for one in judged]
    np.testing.assert_allclose(logs["d_real"], np.mean(means), rtol=1e-5)
    assert (model.discriminator.coarse.logits.kernel != before).numpy().any()


class FeatureMatching(Pix2Pix):
    """A term more, from what the discriminator makes of the targets."""

    def generator_terms(self, inputs, targets, fakes, judged):
        logs = super().generator_terms(inputs, targets, fakes, judged)
        difference = tf.reduce_mean(tf.abs(self.judge(inputs, targets) - judged))
        return {**logs, "generator_loss": logs["generator_loss"] + self.weight * difference,
                "matching_loss": difference}  # fmt: skip

    @property
    def log_names(self):
        return (*super().log_names, "matching_loss")


def test_a_subclass_adds_a_term_and_its_log_is_in_the_history(make_pix2pix, pairs):
    plain, networks = make_pix2pix(), make_pix2pix()
    model = FeatureMatching(networks.generator, networks.discriminator)
    model.weight = 10.0
    model.compile()
    model.fit(*pairs, batch_size=8, shuffle=False, verbose=0, validation_data=pairs)
    added = {"matching_loss", "val_l1", "val_psnr", "val_ssim"}
    history = {name: values[0] for name, values in model.history.history.items()}
    assert set(history) == set(plain.log_names) | added
    expected = plain.train_step(pairs)["generator_loss"] + 10.0 * history["matching_loss"]
    np.testing.assert_allclose(history["generator_loss"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"adversarial_loss": "x"}, {"reconstruction": "x"}, {"update": "x"}]
)
def test_unknown_choices_are_refused(make_pix2pix, options):
    with pytest.raises(ValueError, match="'x' is not one of"):
        make_pix2pix(compiled=False, **options)


def test_the_configuration_survives_a_copy(make_pix2pix):
    config = make_pix2pix(compiled=False, update="simultaneous").get_config()
    assert Pix2Pix.from_config(copy.deepcopy(config)).update == "simultaneous"
