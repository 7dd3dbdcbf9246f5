"""The command, run: what it leaves, how it goes on, and what it says of bad input."""

import contextlib
import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiments.data import maps as data_maps
from experiments.launch import cli
from experiments.launch.errors import UsageError
from experiments.pix2pix_maps import NAME, Config, run
from experiments.tasks import pix2pix
from experiments.tasks.options import segmenting_halvings
from experiments.tasks.pix2pix import Pix2PixTask
from tf_gen import SegmentedPix2Pix, load
from tf_gen.training.history import read_csv

ROOT = Path(__file__).parents[3]
SMALL = {"filters": 2, "image_size": 32}


def command(*options):
    return [sys.executable, "-m", "experiments.pix2pix_maps", *map(str, options)]


def guarded(capsys, **options):
    """(exit code, standard error) of a run in this process."""
    code = cli.guarded(NAME, run, Config(**{**SMALL, **options}))
    return code, capsys.readouterr().err


def checkpoint(folder):
    """All tensors of the newest checkpoint."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder / "checkpoints")))
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def test_a_run_leaves_a_complete_folder(finished):
    folder = finished("map_to_aerial")
    for name in (
        "config.json", "metrics.json", "README.md", "checkpoints/step-4.index",
        "checkpoints/best.weights.h5", "figures/data_samples.png", "figures/loss_curves.png",
        "figures/validation_last_epoch.png", "figures/generator_summary.txt",
        "figures/discriminator_summary.txt", "saved_model/saved_model.pb", "logs/steps.csv",
    ):  # fmt: skip
        assert (folder / name).stat().st_size > 0, name
    assert list((folder / "logs").glob("events.out.tfevents.*"))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["data_source"] == "folder" and metrics["steps"] == 4
    for name in (
        "val_l1", "val_ssim_report_mode", "val_psnr", "val_l1_mean_colour", "val_ssim_copy",
        "noise_std", "train_step_seconds", "images_per_second",
    ):  # fmt: skip
        assert isinstance(metrics[name], float)
    assert f"{metrics['val_l1']:.6g}" in (folder / "README.md").read_text()
    assert "54,425,859" not in (folder / "figures/generator_summary.txt").read_text()
    assert "up_4" in (folder / "figures/generator_summary.txt").read_text()


def test_without_data_of_ones_own_drawn_maps_are_trained_on(
    reading_alone, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(data_maps, "DRAWN", {"train": 6, "val": 3})  # it takes a while
    with reading_alone():
        assert run(Config(**SMALL, run_dir=tmp_path, max_steps=2)) == 0
    said = capsys.readouterr()
    assert said.err == "" and "6 training and 3 validation examples" in said.out
    assert "data: drawing synthetic" in said.out


@pytest.fixture
def run_of_four(finished, tmp_path):
    """A copy of a finished run of four steps."""
    shutil.copytree(finished("map_to_aerial"), tmp_path / "run")
    return tmp_path / "run"


def test_the_lines_of_a_runs_readme_translate_a_photograph(run_of_four, monkeypatch):
    monkeypatch.chdir(run_of_four)
    (lines,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text("utf-8"), re.DOTALL)
    Image.effect_noise((40, 24), 9).convert("RGB").save("input.jpg")
    found = {}
    exec(lines, found)
    assert tf.io.decode_png(found["output"]).shape == (32, 32, 3)
    assert Path("output.png").read_bytes() == found["output"]
    assert found["outputs"].shape == (1, 32, 32, 3) and found["outputs"].dtype == tf.float32


@pytest.mark.slow  # of a VQ-VAE: tests/experiments/tasks/test_faces.py
def test_four_steps_equal_two_and_two(maps, finished, training_alone, tmp_path, capsys):
    """In a fresh process, too: tests/experiments/runs/test_faults.py."""
    for steps in (2, 4):
        with training_alone():
            assert guarded(capsys, data=str(maps), run_dir=tmp_path, max_steps=steps)[0] == 0
    straight, broken = checkpoint(finished("map_to_aerial")), checkpoint(tmp_path)
    assert straight.keys() == broken.keys()
    for name, value in straight.items():
        np.testing.assert_array_equal(value, broken[name], err_msg=name)
    assert sum(name.startswith("generator_optimizer") for name in straight) > 20
    steps = read_csv(tmp_path / "logs" / "steps.csv")
    assert [row["step"] for row in steps] == [1, 2, 3, 4]  # the fourth begins the second epoch
    same = read_csv(finished("map_to_aerial") / "logs" / "steps.csv")
    assert [row["l1_loss"] for row in steps] == [row["l1_loss"] for row in same]


@pytest.mark.slow
def test_a_fresh_process_goes_on_lets_no_other_in_and_ctrl_c_ends_it_with_a_checkpoint(
    maps, finished, training_alone, tmp_path, capsys
):
    options = {"data": str(maps), "run_dir": tmp_path}
    with training_alone():
        assert guarded(capsys, **options, max_steps=2)[0] == 0
    process = subprocess.Popen(
        command("--data", maps, "--run-dir", tmp_path, "--filters", 2, "--image-size", 32,
                "--epochs", 10000),
        cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    log, deadline = tmp_path / "logs" / "steps.csv", time.monotonic() + 120
    while log.read_text().count("\n") < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
    code, error = guarded(capsys, **options)
    assert code == 2 and "another process is training in it" in error
    assert error.endswith("choose another folder\n") and process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on from step 2 of 30000" in stdout
    assert stderr == f"pix2pix_maps: stopped; the same command with --run-dir {tmp_path} goes on\n"
    rows, straight = read_csv(log), read_csv(finished("map_to_aerial") / "logs" / "steps.csv")
    assert [row["l1_loss"] for row in rows[:4]] == [row["l1_loss"] for row in straight]
    reached = int(rows[-1]["step"])
    assert [row["step"] for row in rows] == list(range(1, reached + 1))
    assert f"step-{reached}.index" in [path.name for path in (tmp_path / "checkpoints").iterdir()]


@pytest.mark.slow  # of a VAE: tests/experiments/tasks/test_faces.py
def test_a_finished_run_says_so_and_more_epochs_go_on(maps, run_of_four, capsys):
    options = {**SMALL, "data": str(maps), "run_dir": run_of_four}
    assert run(Config(**options, max_steps=4)) == 0
    assert "this run is finished (4 steps); raise --max-steps to go on" in capsys.readouterr().out
    assert run(Config(**options, max_steps=1)) == 0
    assert json.loads((run_of_four / "config.json").read_text())["settings"]["max_steps"] == 4
    assert run(Config(**options, epochs=2)) == 0
    assert json.loads((run_of_four / "metrics.json").read_text())["epochs"] == 2
    assert [path.stem for path in (run_of_four / "checkpoints").glob("*.index")] == ["step-6"]
    assert run(Config(**options, epochs=2)) == 0
    assert "this run is finished (6 steps); raise --epochs to go on" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {
            "adversarial_loss": "hinge",
            "adversarial_weight": 0.0,
            "noise": "input",
            "reconstruction": "l2",
            "normalization": "instance",
            "decay_epochs": 1,
            "batch_size": 4,
            "upsampling": "resize",
        },
        pytest.param(
            {
                "image_size": 60,
                "generator": "resnet",
                "spectral": True,
                "gradient_penalty_weight": 10.0,
                "discriminator_scales": 2,
                "feature_matching_weight": 10.0,
                "perceptual_weight": 10.0,
                "average_momentum": 0.9,
            },
            marks=pytest.mark.slow,
        ),
        {"adversarial_loss": "minimax"},
        pytest.param(
            {
                "discriminator": "segmenting",
                "discriminator_filters": 3,
                "feature_matching_weight": 1.0,
            },
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.parametrize("measured", [False, True])
def test_every_choice_trains(maps, training_alone, tmp_path, options, measured):
    given = {**SMALL, "data": str(maps), "run_dir": tmp_path, "max_steps": 2}
    with contextlib.nullcontext() if measured else training_alone():
        assert run(Config(**{**given, **options})) == 0
    losses = [row["generator_loss"] for row in read_csv(tmp_path / "logs" / "steps.csv")]
    assert len(losses) == 2 and np.isfinite(losses).all() and losses[0] != losses[1]
    metrics = tmp_path / "metrics.json"
    assert not measured or np.isfinite(json.loads(metrics.read_text())["val_l1"])


def test_the_other_direction_in_bfloat16_from_one_pass_trains_and_is_measured(finished):
    folder = finished("aerial_to_map")
    identity = json.loads((folder / "config.json").read_text())["identity"]
    assert (identity["precision"], identity["update"]) == ("bfloat16", "simultaneous")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["direction"] == "aerial_to_map" and np.isfinite(metrics["val_l1"])


@pytest.mark.slow
def test_a_run_starts_from_another_runs_networks(maps, finished, training_alone, tmp_path, capsys):
    start = finished("map_to_aerial")
    options = {"data": str(maps), "max_steps": 1, "learning_rate": 1e-12, "seed": 1}
    with training_alone():
        assert guarded(capsys, **options, run_dir=tmp_path / "b", init_from=start)[0] == 0
    a, b = checkpoint(start), checkpoint(tmp_path / "b")
    kernel = "generator/0/.ATTRIBUTES/VARIABLE_VALUE"
    np.testing.assert_allclose(a[kernel], b[kernel], atol=1e-8)
    code, error = guarded(capsys, **options, run_dir=tmp_path / "c", init_from=tmp_path / "x")
    assert code == 2 and "x: no such file or folder; give the folder of a finished run" in error
    assert not (tmp_path / "c").exists()
    code, error = guarded(capsys, **options, filters=3, run_dir=tmp_path / "c", init_from=start)
    assert code == 2 and "its generator is another one" in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_run_starts_from_a_ready_models_generator(maps, tmp_path):
    ready = load("drawn_city")
    options = {"image_size": 256, "filters": 12, "data": str(maps), "run_dir": tmp_path}
    task = Pix2PixTask(Config(**options, init_from=Path("drawn_city")))
    generator = task.build(epoch_steps=3).model.generator
    task.start()
    for given, found in zip(ready.weights, generator.weights, strict=True):
        np.testing.assert_array_equal(given, found)
    task = Pix2PixTask(Config(**{**options, "filters": 2}, init_from=Path("drawn_city")))
    task.build(epoch_steps=3)
    with pytest.raises(UsageError, match="--init-from drawn_city: its networks are others; give"):
        task.start()


def test_a_loss_that_is_not_finite_ends_with_3_and_keeps_the_checkpoint(maps, tmp_path, capsys):
    options = {"data": str(maps), "run_dir": tmp_path, "update": "simultaneous"}
    code, error = guarded(capsys, **options, learning_rate=1e30, checkpoint_steps=1, max_steps=50)
    assert code == 3 and "is not finite; training stopped" in error and error.count("\n") == 1
    assert all(np.isfinite(value).all() for value in checkpoint(tmp_path).values())
    assert not (tmp_path / "metrics.json").exists()


def test_epochs_may_not_change_while_the_learning_rate_falls(maps, run_of_four, capsys):
    options = {"data": str(maps), "run_dir": run_of_four, "epochs": 1}
    config = json.loads((run_of_four / "config.json").read_text("utf-8"))
    config["settings"] |= {"epochs": 1, "decay_epochs": 1}  # three steps are an epoch
    (run_of_four / "config.json").write_text(json.dumps(config), "utf-8")
    code, error = guarded(capsys, **options, decay_epochs=2)
    assert code == 2 and "--epochs, --decay-epochs: " in error
    assert "has reached epoch 1.33, where the learning rate falls already" in error


def test_the_learning_rate_falls_over_the_epochs_that_the_run_has(maps, tmp_path):
    """Not over what the pairs would give without replicas, which may leave some out."""
    config = Config(**SMALL, data=str(maps), run_dir=tmp_path, epochs=1, decay_epochs=2)
    task = Pix2PixTask(config)
    task.build(epoch_steps=5)
    found = task.model.discriminator_optimizer.get_config()["learning_rate"]["config"]
    assert (found["constant_steps"], found["decay_steps"]) == (5, 10)


def test_averages_of_the_weights_are_shown_and_the_weights_trained_on(maps):
    config = Config(**SMALL, data=str(maps), average_momentum=0.75, discriminator_learning_rate=0.5)
    task = Pix2PixTask(config)
    model, shown, _ = task.build(3)
    assert float(model.discriminator_optimizer.learning_rate) == 0.5
    trained, averages = model.generator.trainable_variables, None
    for taken, batch in enumerate(task.batches(0, 3)):
        model.train_step(batch)
        now, old = [variable.numpy() for variable in trained], taken / (taken + 9)
        averages = averages or now
        averages = [old * a + (1 - old) * b for a, b in zip(averages, now, strict=True)]
    moved = [v.numpy() for v in model.generator.non_trainable_variables]
    task.prepare_to_measure()
    for found, expected in zip(shown.trainable_variables, averages, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for variable, before in zip(model.generator.non_trainable_variables, moved, strict=True):
        np.testing.assert_array_equal(variable, before)  # recomputed for the averages alone


def test_a_discriminator_that_segments_may_have_its_own_width(maps):
    options = {**SMALL, "discriminator": "segmenting", "discriminator_filters": 3}
    model = Pix2PixTask(Config(**options, data=str(maps))).untrained()
    assert type(model) is SegmentedPix2Pix and "label_mix_loss" in model.log_names
    assert (model.generator.filters, model.discriminator.filters) == (2, 3)
    assert model.discriminator.halvings == 5


@pytest.mark.parametrize(("size", "halvings"), [(32, 5), ((96, 64), 5), ((128, 64), 6), (256, 6)])
def test_it_halves_images_as_often_as_they_can_be_halved(size, halvings):
    assert segmenting_halvings(size) == halvings


def test_one_of_patches_may_have_its_own_width(maps):
    config = Config(**SMALL, data=str(maps), discriminator_filters=3)
    model = Pix2PixTask(config).untrained()
    assert (model.generator.filters, model.discriminator.filters) == (2, 3)


SEGMENTING = {"discriminator": "segmenting"}
BAD = {
    "a folder that is not there": ({"data": "/nowhere"}, "/nowhere: no such folder"),
    "a size that the U-Net can't take": ({"image_size": 100}, "--image-size 100"),
    "a data folder that is not looked into": ({"data_dir": Path("x")}, "--data-dir: only --data"),
    "a negative cache": ({"cache_gib": -1.0}, "--cache-gib -1.0"),
    "no epoch": ({"epochs": 0}, "--epochs 0: must be at least 1"),
    "a size of 0": ({"image_size": 0}, "--image-size 0"),
    "a file for a folder": ({"data": __file__}, "is a file, not a folder"),
    "a rate that is no number": ({"learning_rate": float("nan")}, "--learning-rate nan"),
    "a learning rate of 0": ({"learning_rate": 0.0}, "--learning-rate 0.0: must be more than 0"),
    "a negative weight": ({"reconstruction_weight": -1.0}, "--reconstruction-weight -1.0"),
    "an average of all": ({"average_momentum": 1.0}, "--average-momentum 1.0"),
    "a size of a resnet": ({"generator": "resnet", "image_size": 62}, "a multiple of 4"),
    "noise beside a resnet": ({"generator": "resnet", "noise": "input"}, "--noise input"),
    "too many scales": ({"discriminator_scales": 2}, "that the generator takes, of 48 or more"),
    "colours that its network lacks": (
        {"perceptual_weight": 1.0, "output_channels": 1},
        "--perceptual-weight: its network sees",
    ),
    "classes of a photograph": (
        {**SEGMENTING, "direction": "aerial_to_map"},
        "--discriminator segmenting: the classes are",
    ),
    "classes of a grey map": ({**SEGMENTING, "input_channels": 1}, "--input-channels 3 alone"),
    "several that segment": (
        {**SEGMENTING, "image_size": 64, "discriminator_scales": 2},
        "--discriminator-scales 1 alone",
    ),
    "another loss of it": (
        {**SEGMENTING, "adversarial_loss": "hinge"},
        "goes with --adversarial-loss non_saturating, ",
    ),
    "a penalty of it": (
        {**SEGMENTING, "gradient_penalty_weight": 1.0},
        "--gradient-penalty-weight 0.0, ",
    ),
    "spectral norms of it": ({**SEGMENTING, "spectral": True}, "is so always; leave it out"),
    "a size that it can't halve": (
        {**SEGMENTING, "generator": "resnet", "image_size": 60},
        "it must be a multiple of 32",
    ),
    "a discriminator of nothing": ({"discriminator_filters": 0}, "--discriminator-filters 0"),
    "a run folder below a file": ({"run_dir": Path(__file__) / "x"}, "cannot be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_line_and_exit_code_2(case, tmp_path, capsys):
    options, message = BAD[case]
    code, error = guarded(capsys, **{"run_dir": tmp_path / "run", **options})
    assert code == 2 and message in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_reader_reads_what_is_generated_at_epochs_ends_and_at_the_end(
    maps, finished, tmp_path, capsys
):
    reader = finished("aerial_to_map")
    options = {"data": str(maps), "run_dir": tmp_path / "run", "reader": reader, "max_steps": 1}
    assert guarded(capsys, **options)[0] == 0
    (epoch,) = read_csv(tmp_path / "run" / "logs" / "epochs.csv")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert 0 <= epoch["val_map_iou_report_mode"] <= 1 and 0 <= metrics["val_map_iou_real"] <= 1
    for given, said in (
        ({"direction": "aerial_to_map"}, "--reader: only a map_to_aerial run makes photographs"),
        ({"reader": tmp_path / "run"}, "a map_to_aerial run, it reads no photographs"),
    ):
        code, error = guarded(capsys, **{**options, "run_dir": tmp_path / "other", **given})
        assert code == 2 and said in error and error.count("\n") == 1


def test_another_identity_is_refused_with_the_fields(maps, run_of_four, capsys):
    options = {"data": str(maps), "run_dir": run_of_four, "max_steps": 4}
    code, error = guarded(capsys, **options, seed=3, batch_size=1)
    assert code == 2 and "batch_size 2 -> 1, seed 0 -> 3" in error


def test_damaged_pairs_are_listed_and_can_be_skipped(maps, reading_alone, tmp_path, capsys):
    folder = tmp_path / "data"
    shutil.copytree(maps, folder)
    damaged = folder / "train" / "2.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    options = {"data": str(folder), "run_dir": tmp_path / "run", "max_steps": 1}
    code, error = guarded(capsys, **options)
    assert code == 2 and "train/2.png: not a readable image" in error and error.count("\n") == 1
    with reading_alone():
        assert run(Config(**SMALL, **options, skip_unreadable=True)) == 0
    assert "skipped train/2.png" in capsys.readouterr().out


@pytest.fixture
def one_pair(maps, tmp_path):
    for split in ("train", "val"):
        (tmp_path / "data" / split).mkdir(parents=True)
        shutil.copy(maps / split / "1.png", tmp_path / "data" / split)
    return tmp_path / "data"


@pytest.mark.parametrize("normalization", ["batch", "sync_batch"])
def test_one_pair_is_too_few_for_batch_normalisation(one_pair, tmp_path, capsys, normalization):
    options = {"data": str(one_pair), "normalization": normalization}
    code, error = guarded(capsys, **options, run_dir=tmp_path / "run")
    assert code == 2 and f"{one_pair}: holds one training pair" in error
    assert "or --normalization instance" in error and error.count("\n") == 1


@pytest.mark.parametrize("normalization", ["instance", "none"])
def test_one_pair_is_enough_without_it(one_pair, reading_alone, tmp_path, normalization):
    options = {"data": str(one_pair), "run_dir": tmp_path / "run"}
    with reading_alone():
        assert run(Config(**SMALL, **options, normalization=normalization)) == 0


@pytest.mark.slow  # the default tests train one with fewer channels
@pytest.mark.parametrize("channels", [(1, 3), (3, 1), (4, 4)])
@pytest.mark.parametrize("direction", ["map_to_aerial", "aerial_to_map"])
def test_channels_and_oblong_images_go_from_folder_to_saved_model(channels, direction, tmp_path):
    given, made = channels
    options = {**SMALL, "direction": direction, "image_size": (32, 64), "max_steps": 2}
    run(Config(**options, input_channels=given, output_channels=made, run_dir=tmp_path / "run"))
    model = tf.saved_model.load(str(tmp_path / "run" / "saved_model"))
    assert model.translate(tf.zeros([1, 32, 64, given])).shape == (1, 32, 64, made)
    png = tf.io.encode_png(tf.zeros([50, 40, 3], tf.uint8))
    (found,) = model.translate_bytes(png[None])
    assert tf.io.decode_png(found).shape == (32, 64, made)
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["val_l1"] > 0 and ("val_map_iou" in figures) == (
        direction == "aerial_to_map" and channels == (3, 3)
    )


@pytest.mark.parametrize(
    "options, said",
    [
        ({"image_size": (32, 48)}, "--image-size 32 48"),
        ({"image_size": (0, 32)}, "--image-size 0 32"),
        ({"generator": "resnet", "image_size": (32, 30)}, "--image-size 32 30"),
    ],
)
def test_oblong_sizes_that_no_generator_takes_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        Config(**options).check()


def test_the_rate_falls_by_steps_where_gradients_are_accumulated(maps, tmp_path):
    options = {"epochs": 1, "decay_epochs": 1, "gradient_accumulation": 2}
    task = Pix2PixTask(Config(**SMALL, **options, data=str(maps), run_dir=tmp_path))
    model = task.build(epoch_steps=4).model
    for optimizer in (model.optimizer, model.discriminator_optimizer):
        rates = []
        for _ in range(8):
            rates.append(float(optimizer.learning_rate))
            optimizer.apply([tf.zeros(v.shape) for v in optimizer._trainable_variables])
        assert int(optimizer.iterations) == 4  # updates
        np.testing.assert_allclose(rates, [2e-4] * 5 + [1.5e-4, 1e-4, 0.5e-4])


def test_statistics_are_measured_on_parts_of_more_than_one_pair(maps, tmp_path, monkeypatch):
    task, parts = Pix2PixTask(Config(**SMALL, data=str(maps), run_dir=tmp_path)), []
    monkeypatch.setattr(pix2pix, "STATISTICS_BATCH", 5)  # six pairs
    monkeypatch.setattr(pix2pix, "recompute_statistics", lambda _, found: parts.extend(found))
    task.build(epoch_steps=3)
    task.prepare_to_measure()
    assert [len(part) for part in parts] == [3, 3]
    inputs, _ = task.data.middle((32, 32))
    np.testing.assert_array_equal(np.concatenate(parts), pix2pix.to_tanh_range(inputs))


def test_a_wrong_option_ends_with_2_and_no_trace():
    done = subprocess.run(
        command("--direction", "sideways"), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "sideways" in done.stderr and "map_to_aerial" in done.stderr


def test_help_shows_every_option_with_its_default():
    done = subprocess.run(command("--help"), cwd=ROOT, capture_output=True, text=True)
    for field in dataclasses.fields(Config):
        assert f"--{field.name.replace('_', '-')}" in done.stdout
    assert done.returncode == 0 and "0.0002" in done.stdout
