"""The benchmark, small: its tables, its record and its charts."""

import json

import pytest

from experiments.benchmark import NAME, Config, run
from experiments.launch import cli


def measured(tmp_path, **options):
    """(benchmark.json of a small run, its folder)."""
    small = {"rounds": 2, "seconds": 0.01, "filters": 2, "pairs": 8, "steps": 1}
    assert run(Config(**{**small, **options}, output=tmp_path)) == 0
    return json.loads((tmp_path / "benchmark.json").read_text())


def test_the_pipelines_benchmark_measures_every_variant_in_every_round(tmp_path, capsys):
    found = measured(tmp_path, what=("pipeline",))["pipeline"]
    rates, seconds = found["pairs_per_second"], found["train_step_seconds"]
    assert len(rates) == 4 and len(seconds) == 2
    assert all(len(v) == 2 and min(v) > 0 for v in (*rates.values(), *seconds.values()))
    assert all(2**28 < peak < 2**32 for peak in found["peak_bytes"].values())
    assert (tmp_path / "pipeline.png").stat().st_size > 5000
    table = capsys.readouterr().out
    assert all(name in table for name in (*rates, *seconds))


def test_training_is_measured_beside_plain_keras_and_the_bound(tmp_path, capsys):
    options = {"models": ("vae",), "autoencoder_batches": (4,)}
    found = measured(tmp_path, what=("training",), **options)
    (group,) = found["training"]
    rows = {row["label"]: row for row in group["variants"]}
    settings = "plain Keras, our scripts' settings"
    assert {"plain Keras", settings, "tf_gen", "tf_gen, the library alone"} <= rows.keys()
    assert rows["plain Keras"]["median_speedup"] == 1.0
    own, rate = rows["tf_gen"], found["matrix_product_flops"]["float32"]
    assert own["bound_seconds"] == own["operations"] / rate < own["median_seconds"]
    assert len(own["seconds"]) == 2 and 2**28 < own["peak_bytes"] < 2**32
    kinds = " ".join(own["profile"])
    assert "Conv2D" in kinds and "MatMul" in kinds and "ResourceApplyAdam" in kinds
    printed = capsys.readouterr().out
    assert "### VAE, 64 x 64, batch 4" in printed and "| ResourceApplyAdam |" in printed
    assert (tmp_path / "training.png").stat().st_size > 5000
    assert "### VAE, 64 x 64, batch 4" in (tmp_path / "benchmark.md").read_text()


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
