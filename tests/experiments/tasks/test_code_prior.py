"""``vq_prior``, run: what it leaves, how it goes on, what it says of runs that it cannot take."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tf_gen
from experiments import evaluate, vq_prior
from experiments.launch import cli
from experiments.tasks.code_prior import of_vq_run, weights_digest
from tf_gen.layers import ResidualQuantizer, VectorQuantizer
from tf_gen.training.history import read_csv
from tf_gen.training.run_dir import save_model

SMALL = {"width": 4, "depth": 1, "batch_size": 8}
FILES = (
    "README.md", "checkpoints/best.weights.h5", "model.keras", "saved_model/saved_model.pb",
    "figures/generated.png", "figures/temperatures.png", "figures/nearest.png",
    "figures/completed.png", "figures/bits_by_place.png", "figures/loss_curves.png",
)  # fmt: skip


def guarded(capsys, **options):
    """(exit code, standard error) of a run in this process."""
    code = cli.guarded("vq_prior", vq_prior.run, vq_prior.Config(**{**SMALL, **options}))
    return code, capsys.readouterr().err


def read(folder, name):
    return json.loads((folder / name).read_text())


def test_a_run_leaves_a_complete_folder(finished, monkeypatch):
    folder = finished("vq_prior")
    for file in FILES:
        assert (folder / file).stat().st_size > 0, file
    found, readme = read(folder, "metrics.json"), (folder / "README.md").read_text()
    for figure in ("loss", "bits_per_code", "bits_unigram", "bits_neighbours", "bits_uniform"):
        assert np.isfinite(found[f"val_{figure}"]) and f"{found[f'val_{figure}']:.6g}" in readme
    assert found["steps"] == 4 and found["data_source"] == "folder"
    assert "The figures are of the best epoch's weights" in readme
    monkeypatch.chdir(folder)
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names = {}
    exec(lines, names)
    assert names["faces"].shape == (8, 16, 16, 3) and names["codes"].shape == (8, 4, 4)


def test_its_figures_and_models_are_of_the_epoch_that_validated_best(finished):
    folder = finished("vq_prior")
    by_epoch = [row["val_bits_per_code"] for row in read_csv(folder / "logs" / "epochs.csv")]
    found = read(folder, "metrics.json")["val_bits_per_code"]
    assert len(by_epoch) == 2 and found == pytest.approx(min(by_epoch), rel=1e-5)
    kept, best = tf_gen.load(folder), tf_gen.load(folder)
    best.load_weights(folder / "checkpoints" / "best.weights.h5")
    for a, b in zip(kept.weights, best.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_takes_the_data_of_its_vq_vae_and_is_known_by_its_weights(finished):
    prior, vq_vae = (read(finished(name), "config.json") for name in ("vq_prior", "vq_vae_faces"))
    for field in ("train_digest", "val_digest", "image_size", "crop"):
        assert prior["identity"][field] == vq_vae["identity"][field]
    weights = tf_gen.load(finished("vq_vae_faces"))
    assert prior["identity"]["vq_digest"] == weights_digest(weights)
    again = tf_gen.load(finished("vq_prior")).vq_vae
    assert weights_digest(again) == weights_digest(weights)
    weights.encoder.variables[0].assign_add(tf.ones_like(weights.encoder.variables[0]))
    assert prior["identity"]["vq_digest"] != weights_digest(weights)


def test_tensorboard_gets_pictures_by_epoch(finished):
    logs = str(finished("vq_prior") / "logs")
    events = EventAccumulator(logs, size_guidance={"tensors": 0}).Reload()
    wanted = {"generated", "bits_by_place", "bits_per_code", "epoch/val_bits_per_code"}
    assert wanted <= set(events.Tags()["tensors"])


@pytest.mark.slow
def test_evaluate_finds_the_same_from_the_saved_model(finished, tmp_path):
    folder = finished("vq_prior")
    evaluate.run(evaluate.Config(run_dir=folder, output=tmp_path))
    before, found = read(folder, "metrics.json"), read(tmp_path, "evaluation_val.json")
    for name in found.keys() & before.keys() - {"sample_seconds"}:
        assert found[name] == pytest.approx(before[name], rel=1e-4), name
    assert "nearest_mse" in found


@pytest.mark.slow
def test_four_steps_equal_two_and_two_and_so_does_the_best_epoch(finished, tmp_path, capsys):
    for steps in (2, 4):  # of which three are an epoch
        given = {"vq_run": finished("vq_vae_faces"), "run_dir": tmp_path, "max_steps": steps}
        assert guarded(capsys, **given)[0] == 0
    found, expected = (
        tf.train.load_checkpoint(str(folder / "checkpoints" / "step-4"))
        for folder in (tmp_path, finished("vq_prior"))
    )
    names = [n for n in expected.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    assert sum(name.startswith("optimizer") for name in names) > 20
    for name in names:
        np.testing.assert_array_equal(found.get_tensor(name), expected.get_tensor(name), name)
    of_both = [folder / "checkpoints" for folder in (tmp_path, finished("vq_prior"))]
    assert read(of_both[0], "best.json") == read(of_both[1], "best.json")
    models = [tf_gen.load(finished("vq_prior")) for _ in of_both]
    for model, folder in zip(models, of_both, strict=True):
        model.load_weights(folder / "best.weights.h5")
    for a, b in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def vq_run(finished, tmp_path):
    """A copy of a VQ-VAE's finished run, to be spoilt."""
    shutil.copytree(finished("vq_vae_faces"), tmp_path / "vq")
    return tmp_path / "vq"


