"""The model of a finished run: written without its optimisers, loaded as it was."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

import tf_gen
from tf_gen.errors import UserError
from tf_gen.training.run_dir import save_model

SMALL = {"filters": (4, 8)}


def images(*shape, low=0.0):
    return np.random.default_rng(0).uniform(low, 1, shape).astype(np.float32)


def weight_names(path):
    """The names of all that lies in the weights' part of a .keras file."""
    names = []
    with zipfile.ZipFile(path) as file, file.open("model.weights.h5") as weights:
        h5py.File(weights).visit(names.append)
    return names


MODELS = {
    "vae": lambda: tf_gen.VAE(8, latent_dim=4, **SMALL),
    "vae in bfloat16": lambda: tf_gen.VAE(8, latent_dim=4, dtype="mixed_bfloat16", **SMALL),
    "cvae": lambda: tf_gen.CVAE(2, 8, latent_dim=4, **SMALL),
    "vq_vae": lambda: tf_gen.VQVAE(codes=8, codebook="ema", start="kmeans", **SMALL),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_an_autoencoder_is_loaded_as_it_was_and_trains_on(kind, tmp_path):
    def trained(saves):
        keras.utils.set_random_seed(1)
        model = MODELS[kind]()
        model.compile("adam", run_eagerly=True)
        model.fit(*data, batch_size=4, verbose=0)
        if saves:
            save_model(model, tmp_path / "model.keras")
            found.append(tf_gen.load(tmp_path))
            found.append((model(batch).numpy(), found[0](batch).numpy()))
        model.fit(*data, batch_size=4, verbose=0)
        return [v.numpy() for v in model.weights + model.optimizer.variables]

    batch, found = images(8, 8, 8, 3), []
    data = (batch, np.arange(8) % 2) if kind == "cvae" else (batch,)
    batch = data if kind == "cvae" else batch
    for a, b in zip(trained(saves=True), trained(saves=False), strict=True):
        np.testing.assert_array_equal(a, b)
    loaded, (before, after) = found
    np.testing.assert_array_equal(before, after)
    assert not loaded.compiled and type(loaded) is type(MODELS[kind]())
    assert loaded.dtype_policy.name == ("mixed_bfloat16" if "bfloat16" in kind else "float32")
    assert not any("optimizer" in name for name in weight_names(tmp_path / "model.keras"))
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_gaussians_fitted_to_the_latents_are_loaded_as_they_were(tmp_path):
    model = tf_gen.VAE(8, latent_dim=4, **SMALL)
    model.fit_latents(images(9, 8, 8, 3))
    save_model(model, tmp_path / "model.keras")
    found = tf_gen.load(tmp_path)
    for before, after in zip(model.latent_fit, found.latent_fit, strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(model.sample_mixture(2, 0), found.sample_mixture(2, 0))


def test_a_generator_alone_is_loaded_as_it_was(make_pix2pix, pairs, tmp_path):
    model = make_pix2pix(dtype="mixed_bfloat16")
    model.train_step((pairs[0][:2], pairs[1][:2]))
    save_model(model.generator, tmp_path / "generator.keras")
    loaded = tf_gen.load(tmp_path / "generator.keras")
    assert loaded.dtype_policy.name == "mixed_bfloat16" and loaded.name == "generator"
    for kind in ("fixed", "batch"):
        before, after = (net(pairs[0], statistics=kind) for net in (model.generator, loaded))
        np.testing.assert_array_equal(before, after)


def test_a_file_that_cannot_be_written_leaves_the_last_as_it_was(tmp_path, monkeypatch):
    model = tf_gen.VAE(8, latent_dim=4, **SMALL)
    save_model(model, tmp_path / "model.keras")
    before = (tmp_path / "model.keras").read_bytes()

    def save(self, path):
        path.write_bytes(b"half")
        raise OSError("no room")

    monkeypatch.setattr(keras.Model, "save", save)
    with pytest.raises(OSError, match="no room"):
        save_model(model, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == before


def test_what_is_no_finished_run_is_named(tmp_path):
    with pytest.raises(UserError, match="missing: no such file or folder; give the folder of a"):
        tf_gen.load(tmp_path / "missing")
    with pytest.raises(UserError, match="has no model.keras; let the run finish, or load its"):
        tf_gen.load(tmp_path)


def test_a_loaded_model_is_not_compiled(tmp_path):
    model = tf_gen.VAE(8, latent_dim=4, **SMALL)
    model.compile("adam")
    model.build((None, 16, 16, 3))
    model.save(tmp_path / "model.keras")
    assert not tf_gen.load(tmp_path).compiled


def test_a_file_of_something_else_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as file:
        file.writestr("readme.txt", "nothing")
    with pytest.raises(UserError, match="model.keras: cannot be read"):
        tf_gen.load(tmp_path)
    unknown = {"module": "nowhere", "class_name": "Unknown", "config": {}, "registered_name": "x>U"}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as file:
        file.writestr("config.json", json.dumps(unknown))
    with pytest.raises(UserError, match="model.keras: cannot be read"):
        tf_gen.load(tmp_path)


def test_a_file_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "model.keras"
    save_model(tf_gen.VAE(8, latent_dim=4, **SMALL), path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    altered = whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]
    for content in (b"", whole[:middle], altered):
        path.write_bytes(content)
        with pytest.raises(UserError, match="model.keras: cannot be read"):
            tf_gen.load(tmp_path)
