"""The autoencoders' figures: the model's own, and those of images that are generated."""

import types

import keras
import numpy as np
import pytest

from experiments.measures.asked import Asked
from experiments.measures.autoencoders import (
    cvae_figures,
    generated_by_label,
    vae_figures,
    vq_vae_figures,
)
from tf_gen import CVAE, VAE, VQVAE
from tf_gen.data import Faces, ordered_batches
from tf_gen.layers import ResidualQuantizer, VectorQuantizer

RNG = np.random.default_rng(0)


def faces(count):
    images = RNG.integers(0, 256, (count, 16, 16, 3), np.uint8)
    labels = np.arange(count, dtype=np.int32) % 2
    return Faces(images, labels, tuple(map(str, range(count))), ("a", "b"), digest="random")


DATA = types.SimpleNamespace(train=faces(20), val=faces(10))
OPTIONS = types.SimpleNamespace(
    seed=2, batch_size=4, kl_weight=1.0, image_size=16, run_dir=None, vae_run=None,
    codebook="gradient", codes=8, levels=None,
)  # fmt: skip
SMALL = {"image_size": 16, "latent_dim": 3, "filters": (4, 4, 8), "seed": 2}


def its_own(model, labels=None):
    model.compile()
    batches = ordered_batches(DATA.val.images, labels, OPTIONS.batch_size)
    found = model.evaluate(batches, verbose=0, return_dict=True)
    return {f"val_{name}": value for name, value in found.items()}


@pytest.mark.parametrize("kind", ["vae", "cvae", "vq_vae"])
def test_the_figures_agree_with_the_models_own_evaluation(kind, capsys):
    if kind == "vae":
        model = VAE(**SMALL)
        expected, found = its_own(model), vae_figures(model, DATA, OPTIONS, Asked())
    elif kind == "cvae":
        model = CVAE(2, **SMALL)
        expected = its_own(model, DATA.val.labels)
        found = cvae_figures(model, DATA, OPTIONS, Asked())
    else:
        model = VQVAE(codes=8, filters=(4, 4, 8))
        expected, found = its_own(model), vq_vae_figures(model, DATA, OPTIONS, Asked())
        assert "give --vae-run, as evaluate takes it, too" in capsys.readouterr().out
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_bits_and_use_of_several_codebooks_are_of_all_of_them():
    keras.utils.set_random_seed(1)
    books = [VectorQuantizer(8, start="kmeans", seed=n) for n in range(3)]
    model = VQVAE(filters=(4, 4, 8), quantizer=ResidualQuantizer(books))
    model.start_codebook(DATA.val.images / np.float32(255))
    expected, found = its_own(model), vq_vae_figures(model, DATA, OPTIONS, Asked())
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert found["bits_per_image"] == 4 * 4 * 3 * 3
    for name in ("val_perplexity", "val_codes_used"):
        each = [found[f"{name}_{n}"] for n in (1, 2, 3)]
        assert found[name] == pytest.approx(np.mean(each))
    assert found["val_perplexity_1"] != found["val_perplexity_3"]


def seen_by_distances(model, figures):
    """(mode -> (number of real images, shape of the generated)), the figures)."""
    seen = {}

    def distances(real, generated, mode):
        seen[mode] = len(real), generated.shape
        return {f"val_fid{mode}": 1.0}

    return seen, figures(model, DATA, OPTIONS, Asked(distances=(distances,)))


def test_distances_are_of_as_many_new_images_as_there_are_real_ones():
    seen, found = seen_by_distances(VAE(**SMALL), vae_figures)
    assert found["val_fid"] == 1.0 and seen == {"": (10, (10, 16, 16, 3))}


def test_a_fitted_vaes_distances_are_also_of_images_from_its_gaussians():
    model = VAE(**SMALL)
    model.fit_latents(DATA.train.images.astype(np.float32) / 255)
    seen, found = seen_by_distances(model, vae_figures)
    assert seen.keys() == {"", "_mixture"} and found["val_fid_mixture"] == 1.0


def test_a_conditional_vaes_distances_are_of_each_label_too():
    seen, found = seen_by_distances(CVAE(2, **SMALL), cvae_figures)
    each = {
        f"_{k}": (count, (count, 16, 16, 3)) for k, count in enumerate(np.bincount(DATA.val.labels))
    }
    assert seen == {"": (10, (10, 16, 16, 3)), **each}


@pytest.mark.parametrize(
    "kind, left_out",
    [
        pytest.param("vae", {"active_units", "spread_real"}, marks=pytest.mark.slow),
        ("cvae", {"spread_real_0", "spread_real_1"}),  # one of each class
        pytest.param("vq_vae", set(), marks=pytest.mark.slow),
    ],
)
def test_of_one_validation_image_the_figures_are_finite_and_the_others_named(
    kind, left_out, capsys
):
    data = types.SimpleNamespace(train=faces(20), val=faces(2 if kind == "cvae" else 1))
    model, figures = {
        "vae": (VAE(**SMALL), vae_figures),
        "cvae": (CVAE(2, **SMALL), cvae_figures),
        "vq_vae": (VQVAE(codes=8, filters=(4, 4, 8)), vq_vae_figures),
    }[kind]
    model.compile()
    found, said = figures(model, data, OPTIONS, Asked()), capsys.readouterr().out
    assert np.isfinite([*found.values()]).all() and "val_mse" in found
    assert not left_out & found.keys() and all(name in said for name in left_out)


def test_images_under_each_label_differ_by_draw_and_not_from_call_to_call():
    model = CVAE(2, **SMALL)
    first, again, other = (
        list(generated_by_label(model.sample, 2, 0, draw, 4)) for draw in (0, 0, 1)
    )
    assert len(first) == 2 and first[0].shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[1] - other[1]).max() > 0
