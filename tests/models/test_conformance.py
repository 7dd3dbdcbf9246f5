"""What every model keeps to, one list for all: files, graphs, batches, precision, training."""

import contextlib
import functools
import inspect
import json
import types
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import (
    CVAE,
    VAE,
    VQVAE,
    CodePrior,
    GlobalGenerator,
    LocalEnhancer,
    MultiScaleDiscriminator,
    PatchDiscriminator,
    Pix2Pix,
    ResNetGenerator,
    SegmentedPix2Pix,
    SegmentingDiscriminator,
    SPADEGenerator,
    UNetGenerator,
)
from tf_gen.layers import FiniteScalarQuantizer, ResidualQuantizer, VectorQuantizerEMA
from tf_gen.optimizers import step_counter
from tf_gen.training.loop import train

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 2, 1, 0], np.int32)


def images(count=3, channels=3):
    """[count, 16, 16, channels] in [0, 1], which lies in pix2pix' [-1, 1], too."""
    return np.random.default_rng(1).uniform(0, 1, (count, 16, 16, channels)).astype(np.float32)


# The list --------------------------------------------------------------------------------


def vae(channels=3, **options):
    return VAE(16, channels, latent_dim=4, filters=(4, 8), **options)


def cvae(channels=3, **options):
    return CVAE(3, 16, channels, latent_dim=4, filters=(4, 8), **options)


def vq_vae(channels=3, **options):
    return VQVAE(channels, codes=8, filters=(4, 8), **options)


def vq_vae_ema(channels=3, **options):
    learning = {"codebook": "ema", "start": "kmeans", "restart_below": 0.5}
    return vq_vae(channels, **{**learning, **options})


def vq_vae_finite_scalar(channels=3, **options):
    grid = FiniteScalarQuantizer([8, 16])  # fine: the decoder of a 0 everywhere has no gradient
    return VQVAE(channels, filters=(4, 8), quantizer=grid, **options)


def vq_vae_residual(channels=3, restart_below=0.5, **options):
    books = [
        VectorQuantizerEMA(8, start="kmeans", restart_below=restart_below, seed=seed)
        for seed in (0, 1)
    ]
    sum_of_two = ResidualQuantizer(books, estimator="rotation")
    return VQVAE(channels, filters=(4, 8), quantizer=sum_of_two, **options)


def code_prior(channels=3, normalization="none", **options):
    autoencoder = vq_vae(channels, normalization=normalization, **options)
    given = {"num_classes": 3, "grid": 4, "width": 4, "depth": 1, **options}
    return CodePrior(8, vq_vae=autoencoder, **given)


def generator(channels=3, normalization="batch", **options):
    model = UNetGenerator(4, 2, channels, normalization, name="generator", **options)
    model.build((None, 16, 16, channels))
    return model


def resnet(channels=3, normalization="instance", **options):
    model = ResNetGenerator(4, 1, 1, channels, normalization, name="generator", **options)
    model.build((None, 16, 16, channels))
    return model


def spade(channels=3, normalization="batch", **options):
    model = SPADEGenerator(2, 1, channels, normalization, name="generator", **options)
    model.build((None, 16, 16, channels))
    return model


def local_enhancer(channels=3, normalization="instance", **options):
    edges = channels == 3  # classes are told by colours
    model = LocalEnhancer(2, 1, 1, 1, channels, normalization, edges=edges, **options)
    model.build((None, 16, 16, channels))
    return model


def discriminator(channels=3, normalization="batch", **options):
    model = PatchDiscriminator(4, 16, normalization=normalization, name="discriminator", **options)
    model.build([(None, 16, 16, channels)] * 2)
    return model


def pix2pix(channels=3, **options):
    # of each image: some batches hold but one
    options = {"normalization": "instance", **options}
    model = Pix2Pix(generator(channels, **options), discriminator(channels, **options))
    model.build((None, 16, 16, channels))
    return model


