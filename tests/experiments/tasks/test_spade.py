"""The command for SPADE: what it leaves, how it goes on, and what it says of options."""

import json

import numpy as np
import pytest
import tensorflow as tf

from experiments.launch import cli
from experiments.runs import evaluation
from experiments.spade_maps import NAME, Config, run
from experiments.tasks.options import spade_halvings
from tf_gen import SPADEGenerator, load
from tf_gen.training.history import read_csv

SMALL = {"filters": 1, "image_size": 48}


def losses(folder):
    rows = read_csv(folder / "logs" / "steps.csv")
    return [(row["generator_loss"], row["feature_matching_loss"]) for row in rows]


def test_two_steps_train_with_the_papers_losses(maps, training_alone, tmp_path):
    with training_alone():
        assert run(Config(**SMALL, data=str(maps), run_dir=tmp_path, max_steps=2)) == 0
    (first, matching), (second, _) = losses(tmp_path)
    assert np.isfinite(second) and first != second and matching > 0


@pytest.mark.slow
def test_a_run_is_whole_goes_on_as_if_it_had_not_stopped_and_is_of_use(maps, tmp_path, monkeypatch):
    given = {**SMALL, "data": str(maps), "latent_dim": 4}
    for steps in (2, 4):
        assert run(Config(**given, run_dir=tmp_path / "broken", max_steps=steps)) == 0
    folder = tmp_path / "straight"
    assert run(Config(**given, run_dir=folder, max_steps=4)) == 0
    assert losses(tmp_path / "broken") == losses(folder)
    for name in (
        "README.md", "model.keras", "saved_model/saved_model.pb", "figures/loss_curves.png",
        "figures/validation_last_epoch.png", "figures/generator_summary.txt",
        "figures/discriminator_summary.txt",
    ):  # fmt: skip
        assert (folder / name).stat().st_size > 0, name
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert metrics["noise_std"] > 0 and np.isfinite(metrics["val_l1"])
    assert "spade_maps, map_to_aerial" in (folder / "README.md").read_text("utf-8")

    asked = evaluation_of(folder, tmp_path / "again")
    evaluation.evaluate(asked)
    again = json.loads((tmp_path / "again" / "evaluation_val.json").read_text("utf-8"))
    assert again["val_l1"] == pytest.approx(metrics["val_l1"], abs=1e-5)

    model, images = load(folder), np.zeros((1, 48, 48, 3), np.float32)
    assert isinstance(model, SPADEGenerator)
    served = tf.saved_model.load(str(folder / "saved_model")).translate(images)
    np.testing.assert_allclose(served, model(2 * images - 1) / 2 + 0.5, atol=1e-5)


def evaluation_of(folder, output):
    from experiments.evaluate import Config as Asked

    return Asked(run_dir=folder, output=output)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "mirrored"},
        {"xla": "on", "latent_dim": 4},
        {"precision": "bfloat16", "input_kind": "image", "direction": "aerial_to_map"},
        {"average_momentum": 0.9, "normalization": "instance", "spectral": False},
        {"update": "simultaneous", "discriminator_scales": 1, "decay_epochs": 1},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_choice_trains(maps, training_alone, tmp_path, options):
    with training_alone():
        given = {**SMALL, "data": str(maps), "max_steps": 2, **options}
        assert run(Config(**given, run_dir=tmp_path)) == 0
    (first, _), (second, _) = losses(tmp_path)
    assert np.isfinite([first, second]).all() and first != second


@pytest.mark.parametrize(
    ("size", "halvings"), [(256, 6), (512, 6), (192, 5), (128, 5), (64, 4), (48, 3), (40, 3)]
)
def test_the_generator_begins_with_4_pixels_or_as_the_paper_has_it(size, halvings):
    assert spade_halvings(size) == halvings
    assert size % 2**halvings == 0 and size // 2**halvings >= 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_size": 100}, "--image-size 100"),
        ({"image_size": 4}, "--image-size 4"),
        ({"image_size": 300}, "--image-size 300"),
        ({"image_size": 32}, "--discriminator-scales 2"),
        ({"direction": "aerial_to_map"}, "--input-kind image"),
        ({"latent_dim": -1}, "--latent-dim -1"),
    ],
)
def test_options_that_cannot_be_are_refused_in_a_line(options, said, tmp_path, capsys):
    assert cli.guarded(NAME, run, Config(run_dir=tmp_path / "run", **options)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
