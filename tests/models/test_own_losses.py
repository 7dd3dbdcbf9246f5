"""What users give to Keras' own methods is honoured by every model, or refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import CVAE, VAE, VQVAE, PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.errors import UserError

RNG = np.random.default_rng(0)
IMAGES, CLEAN = RNG.uniform(0, 1, (2, 4, 16, 16, 3)).astype(np.float32)
LABELS = np.array([0, 1, 1, 0], np.int32)
SMALL = {"filters": (4,), "normalization": "none"}
MODELS = {
    "vae": lambda: VAE(16, latent_dim=4, **SMALL),
    "cvae": lambda: CVAE(2, 16, latent_dim=4, **SMALL),
    "vq_vae": lambda: VQVAE(codes=8, **SMALL),
    "vq_vae_ema": lambda: VQVAE(codes=8, codebook="ema", restart_below=0.5, **SMALL),
    "pix2pix": lambda: Pix2Pix(
        UNetGenerator(4, 2, normalization="none", dropout=0.5, name="generator"),
        PatchDiscriminator(4, 16, normalization="none", name="discriminator"),
    ),
}
AUTOENCODERS = ("vae", "cvae", "vq_vae", "vq_vae_ema")
NOISY = ("vae", "cvae", "pix2pix")
every_model = pytest.mark.parametrize("name", MODELS)
every_autoencoder = pytest.mark.parametrize("name", AUTOENCODERS)


def made(name, optimizer="sgd", **options):
    keras.utils.set_random_seed(7)
    model = MODELS[name]()
    if not model.built:
        model.build((None, 16, 16, 3))
    model.compile(optimizer, run_eagerly=True, **options)
    return model


def inputs(name, images=IMAGES):
    """What the model is called with."""
    return (images, LABELS[: len(images)]) if name == "cvae" else images


def batch(name, images=IMAGES, targets=None, weights=None):
    """What a step of it takes."""
    if targets is None:
        targets = 1 - images if name == "pix2pix" else None
    whole = (inputs(name, images), targets, weights)
    return whole if weights is not None else whole[:2] if targets is not None else whole[:1]


def loss_name(name):
    return "generator_loss" if name == "pix2pix" else "loss"


def weights_of(model):
    return [variable.numpy() for variable in model.trainable_variables]


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Weights by example ----------------------------------------------------------------------


@every_autoencoder
def test_an_example_counts_as_much_as_its_weight_says(name):
    model = made(name)
    whole = model.test_step(batch(name))
    doubled = model.test_step(batch(name, weights=np.full(4, 2.0)))
    first = model.test_step(batch(name, IMAGES[:1]))
    alone = model.test_step(batch(name, weights=np.array([1, 0, 0, 0])))
    for part in set(whole) - {"perplexity"}:
        np.testing.assert_allclose(doubled[part], 2 * whole[part], rtol=1e-5)
        np.testing.assert_allclose(alone[part], first[part] / 4, rtol=1e-4)


@every_autoencoder
def test_what_weighs_nothing_trains_nothing(name):
    model = made(name)
    if name == "vq_vae_ema":
        model.quantizer.restart_below = 0.0
    before = weights_of(model)
    model.train_step(batch(name, weights=np.zeros(4)))
    same(weights_of(model), before)
    if name == "vq_vae_ema":
        assert (model.quantizer.sums.numpy() == 0).all()


@pytest.mark.parametrize(
    "given", [{"class_weight": {0: 0.0, 1: 3.0}}, {"sample_weight": 3.0 * LABELS}]
)
def test_classes_and_samples_are_weighed_by_fit(given):
    expected = made("cvae").test_step(batch("cvae", weights=3.0 * LABELS))
    found = made("cvae", keras.optimizers.SGD(0.0))
    found.kl_weight = 1.0
    history = found.fit(IMAGES, LABELS, batch_size=4, shuffle=False, verbose=0, **given).history
    np.testing.assert_allclose(history["kl_loss"], [expected["kl_loss"]], rtol=1e-5)
    assert history["kl_loss"][0] != pytest.approx(
        float(made("cvae").test_step(batch("cvae"))["kl_loss"]), rel=0.01
    )


@pytest.mark.parametrize("method", ["fit", "evaluate", "validation_data"])
@every_autoencoder
def test_weights_of_arrays_are_honoured_without_targets_too(name, method):
    model, x, nothing = made(name), inputs(name), np.zeros(4)
    options = {"batch_size": 4, "verbose": 0}
    if method == "fit":
        (found,) = model.fit(x, sample_weight=nothing, **options).history["loss"]
    elif method == "evaluate":
        found = model.evaluate(x, sample_weight=nothing, return_dict=True, **options)["loss"]
    else:
        history = model.fit(x, validation_data=(x, None, nothing), **options).history
        (found,) = history["val_loss"]
        assert history["loss"][0] > 0
    assert found == 0


def test_a_replica_that_gets_no_example_of_the_last_batch_does_no_harm(two_replicas):
    one = made("vae").evaluate(IMAGES[:3], batch_size=2, return_dict=True, verbose=0)
    with two_replicas.scope():
        model = made("vae")
        model.run_eagerly = False
    found = model.evaluate(IMAGES[:3], batch_size=2, return_dict=True, verbose=0)
    assert np.isfinite(list(found.values())).all()
    np.testing.assert_allclose(found["recon_loss"], one["recon_loss"], rtol=0.05)


def test_pairs_are_weighed_alike_and_weights_refused():
    for method in ("fit", "train_on_batch"):
        with pytest.raises(UserError, match="weighs all pairs alike: leave the weights out"):
            getattr(made("pix2pix"), method)(IMAGES, CLEAN, sample_weight=np.ones(4))


# Targets apart from the input ------------------------------------------------------------


@every_autoencoder
def test_other_targets_than_the_inputs_are_what_is_reconstructed(name):
    model = made(name)
    found = model.test_step(batch(name, IMAGES, CLEAN))["recon_loss"]
    assert found != model.test_step(batch(name))["recon_loss"]
    if "vq" in name:
        expected = np.mean((model(IMAGES) - CLEAN) ** 2)
    else:  # the cross-entropy is linear in its targets
        black, white = (
            model.test_step(batch(name, IMAGES, np.full_like(IMAGES, level)))["recon_loss"]
            for level in (0.0, 1.0)
        )
        grey = model.test_step(batch(name, IMAGES, np.full_like(IMAGES, 0.5)))["recon_loss"]
        found, expected = grey, (black + white) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["vae", "vq_vae"])
def test_labels_beside_images_are_refused_by_models_without_labels(name):
    with pytest.raises(UserError, match="labels are dropped by"):
        made(name).fit(IMAGES, LABELS, verbose=0)


# Losses of layers, and of Keras' compile -------------------------------------------------


def parts(name, model):
    """{the log that a part's losses go into: the part}"""
    if name == "pix2pix":
        return {"generator_loss": model.generator, "discriminator_loss": model.discriminator}
    return {"loss": model}


@every_model
def test_penalties_on_weights_are_minimised_too(name):
    plain = made(name).train_step(batch(name))
    model, expected = made(name), {}
    for log, part in parts(name, model).items():
        kernel = part.trainable_variables[0]
        kernel.regularizer = keras.regularizers.L2(3.0)
        expected[log] = plain[log] + 3.0 * np.sum(kernel.numpy() ** 2)
    found = model.train_step(batch(name))
    for log, value in expected.items():
        np.testing.assert_allclose(found[log], value, rtol=1e-5)
    unpenalised = made(name)
    unpenalised.train_step(batch(name))
    assert (weights_of(model)[0] != weights_of(unpenalised)[0]).any()


@pytest.mark.parametrize(
    "name", ["pix2pix", *(pytest.param(n, marks=pytest.mark.slow) for n in ("vae", "vq_vae"))]
)
def test_losses_that_layers_add_in_their_call_are_minimised_at_every_batch_size(name):
    plain, model = (made(name, keras.optimizers.SGD(0.0)) for _ in range(2))
    layer = model.generator if name == "pix2pix" else model.encoder
    layer.activity_regularizer = keras.regularizers.L1(1.0)
    for images in (IMAGES, IMAGES[:1]):
        graph = tf.function(model.train_step)  # a graph of its own for each size
        found, without = graph(batch(name, images)), plain.train_step(batch(name, images))
        assert found[loss_name(name)] > without[loss_name(name)] + 1e-3


@every_model
@pytest.mark.parametrize("given", [{"loss": "mse"}, {"metrics": ["mae"]}, {"loss_weights": [1.0]}])
def test_losses_and_metrics_that_would_be_ignored_are_refused(name, given):
    with pytest.raises(UserError, match=f"compile\\({next(iter(given))}=...\\)"):
        MODELS[name]().compile("sgd", **given)


# Batches by hand -------------------------------------------------------------------------


@every_model
def test_batches_by_hand_give_the_logs_of_a_step(name):
    given = (IMAGES, LABELS) if name == "cvae" else batch(name)
    found = made(name).train_on_batch(*given, return_dict=True)
    expected = made(name).train_step(batch(name))
    assert found == pytest.approx({key: float(value) for key, value in expected.items()}, rel=1e-4)
    found = made(name).test_on_batch(*given, return_dict=True)
    expected = made(name).test_step(batch(name))
    assert found == pytest.approx({key: float(value) for key, value in expected.items()}, rel=1e-4)
    assert made(name).predict_on_batch(inputs(name)).shape == IMAGES.shape


# Callbacks -------------------------------------------------------------------------------


@every_model
def test_terminate_on_nan_stops_with_the_weights_of_before(name):
    model, bad, seen = made(name), IMAGES.copy(), []
    bad[2] = np.nan
    data = tf.data.Dataset.from_tensor_slices(batch(name, bad)).batch(1)
    count = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(weights_of(model))
    )
    stop = keras.callbacks.TerminateOnNaN()
    model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=[count, stop])
    assert len(seen) == 3 and model.stop_training
    same(weights_of(model), seen[2])


