"""A finished run measured again, from its SavedModel alone."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from experiments import vae_anime
from experiments.evaluate import NAME, Config, run
from experiments.launch import cli
from experiments.measures import distances
from tf_gen import metrics
from tf_gen.metrics import Features

MEASURED_BY_HED = ("map_to_aerial",)  # as tests/experiments/conftest.py has it
KINDS = ("map_to_aerial", "aerial_to_map", "vae_anime", "cvae_faces", "vq_vae_faces")


@pytest.fixture(scope="module")
def runs(finished, tmp_path_factory):
    """Copies of finished runs, one of each kind: evaluations are written into them."""
    folder = tmp_path_factory.mktemp("runs")
    for name in KINDS:
        shutil.copytree(finished(name), folder / name)
    return folder


def read(folder, name="evaluation_val"):
    return json.loads((folder / f"{name}.json").read_text())


def evaluated(folder, **options):
    assert run(Config(run_dir=folder, **options)) == 0
    return read(options.get("output") or folder, f"evaluation_{options.get('split', 'val')}")


ABOUT_TRAINING = {  # in metrics.json alone
    "data_source", "train_examples", "val_examples", "epochs", "train_step_seconds",
    "train_seconds", "images_per_second",
}  # fmt: skip
LACKING = {  # what needs more than a SavedModel has
    "map_to_aerial": {f"val_{m}_image_statistics" for m in ("l1", "psnr", "ssim")},
    "vae_anime": set(), "cvae_faces": set(),
    "vq_vae_faces": {"val_loss", "val_codebook_loss", "val_commitment_loss"},
}  # fmt: skip


@pytest.mark.parametrize(
    "name",  # a VAE is measured as a conditional one is; a pix2pix takes seconds
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("vae_anime", "map_to_aerial")))
        for name in LACKING
    ],
)
def test_one_name_has_one_value_at_the_end_of_training_and_of_the_saved_model(
    name, runs, capsys, monkeypatch
):
    monkeypatch.setattr(
        distances, "HED_FEWEST", 2 if name in MEASURED_BY_HED else distances.HED_FEWEST
    )
    found, before = evaluated(runs / name), read(runs / name, "metrics")
    said = capsys.readouterr().out
    assert before.keys() - found.keys() == LACKING[name] | (ABOUT_TRAINING & before.keys())
    assert found.keys() - before.keys() == {"experiment", "split"}
    assert found.pop("direction", None) == before.pop("direction", None)
    measured = {key: found[key] for key in found.keys() & before.keys()}
    assert measured == pytest.approx({key: before[key] for key in measured}, rel=1e-5, abs=1e-6)
    assert len(measured) > 8
    assert ("val_fid_hed" in measured) == (name in MEASURED_BY_HED)
    assert ("val_fid_report_mode_hed" in measured) == (name == "map_to_aerial")
    assert "val_kid_hed" not in measured  # of fewer than 4 images
    if LACKING[name]:
        assert "left out: " in said and "a SavedModel" in said
    table = (runs / name / "evaluation_val.md").read_text()
    key = "val_l1" if name == "map_to_aerial" else "val_mse"
    assert f"| {key} | {found[key]:.6g} | {before[key]:.6g} |" in table


def test_another_seed_gives_other_noise(runs):
    found, other = (evaluated(runs / "map_to_aerial", seed=seed) for seed in (None, 1))
    assert other["val_l1_report_mode"] != found["val_l1_report_mode"]
    assert other["val_l1"] == found["val_l1"]


def test_a_drawn_map_is_read_by_its_colours(runs):
    found = evaluated(runs / "aerial_to_map")
    overlaps = [found[name] for name in found if name.startswith("val_map_iou_")]
    assert found["val_map_iou"] == pytest.approx(np.mean(overlaps)) and len(overlaps) >= 3
    assert all(0 <= value <= 1 for value in overlaps)


def test_a_reader_reads_outputs_and_true_photographs(runs):
    found = evaluated(runs / "map_to_aerial", reader=runs / "aerial_to_map")
    for suffix in ("", "_real"):
        assert 0 <= found[f"val_map_recall_street{suffix}"] <= 1
    assert found["reader_epochs"] == read(runs / "aerial_to_map", "metrics")["epochs"]
    true = evaluated(runs / "aerial_to_map")["val_map_iou"]  # it reads the same photographs
    assert found["val_map_iou_real"] == pytest.approx(true, abs=0.02)  # 8 bits in between


def test_training_pairs_are_measured_as_such(runs):
    found = evaluated(runs / "map_to_aerial", split="train")
    assert found["split"] == "train" and "train_l1" in found and "val_l1" not in found
    table = (runs / "map_to_aerial" / "evaluation_train.md").read_text()
    assert "when training ended" not in table and "train_l1" in table


def test_other_data_are_measured_into_a_folder_of_their_own(runs, faces, tmp_path):
    found = evaluated(runs / "vae_anime", data=str(faces / "cartoon"), output=tmp_path)
    assert found["val_mse"] != read(runs / "vae_anime", "metrics")["val_mse"]


@pytest.mark.slow
def test_data_that_changed_since_are_said_and_not_set_beside_the_trainings_figures(
    faces, tmp_path, capsys
):
    data, run_dir = tmp_path / "data", tmp_path / "run"
    shutil.copytree(faces / "anime", data)
    options = {"data": str(data), "image_size": 16, "max_steps": 1, "batch_size": 2}
    assert vae_anime.run(vae_anime.Config(**options, latent_dim=2, run_dir=run_dir)) == 0
    table = run_dir / "evaluation_val.md"
    evaluated(run_dir)
    assert "when training ended" in table.read_text()
    assert "warning" not in capsys.readouterr().out
    sorted(path for path in data.rglob("*") if path.is_file())[0].unlink()
    evaluated(run_dir)
    assert "when training ended" not in table.read_text()
    assert f"warning: {data}: its training" in capsys.readouterr().out


def test_fid_kid_precision_and_recall_by_a_local_graph(runs, inception_file, tmp_path, capsys):
    options = {"inception_weights": inception_file, "real_features": tmp_path / "real.npz"}
    found = evaluated(runs / "vq_vae_faces", split="train", **options)
    assert "warning: FID of" in capsys.readouterr().out
    outputs = Features.load(tmp_path / "real.npz")
    assert outputs.network == "inception-2015-12-05" and outputs.values.shape[1] == 48
    assert found["train_fid"] > 0 and 0 <= found["train_precision"] <= 1
    assert (
        evaluated(runs / "vq_vae_faces", split="train", **options)["train_fid"]
        == found["train_fid"]
    )
    assert "features from" in capsys.readouterr().out
    loaded = metrics.load_inception(inception_file)
    assert loaded(tf.zeros([1, 8, 8, 3])).shape == (1, 48)


def test_features_of_other_images_are_refused(runs, inception_file, tmp_path, monkeypatch, capsys):
    name = "inception-2015-12-05"
    Features(np.zeros((3, 48)), name, "another").save(tmp_path / "other.npz")
    code = ends(
        monkeypatch, "--run-dir", runs / "vq_vae_faces", "--inception-weights", inception_file,
        "--real-features", tmp_path / "other.npz",
    )  # fmt: skip
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 2 and "other.npz: of 3 images" in said


def ends(monkeypatch, *options):
    monkeypatch.setattr("sys.argv", [NAME, *map(str, options)])
    with pytest.raises(SystemExit) as stop:
        cli.launch(NAME, Config, run)
    return stop.value.code


BAD = {
    "no run": ((), "no run of a training command"),
    "data without output": (("--data", "synthetic"), "--output: must be given with --data"),
    "two networks": (("--keras-inception", "--inception-weights", "x"), "one network at a time"),
    "features of nothing": (("--real-features", "x.npz"), "features of which network?"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_ends_in_one_line_and_code_2(case, tmp_path, monkeypatch, capsys):
    options, said = BAD[case]
    assert ends(monkeypatch, "--run-dir", tmp_path, *options) == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_folder_of_published_sets_is_refused_for_others(runs, monkeypatch, capsys):
    assert ends(monkeypatch, "--run-dir", runs / "vq_vae_faces", "--data-dir", "x") == 2
    assert "--data-dir: only --data report looks there; leave it out" in capsys.readouterr().err


def test_data_of_other_classes_are_refused(runs, faces, tmp_path, monkeypatch, capsys):
    for style, name in (("anime", "drawings"), ("cartoon", "cartoon")):
        shutil.copytree(faces / style, tmp_path / "data" / name)
    options = ("--data", tmp_path / "data", "--output", tmp_path / "out")
    assert ends(monkeypatch, "--run-dir", runs / "cvae_faces", *options) == 2
    said = capsys.readouterr().err
    assert "its classes are cartoon, drawings, the model's anime, cartoon" in said


@pytest.mark.slow
def test_features_of_no_file_of_such_are_refused(
    runs, inception_file, tmp_path, monkeypatch, capsys
):
    np.save(tmp_path / "real.npy", np.zeros((3, 48)))
    code = ends(
        monkeypatch, "--run-dir", runs / "vq_vae_faces", "--inception-weights", inception_file,
        "--real-features", tmp_path / "real.npy",
    )  # fmt: skip
    assert code == 2 and "real.npy: no file of features" in capsys.readouterr().err


def test_a_missing_graph_is_told_with_where_it_is_published(runs, monkeypatch, capsys):
    code = ends(monkeypatch, "--run-dir", runs / "vq_vae_faces", "--inception-weights", "none.pb")
    said = capsys.readouterr().err
    assert code == 2 and "none.pb: no such file; it is published at http" in said


def test_a_reader_of_the_wrong_kind_is_refused(runs, monkeypatch, capsys):
    for folder, reader, why in (
        ("map_to_aerial", "vae_anime", "no pix2pix"),
        ("map_to_aerial", "map_to_aerial", "it reads no photographs"),
        ("aerial_to_map", "aerial_to_map", "only a map_to_aerial run"),
        ("vae_anime", "aerial_to_map", "only a map_to_aerial run"),
    ):
        assert ends(monkeypatch, "--run-dir", runs / folder, "--reader", runs / reader) == 2
        assert why in capsys.readouterr().err


def test_a_vae_given_to_the_evaluation_is_reconstructed_by_a_vq_vae_alone(
    runs, tmp_path, monkeypatch, capsys
):
    shutil.copytree(runs / "vq_vae_faces", tmp_path / "vq")
    config = json.loads((tmp_path / "vq" / "config.json").read_text())
    config["settings"]["vae_run"] = None
    (tmp_path / "vq" / "config.json").write_text(json.dumps(config))
    assert "generated_mse" not in evaluated(tmp_path / "vq")
    found = evaluated(tmp_path / "vq", vae_run=runs / "vae_anime")
    assert found["generated_mse"] == pytest.approx(
        read(runs / "vq_vae_faces", "metrics")["generated_mse"]
    )
    assert ends(monkeypatch, "--run-dir", runs / "vae_anime", "--vae-run", runs / "vae_anime") == 2
    assert "--vae-run: only a VQ-VAE" in capsys.readouterr().err


def test_a_vae_that_is_gone_is_said_and_the_rest_measured(runs, tmp_path, capsys):
    shutil.copytree(runs / "vq_vae_faces", tmp_path / "vq")
    config = json.loads((tmp_path / "vq" / "config.json").read_text())
    config["settings"]["vae_run"] = str(tmp_path / "gone")
    (tmp_path / "vq" / "config.json").write_text(json.dumps(config))
    found = evaluated(tmp_path / "vq")
    assert "generated_mse" not in found and "no longer there" in capsys.readouterr().out
