"""The four commands on faces, run: what they leave, how they go on, what they say of bad input."""

import contextlib
import dataclasses
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments.launch import cli
from experiments.launch.errors import UsageError
from experiments.tasks.faces import FaceTask
from experiments.tasks.vae import VaeTask
from tf_gen import load
from tf_gen.data import steps_per_epoch
from tf_gen.training.history import read_csv

ROOT = Path(__file__).parents[3]
NAMES = ("vae_anime", "vae_cartoon", "cvae_faces", "vq_vae_faces")
SMALL = {"image_size": 16, "batch_size": 8}
FLAGS = ("--image-size", 16, "--batch-size", 8)


def script(name):
    return importlib.import_module(f"experiments.{name}")


def config(name, **options):
    return script(name).Config(**{**SMALL, **options})


def guarded(capsys, name, **options):
    """(exit code, standard error) of a run in this process."""
    code = cli.guarded(name, script(name).run, config(name, **options))
    return code, capsys.readouterr().err


def command(name, *options):
    return [sys.executable, "-m", f"experiments.{name}", *map(str, options)]


def source(faces, name):
    """The folder that a command is given: of one class, or of both."""
    return str(faces if name == "cvae_faces" else faces / "anime")


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def checkpoint(folder):
    """All tensors of the newest checkpoint."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder / "checkpoints")))
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


# vae_cartoon is vae_anime on other images
OTHER_IMAGES = pytest.param("vae_cartoon", marks=pytest.mark.slow)
MODELS = ("vae_anime", "cvae_faces", "vq_vae_faces")
every_run = pytest.mark.parametrize("name", [*MODELS, OTHER_IMAGES])


FILES = (
    "config.json", "metrics.json", "README.md", "checkpoints/step-4.index",
    "checkpoints/best.weights.h5", "figures/data_samples.png", "figures/loss_curves.png",
    "figures/reconstructions.png", "saved_model/saved_model.pb", "model.keras", "logs/steps.csv",
)  # fmt: skip
OWN_FILES = {
    "vae_anime": ("figures/generated.png", "figures/interpolation.png", "figures/kl_by_latent.png",
        "figures/generated_mixture.png", "figures/directions.png", "logs/latents.tsv",),
    "vae_cartoon": ("figures/generated.png", "logs/projector_config.pbtxt"),
    "cvae_faces": (
        "figures/generated.png", "figures/one_latent_each_label.png",
        "figures/generated_mixture.png", "figures/directions.png",
    ),
    "vq_vae_faces": (
        "figures/reconstructions_of_generated.png", "figures/code_usage.png",
    ),
}  # fmt: skip
FIGURES = {
    "vae_anime": (
        "val_loss", "val_recon_loss", "val_kl_loss", "val_mse", "val_ssim", "val_mse_mean_image",
        "active_units", "spread", "spread_real", "val_nll_iw64", "val_bits_per_dim",
    ),
    "vae_cartoon": ("val_loss", "active_units"),
    "cvae_faces": (
        "val_kl_loss", "val_mse", "classifier_accuracy_0", "label_control_0", "label_control_1",
        "spread_0", "spread_1", "spread_real_1",
    ),
    "vq_vae_faces": (
        "val_recon_loss", "val_codebook_loss", "val_commitment_loss", "val_perplexity",
        "val_codes_used", "val_mse", "generated_mse", "val_ssim", "generated_ssim",
        "bits_per_image",
    ),
}  # fmt: skip


@every_run
def test_a_run_leaves_a_complete_folder(finished, name):
    folder = finished(name)
    for file in (*FILES, *OWN_FILES[name]):
        assert (folder / file).stat().st_size > 0, file
    found, readme = metrics(folder), (folder / "README.md").read_text()
    assert found["data_source"] == "folder" and found["steps"] == 4
    for figure in (*FIGURES[name], "train_step_seconds", "images_per_second"):
        assert np.isfinite(found[figure]), figure
        assert f"{found[figure]:.6g}" in readme
    assert str(folder) in readme or name == "vq_vae_faces"


@every_run
def test_the_lines_of_a_runs_readme_load_its_model(finished, name, monkeypatch):
    monkeypatch.chdir(finished(name))
    readme = Path("README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    found = {"images": np.zeros((2, 16, 16, 3), np.float32)}
    exec(lines, found)
    assert callable(found["model"].reconstruct)


@every_run
def test_the_last_validation_figures_are_those_of_metrics_json(finished, name):
    found = metrics(finished(name))
    *_, last = read_csv(finished(name) / "logs" / "epochs.csv")
    for figure in [key for key in last if key.startswith("val_")]:
        assert found[figure] == pytest.approx(last[figure], rel=1e-4), figure


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("vae_anime", {"generated", "reconstructions", "kl_by_latent", "epoch/val_loss"}),
        ("cvae_faces", {"generated", "reconstructions", "kl_by_latent", "epoch/val_kl_loss"}),
        ("vq_vae_faces", {"reconstructions", "codes", "perplexity", "epoch/perplexity"}),
    ],
)
def test_tensorboard_gets_pictures_and_histograms_by_epoch(finished, name, tags):
    logs = str(finished(name) / "logs")
    events = EventAccumulator(logs, size_guidance={"tensors": 0}).Reload()
    assert tags | {"loss", "images_per_second", "config"} <= set(events.Tags()["tensors"])
    assert [event.step for event in events.Tensors("loss")] == [1, 2, 3, 4]


def test_the_saved_models_signature_reconstructs_the_validation_images(finished):
    folder = finished("vq_vae_faces")
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    assert loaded.encode(np.zeros((1, 16, 16, 3), np.float32)).shape == (1, 4, 4)
    assert metrics(folder)["bits_per_image"] == 4 * 4 * 9


EMA = {"codebook": "ema", "codebook_start": "kmeans", "restart_below": 0.5, "codes": 16}


@pytest.mark.parametrize(
    "name",
    [
        "vq_vae_faces",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("cvae_faces", "vae_anime")),
    ],
)
def test_four_steps_equal_two_and_two(faces, finished, training_alone, name, tmp_path, capsys):
    """In a fresh process, too: tests/experiments/runs/test_faults.py."""
    own = EMA if name == "vq_vae_faces" else {}
    options = {"data": source(faces, name), **own}
    straight = tmp_path / "straight" if own else finished(name)
    with training_alone():
        if own:
            assert guarded(capsys, name, **options, run_dir=straight, max_steps=4)[0] == 0
        for steps in (2, 4):
            given = {**options, "run_dir": tmp_path / "broken", "max_steps": steps}
            assert script(name).run(config(name, **given)) == 0
    assert "goes on from step 2 of 4" in capsys.readouterr().out
    expected, found = checkpoint(straight), checkpoint(tmp_path / "broken")
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(value, found[key], err_msg=key)
    assert sum(key.startswith("optimizer") for key in expected) > 20
    assert [row["step"] for row in read_csv(tmp_path / "broken/logs/steps.csv")] == [1, 2, 3, 4]


@pytest.fixture
def run_of_four(finished, tmp_path):
    """A copy of a VAE's finished run of four steps."""
    shutil.copytree(finished("vae_anime"), tmp_path / "run")
    return tmp_path / "run"