class Case(NamedTuple):
    make: object  # (channels=3, **options) -> a built model
    inputs: object = lambda images: images  # images -> what the model is called with
    batch: object = None  # images -> what it is trained with; None: its own model trains it


def with_labels(images):
    return images, LABELS[: len(images)]


def with_codes(images):
    """Some codes of each image, and labels."""
    return np.int32(np.nan_to_num(images[:, ::4, ::4, 0]) * 7), LABELS[: len(images)]


def with_codes_and_weights(images):
    """The weights are 1, or as little a number as the image."""
    return *with_codes(images), 1 + 0 * images.sum((1, 2, 3))


CASES = {
    "vae": Case(vae, batch=lambda images: images),
    "cvae": Case(cvae, with_labels, with_labels),
    "vq_vae": Case(vq_vae, batch=lambda images: images),
    "vq_vae_ema": Case(vq_vae_ema, batch=lambda images: images),
    "vq_vae_finite_scalar": Case(vq_vae_finite_scalar, batch=lambda images: images),
    "vq_vae_residual": Case(vq_vae_residual, batch=lambda images: images),
    "code_prior": Case(code_prior, with_codes, with_codes_and_weights),
    "pix2pix": Case(pix2pix, batch=lambda images: (images, 1 - images)),
    "generator": Case(generator),
    "resnet": Case(resnet),
    "spade": Case(spade),
    "local_enhancer": Case(local_enhancer),
    "discriminator": Case(discriminator, lambda images: [images, 1 - images]),
}
TRAINABLE = [name for name, case in CASES.items() if case.batch]
every_model = pytest.mark.parametrize("name", CASES)
every_trainable_model = pytest.mark.parametrize("name", TRAINABLE)
# what takes a while: these run the code of the others, but for quantisers and the prior's network
OTHER_QUANTIZERS = ("vq_vae_finite_scalar", "vq_vae_residual")
SELDOM = (*OTHER_QUANTIZERS, "code_prior")
every_common_model = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SELDOM else name for name in TRAINABLE],
)


def made(name, seed=7, **options):
    """A model of the list, always the same; its moving statistics are not those of a new one."""
    keras.utils.set_random_seed(seed)
    model = CASES[name].make(**options)
    for variable in model.variables:
        if "moving" in variable.path:
            variable.assign(RNG.uniform(0.5, 1.5, variable.shape))
    return model


def compiled(name, optimizer="adam", seed=7, **options):
    keras.utils.set_random_seed(seed)
    model = CASES[name].make(**options)
    model.compile(optimizer)
    getattr(model, "build_optimizers", lambda: model.optimizer.build(model.trainable_variables))()
    return model


def of_any_batch(tensors):
    return keras.tree.map_structure(lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), tensors)


def optimizers(model):
    names = ("optimizer", "discriminator_optimizer")
    return [getattr(model, name) for name in names if hasattr(model, name)]


def moments(model):
    return [v for optimizer in optimizers(model) for v in optimizer.variables]


def values(variables):
    return [v.numpy() for v in variables]


def kept(model):
    """A model's variables, but for the states of Keras' generators, which no file holds."""
    return [v for v in model.variables if "seed_generator" not in v.path]


def same(found, expected, **tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance or {"rtol": 0, "atol": 0})


# Inference -------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_the_keras_file_gives_back_the_model(name, dtype, tmp_path):
    model, inputs = made(name, dtype=dtype), CASES[name].inputs(images())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    same(values(kept(loaded)), values(kept(model)))
    np.testing.assert_array_equal(loaded(inputs), model(inputs))


CONVOLUTIONS = {"channels": 1, "filters": (2, 4), "normalization": "none", "pool_last": True}
ELBO = {"image_size": (8, 16), "latent_dim": 2, "kl_weight": 0.5, "kl_warmup_steps": 7,
        "free_bits": 0.1, "seed": 3}  # fmt: skip
CODEBOOK = {"codes": 5, "code_dim": 3, "codebook": "ema", "start": "kmeans",
            "restart_below": 0.5, "quantizer": None}  # fmt: skip
