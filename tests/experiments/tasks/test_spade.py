"""The command for SPADE: what it leaves, how it goes on, and what it says of options."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiments.launch import cli
from experiments.launch.cli import PARTLY
from experiments.runs import evaluation
from experiments.spade_maps import NAME, Config, run
from experiments.tasks.options import sides_of, spade_halvings
from experiments.tasks.spade import SpadeTask
from experiments.translate import Config as Translation
from experiments.use.translate import translate_images
from tf_gen import SPADEGenerator, load
from tf_gen.data.reading import resize, resize_labels
from tf_gen.training.history import read_csv

SMALL = {"filters": 1, "image_size": 48}


def losses(folder):
    rows = read_csv(folder / "logs" / "steps.csv")
    return [(row["generator_loss"], row["feature_matching_loss"]) for row in rows]


def test_the_tasks_batches_train_its_model_with_the_papers_losses(maps, tmp_path):
    task = SpadeTask(Config(**SMALL, data=str(maps), run_dir=tmp_path))
    model = task.build(epoch_steps=3).model
    (batch,) = task.batches(0, 1)
    logs = model.train_step(batch)
    assert np.isfinite([*logs.values()]).all() and logs["feature_matching_loss"] > 0
    assert model.adversarial_loss == "hinge" and model.reconstruction_weight == 0


@pytest.mark.slow
def test_two_steps_train(maps, training_alone, tmp_path):
    with training_alone():
        assert run(Config(**SMALL, data=str(maps), run_dir=tmp_path, max_steps=2)) == 0
    (first, _), (second, _) = losses(tmp_path)
    assert np.isfinite([first, second]).all() and first != second


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
    served = tf.saved_model.load(str(folder / "saved_model"))
    np.testing.assert_allclose(served.translate(images), model(2 * images - 1) / 2 + 0.5, atol=1e-5)


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


@pytest.fixture
def labelled(tmp_path):
    """A folder of label images (B) with noise for photographs (A)."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for i in range(2):
            classes = rng.choice([0, 1, 2, 255], (6, 6)).repeat(10, 0).repeat(10, 1)
            sides = {"A": rng.integers(0, 256, (60, 60, 3)), "B": classes}
            for side, values in sides.items():
                (tmp_path / "data" / f"{split}{side}").mkdir(parents=True, exist_ok=True)
                image = Image.fromarray(values.astype(np.uint8))
                image.save(tmp_path / "data" / f"{split}{side}" / f"{i}.png")
    return tmp_path / "data"


@pytest.mark.slow
def test_label_images_go_from_a_folder_through_a_run_to_translate(labelled, tmp_path, capsys):
    folder, given = tmp_path / "run", {**SMALL, "input_kind": "classes", "classes": 3}
    assert run(Config(**given, data=str(labelled), run_dir=folder, max_steps=2)) == 0
    assert np.isfinite(json.loads((folder / "metrics.json").read_text("utf-8"))["val_l1"])
    model = tf.saved_model.load(str(folder / "saved_model"))
    assert (model.classes(), *model.input_shape()) == (3, 48, 48, 1)

    label = labelled / "valB" / "0.png"
    fitting = resize_labels(np.asarray(Image.open(label))[..., None], 48, 48)
    made = model.translate(fitting[None] / np.float32(255))
    (png,) = model.translate_bytes([label.read_bytes()])
    np.testing.assert_array_equal(tf.io.decode_png(png), np.rint(255 * made[0]))

    image = Image.open(label)
    coloured = Image.frombytes("P", image.size, image.tobytes())
    coloured.putpalette(np.arange(768, dtype=np.uint8).tobytes())
    (tmp_path / "in").mkdir()
    coloured.save(tmp_path / "in" / "palette.png")
    with pytest.raises(tf.errors.InvalidArgumentError, match="label images must be grey here"):
        model.translate_bytes([(tmp_path / "in" / "palette.png").read_bytes()])
    shutil.copy(labelled / "valA" / "0.png", tmp_path / "in" / "photograph.png")
    asked = Translation(model=folder, input=tmp_path / "in", output=tmp_path / "out")
    assert translate_images(asked) == PARTLY
    assert "photograph.png: no label image (PNG, RGB)" in capsys.readouterr().err
    expected = resize(np.rint(255 * made[0]).astype(np.uint8), 60, 60)
    np.testing.assert_array_equal(Image.open(tmp_path / "out" / "palette.png"), expected)


def test_label_images_train_and_photographs_in_their_place_are_refused(
    labelled, reading_alone, tmp_path, capsys
):
    given = {**SMALL, "input_kind": "classes", "data": str(labelled)}
    with reading_alone():
        assert run(Config(**given, classes=3, run_dir=tmp_path / "run")) == 0
    for options, said in (
        ({"classes": 2}, "trainB/0.png: holds 2, but 2 classes are 0 ... 1 (and 255, none)"),
        ({"classes": 3, "direction": "aerial_to_map"}, "valA/0.png: no label image (PNG, RGB)"),
    ):
        config = Config(**given, **options, run_dir=tmp_path / "other")
        assert cli.guarded(NAME, run, config) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("size", "halvings"),
    [(256, 6), (512, 6), (192, 5), (128, 5), (64, 4), (48, 3), (40, 3), ((256, 512), 6)],
)
def test_the_generator_begins_with_4_pixels_or_as_the_paper_has_it(size, halvings):
    assert spade_halvings(size) == halvings
    assert all(side % 2**halvings == 0 and side // 2**halvings >= 4 for side in sides_of(size))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_size": 100}, "--image-size 100"),
        ({"image_size": 4}, "--image-size 4"),
        ({"image_size": 300}, "--image-size 300"),
        ({"image_size": 32}, "--discriminator-scales 2"),
        ({"direction": "aerial_to_map"}, "--input-kind image"),
        ({"latent_dim": -1}, "--latent-dim -1"),
        ({"input_kind": "classes", "data": "x"}, "--classes: goes with --input-kind classes"),
        ({"classes": 3}, "--classes: goes with --input-kind classes"),
        ({"input_kind": "classes", "classes": 1, "data": "x"}, "--classes 1"),
        ({"input_kind": "classes", "classes": 3}, "--data synthetic has no label images"),
        ({"input_channels": 1}, "--input-channels 1: --input-kind colours reads 3"),
        (
            {"input_channels": 4, "input_kind": "classes", "classes": 3, "data": "x"},
            "--input-channels 4: --input-kind classes reads 1",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_in_a_line(options, said, tmp_path, capsys):
    assert cli.guarded(NAME, run, Config(run_dir=tmp_path / "run", **options)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
