"""Each model's training step on a GPU, as it comes and compiled by XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_conformance import CASES, compiled, gentle, images, optimizers
from tf_gen.optimizers import step_counter

pytestmark = pytest.mark.gpu

MODELS = ("vae", "cvae", "vq_vae", "vq_vae_ema", "pix2pix")


def values(model):
    variables = [*model.variables, *(v for o in optimizers(model) for v in o.variables)]
    return [v.numpy() for v in variables]


def step_of(name, jit_compile):
    """(A model, its step in a graph), the same weights each time."""
    model = compiled(name, gentle())
    model.jit_compile = jit_compile
    return model, tf.function(model.train_step, jit_compile=jit_compile or None)


@pytest.mark.parametrize("name", MODELS)
def test_compiled_and_as_it_comes_it_learns_the_same_and_undoes_a_step_that_is_not_finite(name):
    logs, weights = [], []
    bad = images()
    bad[1, 2, 3, 0] = np.nan
    for jit_compile in (False, True):
        model, step = step_of(name, jit_compile)
        logs.append([step(CASES[name].batch(images())) for _ in range(2)])
        before = values(model)
        lost = step(CASES[name].batch(bad))
        assert np.isnan([lost[key] for key in lost if key in ("loss", "generator_loss")]).all()
        for a, b in zip(before, values(model), strict=True):
            np.testing.assert_array_equal(a, b)
        weights.append([v.numpy() for v in model.trainable_variables])
    for plain, found in zip(*logs, strict=True):
        for key in plain:  # products are of numbers of 10 bits (TF32): codes that are near flip
            close = 0.1 if key == "perplexity" else 0.01
            np.testing.assert_allclose(found[key], plain[key], close, atol=1e-3, err_msg=key)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize("name", ["vae", "pix2pix"])
def test_keras_compiles_it_by_itself_under_fit(name):
    model = CASES[name].make()
    model.compile(*(["adam"] if name == "vae" else []))
    assert model.jit_compile is True
    losses = model.fit(
        tf.data.Dataset.from_tensors(CASES[name].batch(images())).repeat(20), epochs=2, verbose=0
    ).history["loss" if name == "vae" else "generator_loss"]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", MODELS)
def test_in_float16_with_loss_scaling_it_learns_as_in_float32(name):
    """Twelve steps: the scale may be too high for the first."""
    losses = []
    for dtype in ("float32", "mixed_float16"):
        model = compiled(name, "adam", dtype=dtype)
        step = tf.function(model.train_step)
        if dtype == "mixed_float16":
            for optimizer in optimizers(model):
                assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        logs = [step(CASES[name].batch(images())) for _ in range(12)]
        assert int(step_counter(model.optimizer)) == 12
        key = "loss" if "loss" in logs[0] else "generator_loss"
        losses.append([float(one[key]) for one in logs])
    np.testing.assert_allclose(losses[1][0], losses[0][0], rtol=0.01)
    assert losses[1][-1] < losses[1][0]