@every_model
def test_a_backup_is_restored_into_a_new_model_with_all_moments(name, tmp_path):
    data = tf.data.Dataset.from_tensor_slices(batch(name)).batch(2)

    def state(model):
        found = [*model.variables, *model.optimizer.variables]
        found += getattr(model, "discriminator_optimizer", model.optimizer).variables
        return [v.numpy() for v in found if "seed_generator" not in v.path]

    def fit(epochs, *callbacks):
        model = made(name, "adam")
        model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks))
        return state(model)

    def cut(epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    whole = fit(2)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        fit(2, backup, keras.callbacks.LambdaCallback(on_epoch_begin=cut))
    same(fit(2, keras.callbacks.BackupAndRestore(tmp_path / "backup")), whole)


@pytest.mark.parametrize("name", NOISY)
def test_noise_goes_by_steps_where_gradients_are_accumulated(name):
    optimizer = keras.optimizers.SGD(0.0, gradient_accumulation_steps=4)
    model = made(name, optimizer)
    log = "l1_loss" if name == "pix2pix" else "recon_loss"
    assert len({float(model.train_step(batch(name))[log]) for _ in range(4)}) == 4


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_the_warm_up_of_the_divergence_goes_by_steps_where_gradients_are_accumulated(name):
    model = made(name, keras.optimizers.SGD(0.0, gradient_accumulation_steps=4))
    model.kl_warmup_steps = 4
    logs = [model.train_step(batch(name)) for _ in range(5)]
    weights = [float((one["loss"] - one["recon_loss"]) / one["kl_loss"]) for one in logs]
    np.testing.assert_allclose(weights, [0, 0.25, 0.5, 0.75, 1], atol=0.02)


# Files -----------------------------------------------------------------------------------


@every_model
def test_a_saved_model_goes_on_with_its_optimisers(name, tmp_path):
    model = made(name, "adam")
    model.train_on_batch(*((IMAGES, LABELS) if name == "cvae" else batch(name)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in ("optimizer", "discriminator_optimizer"):
        if hasattr(model, each):
            saved, found = (getattr(one, each).variables for one in (model, loaded))
            assert len(saved) > 4 and int(saved[0].numpy()) == 1
            same([v.numpy() for v in found], [v.numpy() for v in saved])


@every_model
def test_keras_own_export_serves_what_a_call_gives(name, tmp_path):
    model = made(name)
    model.export(tmp_path, verbose=False)
    served = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(served.serve(inputs(name)), model(inputs(name)), atol=1e-5)


# Arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VAE(16, latent_dim=0), "latent_dim 0: must be at least 1"),
        (lambda: VAE(16, kl_weight=-1.0), "kl_weight -1.0: must be at least 0"),
        (lambda: VAE(16, filters=()), "the number of filters 0: must be at least 1"),
        (lambda: VAE((16,)), r"image_size \(16,\): must be a number or"),
        (lambda: VAE(0), "got 0 x 0"),
        (lambda: CVAE(0, 16), "num_classes 0: must be at least 1"),
        (lambda: VQVAE(codes=0), "codes 0: must be at least 1"),
        (lambda: VQVAE(commitment_weight=-1.0), "commitment_weight -1.0: must be at least 0"),
        (lambda: UNetGenerator(depth=0), "depth 0: must be at least 1"),
        (lambda: Pix2Pix(reconstruction_weight=-1.0), "reconstruction_weight -1.0: must be at l"),
    ],
)
def test_arguments_that_make_no_model_are_refused_by_name(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_networks_of_ones_own_need_nothing_of_ours():
    sides = [keras.Input((16, 16, 3)) for _ in range(2)]
    logits = keras.layers.Conv2D(1, 3)(keras.layers.Concatenate()(sides))
    painter = keras.layers.Conv2D(3, 3, padding="same", activation="tanh")
    model = Pix2Pix(keras.Sequential([sides[0], painter]), keras.Model(sides, logits))
    model.compile(run_eagerly=True)
    before = weights_of(model)
    model.fit(IMAGES, CLEAN, verbose=0)
    assert all((a != b).any() for a, b in zip(before, weights_of(model), strict=True))


# What fit looks at -----------------------------------------------------------------------


@every_model
def test_values_of_another_range_are_refused_wherever_they_come_in(name):
    good = tf.data.Dataset.from_tensor_slices(batch(name)).batch(2)
    bad = tf.data.Dataset.from_tensor_slices(batch(name, IMAGES * 255)).batch(2)
    model, message = made(name), "divide 8-bit images by"
    with pytest.raises(UserError, match=message):
        model.fit(good, validation_data=bad, verbose=0)
    with pytest.raises(UserError, match=message):
        model.evaluate(bad, verbose=0)
    with pytest.raises(UserError, match=message):
        model.fit((one for one in bad), shuffle=False, verbose=0)
    bytes_given = inputs(name, np.uint8(IMAGES * 255))
    with pytest.raises(UserError, match=message):
        model.predict(bytes_given, verbose=0)


@every_model
def test_generators_are_looked_at_and_lose_nothing(name):
    data = tf.data.Dataset.from_tensor_slices(batch(name)).batch(2)
    expected, found = made(name), made(name)
    expected.fit(data, shuffle=False, verbose=0)
    found.fit((one for one in data), steps_per_epoch=2, shuffle=False, verbose=0)
    same(weights_of(found), weights_of(expected))
