"""The ready models: whole, small, as good as their cards say, and loaded by name."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import tf_gen
from tf_gen import pretrained
from tf_gen.data import draw_pairs
from tf_gen.errors import UserError

FOLDERS = {path.parent.name: path.parent for path in pretrained.ROOT.glob("*/model.keras")}


@pytest.fixture(scope="module")
def loaded():
    return {name: tf_gen.load(name) for name in FOLDERS}


def test_there_are_some_and_each_is_known_by_its_folders_name():
    assert {"cartoon_vae", "drawn_city", "drawn_city_reader"} <= set(FOLDERS)
    assert pretrained.ready_models() == sorted(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_ready_model_is_small_and_has_its_card_and_its_digest(name):
    folder = FOLDERS[name]
    names = {"README.md", "SHA256SUMS", "config.json", "metrics.json", "model.keras"}
    assert {path.name for path in folder.iterdir()} == names
    weights = (folder / "model.keras").read_bytes()
    assert len(weights) <= 5_000_000
    digest = hashlib.sha256(weights).hexdigest()
    assert (folder / "SHA256SUMS").read_text() == f"{digest}  model.keras\n"
    types = set()
    with (
        zipfile.ZipFile(folder / "model.keras") as file,
        file.open("model.weights.h5") as opened,
        h5py.File(opened) as stored,
    ):
        stored.visititems(lambda _, item: types.add(getattr(item, "dtype", None)))
    assert np.dtype("float16") in types and np.dtype("float32") not in types
    card = (folder / "README.md").read_text()
    for told in (f'tf_gen.load("{name}")', "## Data and licence", "## Limits", "At commit", "val_"):
        assert told.lower() in card.lower()


def test_together_they_are_small():
    assert sum((folder / "model.keras").stat().st_size for folder in FOLDERS.values()) <= 15_000_000


@pytest.mark.parametrize("name", FOLDERS)
def test_a_ready_model_is_a_keras_model_that_computes_in_float32(loaded, name):
    model = loaded[name]
    assert isinstance(model, keras.Model) and not model.compiled
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    assert {v.dtype for v in model.trainable_variables} == {"float32"}


def test_cartoon_faces_come_from_the_prior_and_from_the_gaussian_fitted_to_real_ones(loaded):
    model = loaded["cartoon_vae"]
    for sample in (model.sample, model.sample_mixture):
        faces = sample(8, seed=0).numpy()
        assert faces.shape == (8, 64, 64, 3) and faces.min() >= 0 and faces.max() <= 1
        assert np.isfinite(faces).all() and faces.std() > 0.1
    corners = model.sample_mixture(8, seed=0).numpy()[:, :4, :4]
    assert corners.mean() > 0.95  # the set's faces stand on white
    assert model.directions(8).shape == (8, model.latent_dim)


@pytest.mark.parametrize("name, direction", [("drawn_city", 0), ("drawn_city_reader", 1)])
def test_the_city_is_translated_better_than_by_the_targets_mean_colour(loaded, name, direction):
    aerial, street_map = draw_pairs(2, seed=1)  # of the validation pairs
    inputs, targets = (street_map, aerial) if direction == 0 else (aerial, street_map)
    made = loaded[name](inputs.astype(np.float32) / 127.5 - 1.0).numpy() * 127.5 + 127.5
    mean = targets.mean((0, 1, 2))
    assert np.abs(made - targets).mean() < 0.9 * np.abs(mean - targets).mean()


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """Where a copy of one ready model lies, which the package takes for its own."""
    shutil.copytree(FOLDERS["cartoon_vae"], tmp_path / "models" / "cartoon_vae")
    monkeypatch.setattr(pretrained, "ROOT", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def test_an_unknown_name_is_told_those_that_are_known(copies):
    with pytest.raises(UserError, match="cartoon: no such file .* a ready model: cartoon_vae$"):
        tf_gen.load("cartoon")


def test_a_damaged_or_missing_weight_file_is_named(copies):
    path = copies / "cartoon_vae" / "model.keras"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        UserError, match="model.keras: damaged, its SHA-256 .* install tf_gen again"
    ):
        tf_gen.load("cartoon_vae")
    path.unlink()
    with pytest.raises(UserError, match="model.keras: No such file or directory; install tf_gen"):
        tf_gen.load("cartoon_vae")


def test_what_lies_at_the_path_is_meant_rather_than_a_ready_model_of_that_name(copies):
    Path("cartoon_vae").mkdir()
    with pytest.raises(UserError, match="cartoon_vae: has no model.keras"):
        tf_gen.load("cartoon_vae")
