"""Recipes beside each other: what they cost, how long they are trained, what the table says."""

import dataclasses
import inspect
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from experiments.launch import cli
from experiments.launch.errors import UsageError
from experiments.measures.operations import operations
from experiments.page import ablation
from experiments.page.ablation import BASE, MODERN, RECIPES, step_operations
from experiments.page.options import AblationOptions
from experiments.pix2pix_ablation import NAME, Config, run
from experiments.tasks.options import ModernOptions, Pix2PixOptions
from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.training.history import read_csv

ROOT = Path(__file__).parents[3]


@pytest.fixture
def make_record(tmp_path):
    """(recipe, seed, figures) -> a record in tmp_path/runs of 100 steps."""

    def make(name, seed=0, operations=1000, steps=100, seconds=0.25, **figures):
        folder = tmp_path / "runs" / (f"{name}_seed{seed}" if seed else name)
        (folder / "logs").mkdir(parents=True)
        (folder / "logs" / "epochs.csv").write_text("epoch\n1\n", "utf-8")
        options = {"filters": 4, "epochs": 4, "precision": "float32", "image_size": 256,
                   "seed": seed, "direction": "map_to_aerial", "data": "/a/b/maps",
                   **RECIPES[name]}  # fmt: skip
        settings = {name: options.pop(name) for name in ("epochs", "data")}
        config = {"experiment": "pix2pix_maps", "identity": options, "settings": settings}
        parts = {
            "config": config, "metrics": {"steps": steps, "train_examples": 7, **figures},
            "step": {"operations": operations, "seconds": seconds},
        }  # fmt: skip
        for part, content in parts.items():
            (folder / f"{part}.json").write_text(json.dumps(content), "utf-8")
        return folder

    return make


@pytest.fixture
def started(monkeypatch):
    """The command lines that would be run."""
    lines = []
    monkeypatch.setattr(
        ablation, "start", lambda *line: lines.append([*map(str, line[1])]) or cli.DONE
    )
    return lines


def test_the_operations_of_a_recipe_are_those_of_its_step():
    model = Pix2Pix(UNetGenerator(2, 5), PatchDiscriminator(2), update="simultaneous")
    model.build((2, 32, 32, 3))
    model.compile()
    model.build_optimizers()
    images = tf.zeros((2, 32, 32, 3))
    graph = tf.function(model.train_step).get_concrete_function((images, images)).graph
    options = {"filters": 2, "image_size": 32, "update": "simultaneous"}
    assert step_operations(**options) == operations(graph) > 0


def test_the_modern_command_has_the_recipe_that_was_chosen():
    ours, theirs = (
        {f.name: f.default for f in dataclasses.fields(options)}
        for options in (ModernOptions, Pix2PixOptions)
    )
    assert {k: v for k, v in ours.items() if theirs[k] != v} == RECIPES[MODERN]


@pytest.mark.slow
def test_the_modern_recipe_costs_what_the_reports_does():
    report, modern = (step_operations(filters=8, **recipe) for recipe in ({}, RECIPES[MODERN]))
    assert modern <= ablation.MOST * report


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_options_of_the_command(name):
    options = ablation._options(Config(filters=8, epochs=4), name)
    Pix2PixOptions(**options).check()
    assert options.get("discriminator_filters", 8) in (4, 8) and options["filters"] in (4, 8)


def test_what_costs_more_a_step_is_given_fewer_and_what_costs_less_no_more(
    make_record, started, monkeypatch, tmp_path
):
    make_record(BASE, operations=1000, steps=100)
    costs = {"two_scales": 1049, "resnet": 2000, "simultaneous": 900}
    for name, cost in costs.items():
        monkeypatch.setattr(ablation, "step_operations", lambda cost=cost, **options: cost)
        config = Config(data="maps", runs=tmp_path / "runs", recipes=(name,), filters=4)
        assert run(config) == 0
    given = {line[line.index("--run-dir") + 1].rpartition("/")[2]: line for line in started}
    assert given.keys() == costs.keys()
    steps = {
        n: line[line.index("--max-steps") + 1] for n, line in given.items() if "--max" in str(line)
    }
    assert steps == {"resnet": "52"}  # 1.05 x 100 x 1000 / 2000
    assert "--update" in given["simultaneous"] and "--discriminator-scales" in given["two_scales"]


def test_the_rate_falls_over_the_second_half_of_the_epochs(
    make_record, started, monkeypatch, tmp_path
):
    make_record(BASE)
    monkeypatch.setattr(ablation, "step_operations", lambda **options: 1000)
    config = Config(data="maps", runs=tmp_path / "runs", recipes=("falling_rate",), filters=4)
    assert run(config) == 0
    (line,) = started
    told = dict(zip(line[::2], line[1::2], strict=True))
    assert (told["--epochs"], told["--decay-epochs"]) == ("2", "2")
    odd = ablation._options(Config(epochs=5), "falling_rate")
    assert (odd["epochs"], odd["decay_epochs"]) == (2, 3)