def test_a_finished_run_says_so_and_more_epochs_go_on(faces, run_of_four, capsys):
    options = {"data": source(faces, "vae_anime"), "run_dir": run_of_four}
    assert guarded(capsys, "vae_anime", **options, max_steps=4)[0] == 0
    assert metrics(run_of_four)["steps"] == 4
    assert guarded(capsys, "vae_anime", **options, epochs=2)[0] == 0
    assert metrics(run_of_four)["epochs"] == 2
    code, error = guarded(capsys, "vae_anime", **options, latent_dim=3)
    assert code == 2 and "latent_dim 128 -> 3" in error


def test_a_run_that_is_further_already_is_not_recorded_as_shorter(faces, run_of_four, capsys):
    options = {"data": source(faces, "vae_anime"), "run_dir": run_of_four}
    (run_of_four / "metrics.json").unlink()  # as after a stop
    code, error = guarded(capsys, "vae_anime", **options, max_steps=2)
    assert code == 2 and "has reached step 4" in error and error.count("\n") == 1


@pytest.mark.slow
@pytest.mark.slow
def test_what_a_vae_generates_is_reconstructed_where_one_is_given(
    faces, finished, tmp_path, capsys
):
    options = {"data": source(faces, "vq_vae_faces"), "run_dir": tmp_path}
    picture = tmp_path / "figures" / "reconstructions_of_generated.png"
    script("vq_vae_faces").run(config("vq_vae_faces", **options, max_steps=1))
    said = capsys.readouterr().out
    assert said.count("give --vae-run, as evaluate takes it, too") == 1
    assert "generated_mse" not in metrics(tmp_path) and not picture.exists()
    folder = finished("vq_vae_faces")
    assert json.loads((folder / "config.json").read_text())["settings"]["vae_run"]
    assert metrics(folder)["generated_mse"] > 0
    assert (folder / "figures" / picture.name).exists()


