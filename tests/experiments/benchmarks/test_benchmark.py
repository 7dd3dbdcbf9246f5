"""The benchmark, small: its tables, its record and its charts."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image

from experiments.benchmark import NAME, Config, run
from experiments.benchmarks import pipeline, variants
from experiments.benchmarks.variants import OWN, PLAIN
from experiments.launch import cli
from experiments.launch.errors import UsageError
from tf_gen import UNetGenerator

ROOT = Path(__file__).parents[3]
BARE = """import sys
for name in ("matplotlib", "markdown", "tensorflow_datasets", "tensorboard", "skimage", "scipy"):
    sys.modules[name] = None
"""


def measured(tmp_path, **options):
    """(benchmark.json of a small run, its folder)."""
    small = {"rounds": 2, "seconds": 0.01, "filters": 2, "pairs": 8, "steps": 1}
    assert run(Config(**{**small, **options}, output=tmp_path)) == 0
    return json.loads((tmp_path / "benchmark.json").read_text())


@pytest.mark.slow
def test_the_pipelines_benchmark_measures_every_variant_in_every_round(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(pipeline, "SIZE", 64)
    monkeypatch.setattr(pipeline, "RESIZED", 72)
    monkeypatch.setattr(pipeline, "_peak", lambda *given: 2**30)  # of processes of their own
    monkeypatch.setattr(pipeline, "UNetGenerator", functools.partial(UNetGenerator, depth=6))
    found = measured(tmp_path, what=("pipeline",))["pipeline"]
    rates, seconds = found["pairs_per_second"], found["train_step_seconds"]
    assert len(rates) == 4 and len(seconds) == 2
    assert all(len(v) == 2 and min(v) > 0 for v in (*rates.values(), *seconds.values()))
    assert (tmp_path / "pipeline.png").stat().st_size > 5000
    table = capsys.readouterr().out
    assert all(name in table for name in (*rates, *seconds))


def test_a_damaged_file_of_the_users_is_named_as_it_is_called(tmp_path):
    data = tmp_path / "data"
    (data / "train" / "a").mkdir(parents=True)
    (data / "train" / "a" / "photo_1.jpg").write_bytes(b"no image")
    Image.new("RGB", (20, 10)).save(data / "train" / "photo_2.jpg")
    said = r"--data: 1 unreadable: train/a/photo_1.jpg: .* Mend or remove what is named$"
    with pytest.raises(UsageError, match=said):
        measured(tmp_path, what=("pipeline",), data=str(data))


@pytest.fixture
def bare_processes(tmp_path, monkeypatch):
    """New processes find no package that a GPU machine may well lack."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(BARE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "bare"), str(ROOT)]))


@pytest.mark.slow
def test_the_command_starts_where_nothing_but_its_own_needs_is_installed(bare_processes):
    code = "import experiments.benchmark, experiments.benchmarks.measures as m; m.report.charts()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "no chart: matplotlib is not installed\n"


@pytest.mark.slow
def test_training_is_measured_beside_plain_keras_and_the_bounds(
    tmp_path, monkeypatch, capsys, bare_processes
):
    ways = [(PLAIN, "float32", None), (OWN, "float32", None)]
    monkeypatch.setattr(variants, "_ways", lambda pix2pix, gpu: ways)
    options = {"models": ("vae",), "autoencoder_batches": (4,), "build_at_once": 2}
    found = measured(tmp_path / "out", what=("training",), **options)
    (group,) = found["training"]
    plain, own = group["variants"]
    assert plain["median_speedup"] == 1.0
    assert own["bound_seconds"] == own["operations"] / found["rates"]["float32"]
    assert own["memory_seconds"] == 28 * own["weights"] / found["rates"]["memory"]
    assert own["bound_seconds"] < own["median_seconds"] > own["memory_seconds"]
    assert len(own["seconds"]) == 2 and 2**28 < own["peak_bytes"] < 2**32
    assert 1 < own["first_step_seconds"] < 600
    kinds = " ".join(own["profile"])
    assert "Conv2D" in kinds and "MatMul" in kinds and "ResourceApplyAdam" in kinds
    printed = capsys.readouterr().out
    assert "### VAE, 64 x 64, batch 4" in printed and "| ResourceApplyAdam |" in printed
    assert (tmp_path / "out" / "training.png").stat().st_size > 5000
    assert "### VAE, 64 x 64, batch 4" in (tmp_path / "out" / "benchmark.md").read_text()


