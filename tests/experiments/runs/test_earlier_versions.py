"""Runs of earlier versions go on and are measured.

``earlier_version/`` is a small run of commit e2c9c7f, of three steps, without its pictures and its
SavedModel: its checkpoint holds no metrics, and it has no ``model.keras``.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tf_gen
from experiments import evaluate, pix2pix_maps
from tf_gen.errors import UserError
from tf_gen.training.history import read_csv

STORED = Path(__file__).parent / "earlier_version"


@pytest.fixture
def earlier(tmp_path):
    """A copy of the run, whose configuration does not know an option yet that is there today."""
    folder = tmp_path / "run"
    shutil.copytree(STORED, folder)
    config = read(folder, "config")
    assert config["commit"] == "e2c9c7f" and config["identity"].pop("update") == "alternating"
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Noise in the place of drawn pairs, which take seconds: a run knows them by their number."""

    def noise(count, seed, size):
        return np.random.default_rng(seed).integers(0, 256, (2, count, size, size, 3), np.uint8)

    monkeypatch.setattr("experiments.data.maps.draw_pairs", noise)


def read(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def goes_on(folder, **options):
    given = {"filters": 1, "image_size": 32, "max_steps": 5, "run_dir": folder, **options}
    return pix2pix_maps.run(pix2pix_maps.Config(**given))


@pytest.mark.slow
def test_a_pix2pix_goes_on_with_its_weights_and_moments_and_is_measured(earlier, capsys):
    reader = tf.train.load_checkpoint(str(earlier / "checkpoints" / "step-3"))
    kernel, moment = (
        reader.get_tensor(f"{part}/.ATTRIBUTES/VARIABLE_VALUE")
        for part in ("generator/0", "generator_optimizer/1")
    )
    assert goes_on(earlier) == 0
    assert "goes on from step 3 of 5" in capsys.readouterr().out
    assert [row["step"] for row in read_csv(earlier / "logs" / "steps.csv")] == [1, 2, 3, 4, 5]
    assert read(earlier, "metrics")["steps"] == 5
    reader = tf.train.load_checkpoint(str(earlier / "checkpoints" / "step-5"))
    after = reader.get_tensor("generator/0/.ATTRIBUTES/VARIABLE_VALUE")
    assert 0 < np.abs(after - kernel).max() < 5e-4  # two steps of Adam at 2e-4
    assert reader.get_tensor("generator_optimizer/0/.ATTRIBUTES/VARIABLE_VALUE") == 5
    later = reader.get_tensor("generator_optimizer/1/.ATTRIBUTES/VARIABLE_VALUE")
    assert later.shape == moment.shape and not np.allclose(later, moment)
    assert tf_gen.load(earlier).factor == 32
    assert evaluate.run(evaluate.Config(run_dir=earlier)) == 0
    found, before = read(earlier, "evaluation_val"), read(earlier, "metrics")
    assert found["val_l1"] == pytest.approx(before["val_l1"], rel=1e-5)


def test_a_field_that_it_lacks_stands_for_its_default_alone(earlier):
    with pytest.raises(UserError, match="update alternating -> simultaneous"):
        goes_on(earlier, update="simultaneous")


@pytest.mark.slow
def test_a_vq_vae_with_a_vae_of_its_own_is_still_measured(finished, tmp_path):
    """Earlier versions trained one in the run folder; its settings know no ``vae_run``."""
    folder = tmp_path / "vq"
    shutil.copytree(finished("vq_vae_faces"), folder)
    shutil.copytree(finished("vae_anime"), folder / "vae")
    config = read(folder, "config")
    assert config["settings"].pop("vae_run")
    config["settings"]["vae_epochs"] = 10
    (folder / "config.json").write_text(json.dumps(config))
    assert read(folder, "metrics")["generated_mse"] > 0
    assert evaluate.run(evaluate.Config(run_dir=folder)) == 0
    assert read(folder, "evaluation_val")["generated_mse"] == pytest.approx(
        read(folder, "metrics")["generated_mse"], rel=1e-5
    )