@pytest.mark.slow
def test_odd_names_of_three_classes_and_their_files_do_no_harm(faces, tmp_path, capsys):
    folder = tmp_path / "data"
    shutil.copytree(faces, folder)
    (folder / "dots").mkdir()
    for i in range(12):
        Image.new("RGB", (20, 20), (20 * i, 0, 99)).save(folder / "dots" / f"{i}.png")
    (folder / "anime").rename(folder / "a$x_{$")
    latin = os.fsdecode(b"caf\xe9.png")  # no UTF-8
    (folder / "cartoon" / "0.png").rename(folder / "cartoon" / latin)
    options = {"data": str(folder), "run_dir": tmp_path / "run", "max_steps": 1}
    assert guarded(capsys, "cvae_faces", **options)[0] == 0
    found = metrics(tmp_path / "run")
    assert (found["train_examples"], found["val_examples"]) == (33, 3)  # 12 of each
    assert {"label_control_2", "spread_2"} <= set(found)
    loaded = tf.saved_model.load(str(tmp_path / "run" / "saved_model"))
    assert loaded.class_names().numpy().tolist() == [b"a$x_{$", b"cartoon", b"dots"]
    (folder / "cartoon").rename(folder / os.fsdecode(b"caf\xe9"))
    code, error = guarded(capsys, "cvae_faces", **{**options, "run_dir": tmp_path / "other"})
    assert code == 2 and "rename the sub-folder" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(
            "vae_anime",
            {"normalization": "none", "kl_warmup_steps": 2, "pool_last": True},
            marks=pytest.mark.slow,
        ),
        (
            "vae_cartoon",
            {"precision": "bfloat16", "kl_weight": 4.0, "latent_dim": 3, "free_bits": 0.1},
        ),
        ("vq_vae_faces", {"pool_last": True, "code_dim": 4, "codes": 16}),
        pytest.param(
            "vq_vae_faces",
            {"codebook": "finite_scalar", "levels": (8, 5, 5)},
            marks=pytest.mark.slow,
        ),
        (
            "vq_vae_faces",
            {
                "codebook": "residual",
                "codes": 8,
                "quantizers": 2,
                "codebook_start": "kmeans",
                "estimator": "rotation",
            },
        ),
    ],
)
@pytest.mark.parametrize("measured", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_choice_trains(faces, training_alone, name, options, measured, tmp_path):
    given = {"data": source(faces, "vae_anime"), "run_dir": tmp_path, "max_steps": 2, **options}
    with contextlib.nullcontext() if measured else training_alone():
        assert script(name).run(config(name, **given)) == 0
    losses = [row["loss"] for row in read_csv(tmp_path / "logs" / "steps.csv")]
    assert len(losses) == 2 and np.isfinite(losses).all() and losses[0] != losses[1]
    assert not measured or np.isfinite(metrics(tmp_path)["val_loss"])


@pytest.mark.slow  # of our loop, compiled: tests/training/test_loop.py; code 3: test_pix2pix.py
@pytest.mark.parametrize("xla", ["on", "auto"])
def test_a_rate_far_too_high_ends_with_3_and_keeps_the_checkpoint(faces, tmp_path, capsys, xla):
    options = {"data": source(faces, "vae_anime"), "run_dir": tmp_path, "xla": xla}
    code, error = guarded(
        capsys, "vae_anime", **options, learning_rate=1e30, checkpoint_steps=1, max_steps=50
    )
    assert code == 3 and "is not finite; training stopped" in error and error.count("\n") == 1
    assert all(np.isfinite(value).all() for value in checkpoint(tmp_path).values())
    settings = json.loads((tmp_path / "config.json").read_text())["settings"]
    assert settings["xla_compiled"] is (xla == "on")


BAD = {
    "no folder": ("vae_anime", {"data": "/nowhere"}, "/nowhere: no such folder"),
    "a set that only a person can fetch": (
        "vae_anime", {"data": "report", "data_dir": Path("nowhere")}, "splcher/animefacedataset",
    ),
    "a size that cannot be halved": ("vae_anime", {"image_size": 18}, "multiple of 4"),
    "the same of a VQ-VAE": (
        "vq_vae_faces", {"image_size": 20, "pool_last": True}, "--image-size 20: the encoder",
    ),
    "a size that is not drawn": (
        "vae_anime", {"data": "synthetic", "image_size": 8}, "drawn images have at least 16 pixels",
    ),
    "a compiled step to be repeated": (
        "vae_anime", {"xla": "on", "deterministic": True}, "--xla on: XLA's pooling is not",
    ),
    "fewer images than a batch": ("vae_anime", {"batch_size": 64}, "--batch-size 64"),
    "no epoch": ("cvae_faces", {"epochs": 0}, "--epochs 0: must be at least 1"),
    "no latent": ("vae_anime", {"latent_dim": 0}, "--latent-dim 0: must be at least 1"),
    "a negative KL weight": ("vae_cartoon", {"kl_weight": -1.0}, "--kl-weight -1.0"),
    "a crop of nothing": ("vae_cartoon", {"crop": (0.0,)}, "--crop 0.0"),
    "crops for other classes": ("cvae_faces", {"crop": (1.0, 1.0, 1.0)}, "--crop"),
    "a crop of drawn faces": ("vae_anime", {"data": "synthetic", "crop": (0.5,)}, "--crop: drawn"),
    "restarts of all codes": ("vq_vae_faces", {"restart_below": 1.0}, "--restart-below 1: "),
    "no code": ("vq_vae_faces", {"codes": 0}, "--codes 0: must be at least 1"),
    "codes of no width": ("vq_vae_faces", {"code_dim": 0}, "--code-dim 0: must be at least 1"),
    "too many codes to start": (
        "vq_vae_faces", {"codes": 5000, "codebook_start": "kmeans"}, "--codes 5000: ",
    ),
    "levels of no grid": (
        "vq_vae_faces", {"levels": (8, 8)}, "--levels: belongs to --codebook finite_scalar",
    ),
    "a grid of no channel": (
        "vq_vae_faces", {"codebook": "finite_scalar", "levels": ()}, "--levels: needs a number",
    ),
    "a level that says nothing": (
        "vq_vae_faces", {"codebook": "finite_scalar", "levels": (8, 1)}, "--levels 1: must be at",
    ),
    "a grid too fine": (
        "vq_vae_faces", {"codebook": "finite_scalar", "levels": (5000, 5000)}, "25000000 codes",
    ),
    "a grid that starts by k-means": (
        "vq_vae_faces", {"codebook": "finite_scalar", "codebook_start": "kmeans"},
        "--codebook-start: --codebook finite_scalar has no",
    ),
    "a grid with a codebook's estimator": (
        "vq_vae_faces", {"codebook": "finite_scalar", "estimator": "rotation"}, "--estimator: ",
    ),
    "several codebooks of one": (
        "vq_vae_faces", {"codebook": "ema", "quantizers": 2}, "--quantizers: belongs to --codebook",
    ),
    "a VAE that is not there": (
        "vq_vae_faces", {"vae_run": Path("/nowhere")}, "--vae-run /nowhere: neither",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_line_and_exit_code_2(faces, finished, case, tmp_path, capsys):
    name, options, message = BAD[case]
    given = {"data": source(faces, name), "run_dir": tmp_path / "run", **options}
    if name == "vq_vae_faces":
        given.setdefault("vae_run", finished("vae_anime"))
    code, error = guarded(capsys, name, **given)
    assert code == 2 and message in error and error.count("\n") == 1, error


def test_one_class_where_two_are_needed_is_refused(faces, tmp_path, capsys):
    code, error = guarded(
        capsys, "cvae_faces", data=source(faces, "vae_anime"), run_dir=tmp_path / "run"
    )
    assert code == 2 and "two" in error and error.count("\n") == 1, error


@pytest.mark.parametrize("run", ["cvae_faces", "vq_vae_faces"])
def test_a_run_that_is_no_plain_vaes_is_refused(faces, finished, run, tmp_path, capsys):
    options = {"data": source(faces, "vq_vae_faces"), "run_dir": tmp_path / "run"}
    code, error = guarded(capsys, "vq_vae_faces", **options, vae_run=finished(run))
    assert code == 2 and f"--vae-run {finished(run)}: " in error and error.count("\n") == 1


def test_a_vae_of_another_image_size_is_refused(faces, finished, tmp_path, capsys):
    options = {"data": source(faces, "vq_vae_faces"), "run_dir": tmp_path / "run"}
    options |= {"image_size": 24, "vae_run": finished("vae_anime")}
    code, error = guarded(capsys, "vq_vae_faces", **options)
    assert code == 2 and "makes images of 16 x 16, but --image-size is 24" in error


def test_damaged_images_are_listed_and_can_be_skipped(faces, reading_alone, tmp_path, capsys):
    folder = tmp_path / "data"
    shutil.copytree(faces / "anime", folder)
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:100])
    options = {"data": str(folder), "run_dir": tmp_path / "run", "max_steps": 1}
    code, error = guarded(capsys, "vae_anime", **options)
    assert code == 2 and "2.png: not a readable image" in error and error.count("\n") == 1
    with reading_alone():
        assert script("vae_anime").run(config("vae_anime", **options, skip_unreadable=True)) == 0
    assert "skipped 2.png" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_every_option_with_its_default(name):
    done = subprocess.run(command(name, "--help"), cwd=ROOT, capture_output=True, text=True)
    for field in dataclasses.fields(script(name).Config):
        assert f"--{field.name.replace('_', '-')}" in done.stdout
    assert done.returncode == 0 and "0.001" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_bare_command_finishes_within_four_minutes_and_its_losses_fall(name, tmp_path):
    began = time.monotonic()
    done = subprocess.run(
        command(name, "--run-dir", tmp_path), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == ""
    assert time.monotonic() - began < 240
    assert metrics(tmp_path)["data_source"] == "synthetic"
    first, *_, last = read_csv(tmp_path / "logs" / "epochs.csv")
    for figure in ("loss", "recon_loss", "val_loss", "val_recon_loss"):
        assert last[figure] < first[figure], figure


@pytest.fixture
def validated(monkeypatch):
    """Have each epoch of a VAE validate as a list says, whichever process it is in."""

    def as_of(values, epoch_steps):
        def validate(task, check):
            epoch = -(-int(task.model.optimizer.iterations) // epoch_steps)
            return {"val_loss": values[epoch - 1]}

        monkeypatch.setattr(FaceTask, "validate", validate)

    return as_of


@pytest.mark.slow
def test_patience_ends_a_run_and_keeps_its_best_epoch(faces, tmp_path, capsys, validated):
    given = {"data": source(faces, "vae_anime"), "epochs": 9, "run_dir": tmp_path / "run"}
    images = len(VaeTask(config("vae_anime", **given), "anime").data.train)
    steps = steps_per_epoch(images, SMALL["batch_size"])
    validated([3.0, 1.0, 2.0, 2.5, 0.5, 9.0, 9.0, 9.0, 9.0], steps)
    code, _ = guarded(capsys, "vae_anime", **given, patience=2)
    folder = given["run_dir"]
    assert code == 0 and metrics(folder)["epochs"] == 4
    best = load(folder).get_weights()
    twin = load(folder)
    twin.load_weights(folder / "checkpoints" / "best.weights.h5")
    assert json.loads((folder / "checkpoints" / "best.json").read_text())["epoch"] == 2
    for kept, of_best in zip(best, twin.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, of_best)
    assert "the best epoch's" in (folder / "README.md").read_text()
    # again, stopped within the third epoch: ends at the same place, with the same weights
    other = {**given, "run_dir": tmp_path / "other", "patience": 2}
    guarded(capsys, "vae_anime", **other, max_steps=2 * steps + 1)
    guarded(capsys, "vae_anime", **other)
    assert metrics(other["run_dir"])["epochs"] == 4
    first, second = checkpoint(folder), checkpoint(other["run_dir"])
    assert first.keys() == second.keys()
    # finished, until it may wait for longer
    script("vae_anime").run(config("vae_anime", **other))
    assert "raise --patience to go on" in capsys.readouterr().out
    guarded(capsys, "vae_anime", **{**other, "patience": 3})
    assert metrics(other["run_dir"])["epochs"] == 8  # 5 and 3


@pytest.mark.slow
def test_accumulated_gradients_and_mirrored_images_go_on_exactly(
    faces, tmp_path, capsys, training_alone
):
    given = {"data": source(faces, "vae_anime"), "gradient_accumulation": 2, "mirror": True}
    with training_alone():
        guarded(capsys, "vae_anime", **given, max_steps=5, run_dir=tmp_path / "whole")
        for steps in (3, 5):
            guarded(capsys, "vae_anime", **given, max_steps=steps, run_dir=tmp_path / "parts")
    whole, parts = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, parts[name], name)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"patience": 0}, "--patience 0"),
        ({"patience": 1, "strategy": "multi_worker"}, "--patience"),
        ({"gradient_accumulation": 0}, "--gradient-accumulation 0"),
        ({"gradient_accumulation": 2, "strategy": "mirrored"}, "--gradient-accumulation"),
    ],
)
def test_patience_and_accumulation_that_cannot_be_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        config("vae_anime", **options).check()