@pytest.mark.slow
def test_the_pipelines_benchmark_measures_peaks(tmp_path):
    found = measured(tmp_path, what=("pipeline",), steps=0)["pipeline"]
    assert len(found["peak_bytes"]) == 2
    assert all(2**28 < peak < 2**32 for peak in found["peak_bytes"].values())


@pytest.mark.slow
def test_the_variants_of_a_gpu_are_measured_on_a_processor_too(tmp_path, monkeypatch):
    cpus = tf.config.list_physical_devices("CPU")
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: cpus)
    options = {"models": ("pix2pix",), "pix2pix_batches": (2,), "build_at_once": 2}
    sizes = {"growth_batches": (2,), "growth_sizes": (64, 128)}
    found = measured(tmp_path, what=("training", "growth"), **options, **sizes)
    rows = {row["label"]: row for row in found["training"][0]["variants"]}
    for label in ("plain Keras, compiled", "tf_gen, simultaneous, compiled, bfloat16"):
        assert rows[label]["not_measured"] is None and rows[label]["median_speedup"] > 0
    assert [row["not_measured"] for row in found["growth"]["variants"]] == [None] * 3


@pytest.mark.slow
def test_inference_growth_and_all_models_are_measured(tmp_path):
    options = {"pix2pix_batches": (2,), "autoencoder_batches": (4,), "inference_batches": (1,)}
    found = measured(tmp_path, what=("training", "inference", "growth"), **options)
    assert len(found["training"]) == 4 and len(found["inference"]) == 3
    for group in found["inference"]:
        labels = {row["label"] for row in group["variants"]}
        assert {"plain Keras", "tf_gen, in a tf.function", "tf_gen, SavedModel"} <= labels
    of = [row["variant"] for row in found["growth"]["variants"]]
    assert {(v["batch"], v["size"], v["replicas"]) for v in of} >= {
        (8, 256, 1),
        (2, 512, 1),
        (2, 256, 2),
    }
    for name in ("training", "inference", "growth"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


@pytest.mark.parametrize(
    "options, message",
    [
        ({"rounds": 0}, "--rounds 0: must be at least 1"),
        ({"pix2pix_batches": (2, 0)}, "--pix2pix-batches 0: must be at least 1"),
        ({"seconds": -1.0}, "--seconds -1.0: must be at least 0"),
        ({"growth_sizes": (0,)}, "--growth-sizes 0: must be at least 1"),
        ({"what": ()}, "--what: names nothing"),
        ({"what": ("inference",), "models": ("cvae",)}, "give --models vae"),
    ],
)
def test_choices_that_cannot_be_measured_are_refused(options, message, tmp_path, capsys):
    assert cli.guarded(NAME, run, Config(**options, output=tmp_path)) == 2
    assert message in capsys.readouterr().err


def test_figures_that_are_there_are_not_overwritten(tmp_path, capsys):
    (tmp_path / "benchmark.json").write_text("{}")
    assert cli.guarded(NAME, run, Config(output=tmp_path)) == 2
    assert "holds a benchmark already" in capsys.readouterr().err
    assert (tmp_path / "benchmark.json").read_text() == "{}"


def test_a_gpu_has_sizes_of_its_own_and_a_choice_stands_everywhere():
    config = Config(autoencoder_batches=(7,))
    assert config.on(gpu=False).pix2pix_batches == (1, 2, 8)
    assert config.on(gpu=True).pix2pix_batches == (2, 8, 32)
    assert config.on(gpu=True).build_at_once == 5 and config.on(gpu=False).build_at_once == 1
    assert config.on(gpu=True).autoencoder_batches == (7,)