GAN = {"adversarial_loss": "hinge", "adversarial_weight": 0.5, "reconstruction": "l2",
       "reconstruction_weight": 3.0, "feature_matching_weight": 2.0,
       "gradient_penalty_weight": 1.0, "perceptual_weight": 0.5}  # fmt: skip
ARGUMENTS = {
    VAE: {**CONVOLUTIONS, **ELBO},
    CVAE: {**CONVOLUTIONS, **ELBO, "num_classes": 3},
    VQVAE: {**CONVOLUTIONS, **CODEBOOK, "commitment_weight": 0.5, "seed": 3},
    CodePrior: {"codes": 5, "num_classes": 3, "grid": (2, 3), "width": 4, "depth": 2,
                "kernel": (3, 3), "dropout": 0.2, "seed": 3},
    Pix2Pix: {**GAN, "update": "simultaneous", "redraw_fakes": True, "seed": 3},
    SegmentedPix2Pix: {"label_mix_weight": 2.0},
    SegmentingDiscriminator: {
        "filters": 2, "halvings": 2, "label_kind": "classes", "classes": 3, "spectral": False,
    },
    UNetGenerator: {
        "filters": 2, "depth": 2, "output_channels": 1, "normalization": "none", "dropout": 0.2,
        "noise_channels": 1, "upsampling": "resize",
    },
    ResNetGenerator: {
        "filters": 2, "halvings": 1, "blocks": 1, "output_channels": 1, "normalization": "none",
        "upsampling": "resize", "dropout": 0.2, "edges": True,
    },
    GlobalGenerator: {"filters": 2, "halvings": 1, "blocks": 1},
    LocalEnhancer: {
        "filters": 2, "halvings": 1, "blocks": 1, "local_blocks": 1, "output_channels": 1,
        "normalization": "none", "upsampling": "resize", "edges": True, "train_global": False,
    },
    SPADEGenerator: {
        "filters": 2, "halvings": 1, "output_channels": 1, "normalization": "none",
        "spectral": False, "input_kind": "classes", "classes": 3, "latent_dim": 4,
    },
    MultiScaleDiscriminator: {
        "scales": 3, "filters": 2, "receptive_field": 16, "conditional": False,
        "normalization": "none", "spectral": True,
    },
    PatchDiscriminator: {
        "filters": 2, "receptive_field": 16, "conditional": False, "normalization": "none",
        "spectral": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("model", ARGUMENTS)
def test_every_argument_has_a_default_and_is_in_the_configuration(model):
    networks = {"generator", "discriminator", "vq_vae", "kwargs"}  # in the list above
    assert set(inspect.signature(model).parameters) - networks == set(ARGUMENTS[model])
    for given in ({}, ARGUMENTS[model]):
        config = model(**given).get_config()
        assert given.items() <= config.items()
        again = model.from_config(json.loads(json.dumps(config))).get_config()
        assert json.dumps(again) == json.dumps(config)


@every_model
def test_in_a_graph_it_computes_the_same_for_any_batch(name):
    model, inputs = made(name), CASES[name].inputs(images())
    graph = tf.function(lambda x: model(x, training=False), input_signature=[of_any_batch(inputs)])
    for rows in (slice(None), slice(1)):
        some = keras.tree.map_structure(lambda x, rows=rows: x[rows], inputs)
        np.testing.assert_allclose(graph(some), model(some), atol=1e-5)


@every_model
def test_an_example_gives_the_same_alone_as_among_others(name):
    model, inputs = made(name), CASES[name].inputs(images())
    alone = keras.tree.map_structure(lambda x: x[1:2], inputs)
    np.testing.assert_allclose(model(alone), model(inputs)[1:2], atol=1e-5)


@every_model
@pytest.mark.parametrize("channels", [1, 4])
def test_channels_are_free(name, channels):
    model = made(name, channels=channels)
    outputs = model(CASES[name].inputs(images(2, channels)))
    # logits of patches, and of codes
    own = {"discriminator": (2, 6, 6, 1), "code_prior": (2, 4, 4, 8)}
    assert outputs.shape == own.get(name, (2, 16, 16, channels))


@every_model
def test_in_bfloat16_what_is_kept_and_what_comes_out_is_float32(name):
    model = made(name, dtype="mixed_bfloat16")
    outputs = model(CASES[name].inputs(images()))
    assert outputs.dtype == "float32" and np.isfinite(outputs).all()
    kept = [v for v in model.variables if "seed" not in v.path and v.dtype != "int64"]
    assert {v.dtype for v in kept} == {"float32"}
    exact = made(name)(CASES[name].inputs(images()))
    assert (outputs.numpy() != exact.numpy()).any()  # it is in use


@every_model
@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_a_dtype_of_other_weights_than_float32_is_refused_in_a_line(name, dtype, normalization):
    with pytest.raises(ValueError, match=f"^dtype '{dtype}': .* 'mixed_bfloat16'.*") as refused:
        CASES[name].make(dtype=dtype, normalization=normalization)
    assert "\n" not in str(refused.value)


# Training --------------------------------------------------------------------------------


@every_trainable_model
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_one_step_moves_every_trainable_weight_and_stays_finite(name, dtype):
    model = compiled(name, dtype=dtype)
    if name == "pix2pix":  # at 0 what real and fake patches say of it cancels in bfloat16
        model.discriminator.logits.bias.assign([0.5])
    before = {v.path: v.numpy() for v in model.trainable_variables}
    logs = model.train_step(CASES[name].batch(images()))
    assert {(value.dtype, value.shape) for value in logs.values()} == {(tf.float32, ())}
    assert np.isfinite(list(logs.values())).all()
    assert all(np.isfinite(v).all() for v in values(model.variables))
    still = [v.path for v in model.trainable_variables if (v.numpy() == before[v.path]).all()]
    assert not still


class Traced(NamedTuple):
    model: keras.Model
    step: object  # its train_step as a graph for batches of any size
    traces: list  # one entry for each time it was traced
    logs: dict  # of a step with three images; another with one image was made then


@pytest.fixture(scope="module")
def traced():
    """(name) -> a model after two compiled steps, the second with another batch size."""

    def trace(name):
        model, traces = compiled(name, gentle()), []

        def step(batch):
            traces.append(1)
            return model.train_step(batch)

        batch = CASES[name].batch(images())
        graph = tf.function(step, input_signature=[of_any_batch(batch)])
        logs = graph(batch)
        graph(CASES[name].batch(images(1)))
        return Traced(model, graph, traces, logs)

    return functools.cache(trace)


def gentle():
    """No Adam: its first step has the size of the rate though a gradient be mere rounding."""
    return keras.optimizers.SGD(1e-4)


@every_common_model
def test_a_compiled_step_equals_an_eager_one_and_is_traced_once_for_any_batch(name, traced):
    model, _, traces, found = traced(name)
    eager = compiled(name, gentle())
    expected = eager.train_step(CASES[name].batch(images()))
    eager.train_step(CASES[name].batch(images(1)))
    same([found[key] for key in expected], expected.values(), rtol=1e-4)
    same(values(model.trainable_variables), values(eager.trainable_variables), atol=1e-4)
    assert len(traces) == 1


@every_common_model
def test_a_step_that_is_not_finite_gives_nan_and_leaves_every_variable_as_it_was(name, traced):
    model, step, *_ = traced(name)
    check_step_undone(name, model, step)


def check_step_undone(name, model, step):
    def state():
        return values([*model.variables, *(v for o in optimizers(model) for v in o.variables)])

    before, bad = state(), images()
    bad[1, 2, 3, 0] = np.nan
    logs = step(CASES[name].batch(bad))
    assert np.isnan([logs[key] for key in logs if key in ("loss", "generator_loss")]).all()
    same(state(), before)
    model.reset_metrics()
    assert np.isfinite(list(step(CASES[name].batch(images())).values())).all()


@pytest.mark.parametrize(
    "name",  # compiling takes ten seconds and more; of pix2pix, tests/training/test_loop.py
    [pytest.param(name, marks=pytest.mark.slow) for name in TRAINABLE if name != "vq_vae_ema"]
    + ["vq_vae_ema"],
)
def test_a_step_compiled_by_xla_equals_one_that_is_not_and_is_undone_like_it(name, traced):
    _, _, _, expected = traced(name)
    model = compiled(name, gentle())
    model.jit_compile = True
    step = tf.function(model.train_step, jit_compile=True)
    found = step(CASES[name].batch(images()))
    same([found[key] for key in expected], expected.values(), rtol=1e-3)
    check_step_undone(name, model, step)


@every_trainable_model
def test_what_is_not_trainable_does_not_change_in_any_way(name):
    model = compiled(name)
    first = {"pix2pix": "generator", "code_prior": "embedding"}.get(name, "encoder")
    frozen = [getattr(model, first)]
    frozen += [model.quantizer] if "vq" in name else []
    for part in frozen:
        part.trainable = False
    before = [values(part.variables) for part in frozen]
    moved = values(model.trainable_variables)
    model.train_step(CASES[name].batch(images()))
    for part, variables in zip(frozen, before, strict=True):
        same(values(part.variables), variables)
    assert all(
        (a != b).any() for a, b in zip(moved, values(model.trainable_variables), strict=True)
    )


@every_trainable_model
def test_no_variable_lies_on_the_host_where_a_step_compiled_for_a_gpu_cannot_reach_it(name):
    model = compiled(name)
    variables = [*model.variables, *(v for o in optimizers(model) for v in o.variables)]
    assert not [v.path for v in variables if v.dtype == "int32"]


@every_trainable_model
def test_on_one_gpu_keras_chooses_xla(name, monkeypatch):
    device = types.SimpleNamespace(device_type="GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *kind: [device])
    model = made(name)
    model.compile("adam")
    assert model.jit_compile is True


# Training by fit -------------------------------------------------------------------------

LOSSES = {
    "vae": {"loss", "recon_loss", "kl_loss"},
    "vq_vae": {"loss", "recon_loss", "codebook_loss", "commitment_loss", "perplexity"},
}
LOSSES |= {"cvae": LOSSES["vae"], "code_prior": {"loss", "bits_per_code"}}
LOSSES |= {f"vq_vae_{name}": LOSSES["vq_vae"] for name in ("ema", "finite_scalar", "residual")}
EVALUATED = LOSSES | {"pix2pix": {"l1", "psnr", "ssim"}}  # what a validation gives
LOSSES["pix2pix"] = {
    "generator_loss", "generator_adversarial_loss", "l1_loss", "discriminator_loss",
    "discriminator_real_loss", "discriminator_fake_loss", "d_real", "d_fake",
}  # fmt: skip
SIZES = (2, 2, 1)  # of an epoch's batches


def dataset(name, count=5, size=2):
    return tf.data.Dataset.from_tensor_slices(CASES[name].batch(images(count))).batch(size)


@pytest.fixture(scope="module")
def fresh():
    """(name, seed) -> the model as it comes from ``compiled``; it is one object, traced once."""
    make = functools.cache(compiled)

    def reset(name, seed=7):
        model, new = make(name), compiled(name, seed=seed)
        for old, first in zip(kept(model) + moments(model), kept(new) + moments(new), strict=True):
            old.assign(first)
        return model

    return reset


class Fitted(NamedTuple):
    weights: list
    moments: list
    history: dict
    steps: list  # each batch's logs
    evaluated: list  # twice, after training


@pytest.fixture(scope="module")
def fitted(fresh):
    """(name) -> what two epochs of fit gave, of three batches each, the last one smaller."""

    def fit(name):
        model, steps = fresh(name), []
        record = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: steps.append(dict(logs))
        )
        history = model.fit(
            dataset(name), epochs=2, shuffle=False, verbose=0, callbacks=[record],
            validation_data=dataset(name),
        ).history  # fmt: skip
        evaluated = [model.evaluate(dataset(name), verbose=0, return_dict=True) for _ in range(2)]
        weights = values(kept(model))
        return Fitted(weights, values(moments(model)), history, steps, evaluated)

    return functools.cache(fit)


@every_common_model
def test_the_history_has_the_losses_and_the_validation_and_nothing_else(name, fitted):
    expected = LOSSES[name] | {f"val_{key}" for key in EVALUATED[name]}
    assert set(fitted(name).history) == expected
    assert all(set(step) == LOSSES[name] for step in fitted(name).steps)


@every_common_model
def test_an_epochs_figures_are_means_over_its_images(name, fitted):
    for key in LOSSES[name] - {"perplexity"}:
        for epoch in (0, 1):
            batches = [step[key] for step in fitted(name).steps[3 * epoch : 3 * epoch + 3]]
            found = fitted(name).history[key][epoch]
            np.testing.assert_allclose(found, np.average(batches, weights=SIZES), rtol=1e-5)


@every_common_model
def test_the_last_validation_is_what_evaluate_finds_and_finds_again(name, fitted):
    last = {key: fitted(name).history[f"val_{key}"][-1] for key in EVALUATED[name]}
    assert fitted(name).evaluated == [pytest.approx(last, rel=1e-6)] * 2


@every_common_model
def test_our_loop_gives_the_weights_and_the_figures_of_fit(name, fitted):
    model, epochs = compiled(name), []
    if name.startswith("vq"):
        model.start_codebook(images(2))
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epochs.append(dict(logs))
    )
    train(
        model, lambda first, last: dataset(name).repeat().skip(first).take(last - first),
        steps_per_epoch=3, total_steps=6, callbacks=[record],
    )  # fmt: skip
    same(values(kept(model)), fitted(name).weights, atol=1e-6)
    same(values(moments(model)), fitted(name).moments, rtol=1e-4, atol=1e-6)
    for key in LOSSES[name]:
        found = [logs[key] for logs in epochs]
        np.testing.assert_allclose(found, fitted(name).history[key], rtol=1e-5)
    assert [set(logs) for logs in epochs] == [LOSSES[name]] * 2


# not those with a k-means start: it takes all of an array
@pytest.mark.parametrize("name", ["vae", "cvae", "vq_vae", "pix2pix"])
def test_arrays_train_as_the_dataset_does(name, fresh, fitted):
    expected, model, batch = fitted(name), fresh(name), CASES[name].batch(images(5))
    given = batch if isinstance(batch, tuple) else (batch,)
    model.fit(*given, epochs=2, batch_size=2, shuffle=False, verbose=0)
    same(values(kept(model)), expected.weights, atol=1e-6)


@every_common_model
def test_fit_comes_close_to_a_few_images(name, fresh):
    model = fresh(name)
    error = {"pix2pix": "l1", "code_prior": "loss"}.get(name, "recon_loss")
    model.optimizer.learning_rate = 0.01
    flat = np.broadcast_to(np.eye(4, 3, dtype=np.float32)[:, None, None], (4, 16, 16, 3))
    data = tf.data.Dataset.from_tensor_slices(CASES[name].batch(flat)).batch(4)
    before = model.evaluate(data, verbose=0, return_dict=True)[error]
    model.fit(data.repeat(100), shuffle=False, verbose=0)
    after = model.evaluate(data, verbose=0, return_dict=True)[error]
    assert after < before / 3


def last_kernels(model):
    if isinstance(model, Pix2Pix):
        return [model.generator.output_convolution.kernel, model.discriminator.logits.kernel]
    if isinstance(model, CodePrior):
        return [model.head.kernel]
    return [model.decoder.output_convolution.kernel]


@every_common_model
def test_in_float16_the_loss_is_scaled_and_the_gradient_back(name):
    models = [compiled(name, dtype=dtype) for dtype in (None, "mixed_float16")]
    for model in models:
        model.compile(*(keras.optimizers.SGD(1e-3) for _ in optimizers(model)))
    for optimizer in optimizers(models[1]):
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        optimizer.initial_scale = 16.0  # small enough that no gradient overflows
    moved = []
    for model in models:
        before = values(last_kernels(model))
        logs = model.train_step(CASES[name].batch(images()))
        after = values(last_kernels(model))
        moved.append([new - old for new, old in zip(after, before, strict=True)])
        assert np.isfinite(list(logs.values())).all()
    assert {v.dtype for v in models[1].trainable_variables} == {"float32"}
    assert {int(optimizer.iterations) for optimizer in optimizers(models[1])} == {1}
    for exact, found in zip(*moved, strict=True):
        np.testing.assert_allclose(found, exact, atol=0.05 * np.abs(exact).max())


@every_common_model
def test_in_float16_a_gradient_that_overflows_is_skipped_a_loss_that_is_nan_is_not(name):
    model = compiled(name, dtype="mixed_float16")
    for optimizer in optimizers(model):
        optimizer.dynamic_scale.assign(2.0**60)
    before = values(model.trainable_variables)
    model.train_step(CASES[name].batch(images()))
    if name != "vq_vae_ema":
        same(values(model.trainable_variables), before)
    assert {float(optimizer.dynamic_scale) for optimizer in optimizers(model)} == {2.0**59}
    assert {int(step_counter(optimizer)) for optimizer in optimizers(model)} == {1}
    logs = model.train_step(CASES[name].batch(images() * np.nan))
    assert np.isnan([logs[key] for key in logs if key in ("loss", "generator_loss")]).all()


# Two replicas ----------------------------------------------------------------------------

WHOLE = {
    "vae": {"free_bits": 0.3},
    "cvae": {},
    "vq_vae": {},
    "vq_vae_ema": {"restart_below": 2.0},
    "vq_vae_finite_scalar": {},
    "vq_vae_residual": {"restart_below": 2.0},
    "code_prior": {"optimizer": "sgd"},  # Adam makes much of the rounding of codes that are rare
    "pix2pix": {},
}


def trained_in(scope, name, count, run_eagerly=True, shown=4, **options):
    """(A model that was made in a strategy's scope, the figures of an epoch.)"""
    with scope:
        model = compiled(name, **options)
        model.run_eagerly = run_eagerly
    validation = dataset(name, shown, 4) if shown else None
    return model, model.fit(
        dataset(name, count), shuffle=False, verbose=0, validation_data=validation
    ).history


@pytest.mark.parametrize(
    "name",
    [name if name in ("vq_vae_ema", "pix2pix") else pytest.param(name, marks=pytest.mark.slow)
     for name in WHOLE],
)  # fmt: skip
def test_two_replicas_train_as_one_device_does_on_the_whole_batch(name, two_replicas):
    options = {"count": 4, "normalization": "none", **WHOLE[name]}
    # Last unequal shares, but where an evaluation's noise goes by an example's place in its share.
    options["shown"] = 7 if name == "pix2pix" else 4
    eager = name in ("cvae", "vq_vae")  # the others cover the graph
    many, figures = trained_in(two_replicas.scope(), name, run_eagerly=eager, **options)
    one, expected = trained_in(contextlib.nullcontext(), name, **options)
    for a, b in zip(kept(many), kept(one), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5, err_msg=b.path)
    expected.pop("val_ssim", None)  # of noise: near 0, so its relative error is large
    for key, value in expected.items():
        np.testing.assert_allclose(figures[key], value, rtol=1e-5, err_msg=key)


@pytest.mark.parametrize(
    "name", ["vae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vq_vae", "pix2pix"))]
)
def test_two_replicas_with_batch_normalisation_keep_the_same_trainable_weights(name, two_replicas):
    options = {"count": 2, "shown": 0, "normalization": "batch"}
    model, figures = trained_in(two_replicas.scope(), name, **options)
    assert np.isfinite([values[0] for values in figures.values()]).all()
    for variable in model.trainable_variables:
        np.testing.assert_array_equal(*variable.value.values, err_msg=variable.path)
