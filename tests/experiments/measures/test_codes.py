"""A prior's figures."""

import types

import numpy as np
import pytest

from experiments.measures.asked import Asked
from experiments.measures.codes import bits_by_place, code_prior_figures, nearest
from tf_gen import VQVAE, CodePrior

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def prior():
    vq_vae = VQVAE(codes=8, filters=(4, 4, 8), start="kmeans")
    vq_vae.start_codebook(RNG.uniform(0, 1, (4, 16, 16, 3)).astype(np.float32))
    return CodePrior(8, vq_vae=vq_vae, grid=4, width=4, depth=1)


def faces(count):
    return types.SimpleNamespace(images=RNG.integers(0, 256, (count, 16, 16, 3), np.uint8))


@pytest.mark.slow
def test_its_bits_are_those_of_the_models_own_evaluation_and_seen_by_place(prior):
    data, seen = types.SimpleNamespace(train=faces(20), val=faces(10)), []

    def distances(real, generated, mode):
        seen.append((len(real), generated.shape))
        return {"val_fid": 1.0}

    options = types.SimpleNamespace(seed=2, codes=8)
    found = code_prior_figures(prior, data, options, Asked(distances=(distances,)))
    codes = prior.encode(data.val.images / np.float32(255)).numpy()
    prior.compile()
    own = prior.evaluate(codes, verbose=0, return_dict=True)
    assert {name: found[f"val_{name}"] for name in own} == pytest.approx(own, rel=1e-5)
    assert found["val_bits_per_image"] == pytest.approx(16 * own["bits_per_code"], rel=1e-5)
    by_place = bits_by_place(prior, codes)
    assert by_place.shape == (4, 4) and np.mean(by_place) == pytest.approx(own["bits_per_code"])
    assert found["val_bits_uniform"] == 3.0 and found["val_fid"] == 1.0
    assert seen == [(10, (10, 16, 16, 3))] and found["sample_seconds"] > 0


def test_the_nearest_training_image_is_found_and_how_near_it_is():
    train = faces(250).images
    images = train[[3, 240]].copy()
    images[1, :2] = 255 - images[1, :2]
    places, errors = nearest(images, train)
    expected = np.mean((images[1] / 255.0 - train[240] / 255.0) ** 2)
    assert places.tolist() == [3, 240]
    np.testing.assert_allclose(errors, [0, expected], atol=1e-5)