def test_the_table_has_costs_measures_and_of_several_seeds_their_spread(
    make_record, tmp_path, capsys
):
    kid = {"val_kid_standard_error_hed": 0.01}
    make_record(BASE, val_l1=0.2, val_kid_hed=0.3, val_map_iou=0.25, **kid)
    make_record(BASE, seed=1, val_l1=0.4, val_kid_hed=0.5, val_map_iou=0.35, **kid)
    make_record("two_scales", operations=500, val_l1=0.1, val_kid_hed=0.2, **kid)
    make_record("perceptual", val_l1=0.1, val_kid_hed=0.1, **kid)
    config = Config(runs=tmp_path / "runs", train=False, records=tmp_path / "records")
    assert run(config) == 0
    page = (tmp_path / "runs" / "README.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("|")}
    assert (
        "| 2 | 1.00 | 0.25 | 0.3 ± 0.1 | " in rows[BASE]
        and " | 400 ± 100 | 0.3 ± 0.07 |" in rows[BASE]
    )
    assert "`--discriminator-scales 2` | 1 | 0.50 | 0.25 | 0.1 | " in rows["two_scales"]
    assert " | 200 ± 10 | " in rows["two_scales"]
    assert "not judged by what it was trained with" in rows["perceptual"]
    assert [*rows][2:] == [BASE, "perceptual", "two_scales"]  # in the order of the recipes
    again = Config(runs=tmp_path / "records", train=False)
    assert run(again) == 0 and (tmp_path / "records" / "README.md").read_text() == page
    record = (tmp_path / "records" / BASE / "config.json").read_text()
    assert '"maps"' in record and "/a/b" not in record


def test_steps_are_timed_in_turns_and_the_medians_kept(make_record, monkeypatch, tmp_path):
    taken = {BASE: 2.0, "two_scales": 3.0}
    clock, order = [0.0], []
    for name in taken:
        make_record(name, seconds=None)

    def new_step(options):
        name = "two_scales" if options.get("discriminator_scales") else BASE

        def step(batch):
            late = 40.0 if len(order) < 4 or len(order) == 9 else 0.0  # warming up, disturbed once
            clock[0] += taken[name] + late
            order.append(name)
            return {"generator_loss": tf.reduce_mean(batch[0])}

        return step, [tf.TensorSpec((2, 4, 4, 3))] * 2

    monkeypatch.setattr(ablation, "_step", new_step)
    monkeypatch.setattr(ablation.time, "perf_counter", lambda: clock[0])
    assert run(Config(runs=tmp_path / "runs", train=False, time=True)) == 0
    assert order[:4] == [BASE, "two_scales"] * 2 and len(order) == 2 * (ablation.ROUNDS + 2)
    for name, seconds in taken.items():
        kept = json.loads((tmp_path / "runs" / name / "step.json").read_text())
        assert kept == {"operations": 1000, "seconds": seconds}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"train": False}, "no finished run of the report's recipe there"),
        ({"recipes": ("magic",)}, "--recipes magic: not one of report, simultaneous, "),
        ({"epochs": 1}, "--epochs 1: must be at least 2"),
        ({"train": False, "recipes": ("hinge",)}, "--recipes: --no-train trains and reads nothing"),
        ({"train": False, "epochs": 9}, "--epochs: --no-train trains and reads nothing; leave"),
        ({"image_size": 32}, "--recipes two_scales: --discriminator-scales 2: the last would see"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(options, message, tmp_path, capsys):
    config = Config(**{"runs": tmp_path, **options})
    assert cli.guarded(NAME, run, config) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "other, options, message",
    [
        ({"precision": "bfloat16"}, {"train": False}, "precision is bfloat16, and float32 in "),
        ({"operations": 1500}, {"train": False}, "took 1.50 times the operations of "),
        (
            {},
            {"filters": 4, "epochs": 9},
            "report was trained with 4; give that, or",
        ),
        (
            {},
            {"filters": 4, "data": "x/cities"},
            "--data cities: .*/report was trained with maps",
        ),
        (
            {"precision": "bfloat16"},
            {"filters": 4, "data": "x/maps"},
            "hinge: precision is bfloat16",
        ),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_before_any_is_trained(
    make_record, started, other, options, message, tmp_path
):
    make_record(BASE)
    folder = make_record("hinge", operations=other.get("operations", 1000))
    config = json.loads((folder / "config.json").read_text())
    config["identity"] |= {k: v for k, v in other.items() if k != "operations"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=message):
        run(Config(runs=tmp_path / "runs", **options))
    assert not started


def test_each_recipe_is_named_in_the_help():
    text = inspect.getsource(AblationOptions)
    assert not [name for name in RECIPES if not re.search(rf"\b{name}\b", text)]


@pytest.mark.slow
def test_recipes_are_trained_measured_and_gone_on_with(maps, tmp_path):
    small = {"data": str(maps), "runs": tmp_path, "epochs": 2, "filters": 2, "image_size": 32}
    assert run(Config(**small, recipes=("two_rates", "resnet"))) == 0
    metrics = {p.parent.name: json.loads(p.read_text()) for p in tmp_path.glob("*/metrics.json")}
    assert metrics["report"]["steps"] == metrics["two_rates"]["steps"] == 6
    assert metrics["resnet"]["steps"] < 6
    before = (tmp_path / "README.md").read_text()
    assert run(Config(**small, recipes=("two_rates",))) == 0
    assert (tmp_path / "README.md").read_text() == before
    assert run(Config(runs=tmp_path, train=False, time=True)) == 0  # of what was trained
    kept = [json.loads(path.read_text()) for path in tmp_path.glob("*/step.json")]
    assert len(kept) == 3 and all(step["seconds"] > 0 for step in kept)


@pytest.mark.slow
def test_a_signal_reaches_the_training_that_was_started_and_it_keeps_what_it_did(maps, tmp_path):
    line = [sys.executable, "-m", f"experiments.{NAME}", "--data", maps, "--runs", tmp_path,
            "--epochs", "1000", "--filters", "2", "--image-size", "64"]  # fmt: skip
    steps = tmp_path / BASE / "logs" / "steps.csv"
    with subprocess.Popen([*map(str, line), "--recipes", "hinge"], cwd=ROOT) as process:
        for _ in range(600):
            if steps.exists() and len(read_csv(steps)) > 3:
                break
            time.sleep(0.2)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    (checkpoint,) = (tmp_path / BASE / "checkpoints").glob("*.index")
    assert checkpoint.stem == f"step-{read_csv(steps)[-1]['step']:.0f}"