def test_a_run_that_is_none_or_of_another_kind_is_refused(finished, vq_run, tmp_path, capsys):
    bad = {
        tmp_path / "nowhere": "no run; give a finished run of vq_vae_faces",
        finished("vae_anime"): "a run of vae_anime; give a finished run of vq_vae_faces",
        finished("vq_prior"): "a run of vq_prior; give a finished run of vq_vae_faces",
    }
    for run, message in bad.items():
        code, error = guarded(capsys, vq_run=run, run_dir=tmp_path / "run")
        assert code == 2 and f"--vq-run {run}: {message}" in error and error.count("\n") == 1
    (vq_run / "metrics.json").unlink()
    code, error = guarded(capsys, vq_run=vq_run, run_dir=tmp_path / "run")
    assert code == 2 and "is not finished; let it end" in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_vq_vae_of_several_quantisers_is_refused(vq_run, tmp_path, capsys):
    books = ResidualQuantizer([VectorQuantizer(8), VectorQuantizer(8)])
    save_model(tf_gen.VQVAE(quantizer=books, filters=(4, 8)), vq_run / "model.keras")
    code, error = guarded(capsys, vq_run=vq_run, run_dir=tmp_path / "run")
    assert code == 2 and "several codes at a place; give a run with one" in error


def test_data_that_have_gone_or_are_others_are_refused(
    faces, vq_run, reading_alone, tmp_path, capsys
):
    config = read(vq_run, "config.json")
    config["settings"]["data"] = "/gone"
    (vq_run / "config.json").write_text(json.dumps(config))
    given = {"vq_run": vq_run, "run_dir": tmp_path / "run"}
    code, error = guarded(capsys, **given)
    assert code == 2 and "/gone: no such folder" in error and error.count("\n") == 1
    code, error = guarded(capsys, **given, data=str(faces / "cartoon"))
    assert code == 2 and "not the images that the VQ-VAE was trained on" in error
    with reading_alone():  # where they lie now
        assert guarded(capsys, **given, data=str(faces / "anime"))[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, "--dropout 1.0: must be at least 0 and less than 1"),
        ({"width": 0}, "--width 0: must be at least 1"),
        ({"depth": 0}, "--depth 0: must be at least 1"),
        ({"data": ""}, "--data: is empty"),
    ],
)
def test_an_option_out_of_range_is_refused(finished, options, message, tmp_path, capsys):
    given = {"vq_run": finished("vq_vae_faces"), "run_dir": tmp_path / "run"}
    code, error = guarded(capsys, **given, **options)
    assert code == 2 and message in error and error.count("\n") == 1


def test_a_published_sets_folder_is_taken_over_from_the_vq_vaes_run(vq_run):
    config = read(vq_run, "config.json")
    config["settings"] |= {"data": "report", "data_dir": "/archives"}
    (vq_run / "config.json").write_text(json.dumps(config))
    found = of_vq_run(vq_prior.Config(vq_run=vq_run))
    assert (found.data, str(found.data_dir)) == ("report", "/archives")
