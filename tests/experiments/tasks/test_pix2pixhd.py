"""pix2pixHD's runs: crops to train on, whole images to use it on, and the paper's three stages."""

import inspect
import json
import types

import numpy as np
import pytest
from PIL import Image

from experiments import evaluate, translate
from experiments.launch import cli
from experiments.measures.asked import Asked
from experiments.pix2pixhd_maps import NAME, Config, run
from experiments.tasks import pix2pix, pix2pixhd
from experiments.tasks.options import hd_load_sides
from experiments.tasks.pix2pixhd import Pix2PixHDTask
from tf_gen import GlobalGenerator, LocalEnhancer, load
from tf_gen.training.history import read_csv

SMALL = {"filters": 2, "image_size": 64, "load_size": 70, "discriminator_scales": 1}


def task_of(maps, **options):
    return Pix2PixHDTask(Config(**{**SMALL, "data": str(maps), **options}))


@pytest.fixture
def small_networks(monkeypatch):
    """Networks of one block and one halving by default: what a run does shows in them, too."""
    for network in (GlobalGenerator, LocalEnhancer):
        arguments = list(inspect.signature(network.__init__).parameters.values())
        few = {"halvings": 1, "blocks": 1, "local_blocks": 1}
        defaults = tuple(few.get(a.name, a.default) for a in arguments[1:-1])
        monkeypatch.setattr(network.__init__, "__defaults__", defaults)


def test_crops_are_trained_on_and_whole_images_validated(maps):
    task = task_of(maps, load_size=None)
    inputs, targets = task.data.train_sides
    assert inputs.shape == (6, 75, 75, 3)  # 600 to 512
    assert task.data.val_sides[0].shape == (3, 75, 75, 3)
    ((crop, other),) = task.batches(0, 1)
    assert crop.shape == other.shape == (1, 64, 64, 3)
    found = np.rint((crop[0].numpy() + 1) * 127.5).astype(np.uint8)
    places = [
        (image[i : i + 64, j : j + 64] == one).all()
        for one in (found, found[:, ::-1])
        for image in inputs
        for i in range(12)
        for j in range(12)
    ]
    assert any(places)  # of that very pixels, as they are or mirrored
    assert task.served_sides == (96, 96)  # up to a multiple of 32
    assert hd_load_sides(Config()) == (600, 600)


@pytest.mark.usefixtures("small_networks")
def test_whole_images_are_measured_in_each_mode_and_a_readers_edges_mended(maps, monkeypatch):
    task, seen = task_of(maps), []
    monkeypatch.setattr(pix2pix, "pix2pix_figures", lambda *given: seen.extend(given) or {})

    def of_multiples(images, *seed):
        assert not np.any(np.array(images.shape[1:3]) % 32)
        return images

    given = types.SimpleNamespace(
        translate=of_multiples, translate_noisy=of_multiples, sizes=lambda: (96, 32), epochs=3
    )
    found = task.measure(given, Asked(reader=given))
    assert found == {"direction": "map_to_aerial"}
    translator, data, _, asked = seen
    for model in (translator, asked.reader):
        images = data.val_sides[0]
        np.testing.assert_array_equal(model.translate(images), images)
    np.testing.assert_array_equal(translator.translate_noisy(images, [0, 0]), images)
    assert asked.reader.epochs == 3


@pytest.mark.usefixtures("small_networks")
def test_the_stages_train_the_global_generator_then_the_enhancer_then_both(maps, monkeypatch):
    first = task_of(maps, stage="global", image_size=32)
    coarse = first.build(6).model.generator
    assert isinstance(coarse, GlobalGenerator) and coarse.filters == 4
    for weight in coarse.weights:
        weight.assign(weight + 1.0)  # as trained: those of one seed begin alike
    runs = {"first": coarse}
    monkeypatch.setattr(pix2pixhd, "load", lambda start: runs[start.name])
    read = []
    monkeypatch.setattr(pix2pixhd, "read_networks", lambda *a, **networks: read.append(networks))
    monkeypatch.setattr(pix2pix, "read_networks", lambda *a, **networks: read.append(networks))
    monkeypatch.setattr(pix2pix, "newest_checkpoint", lambda folder: "step-1")

    second = task_of(maps, stage="enhancer", init_from=maps / "first")
    enhancer = second.build(6).model.generator
    second.start()
    # the first's last convolution, its kernel and bias, makes an image, and has no part in this
    for kept, given in zip(enhancer.global_generator.weights, coarse.weights[:-2], strict=True):
        np.testing.assert_array_equal(kept, given)
    assert enhancer.trainable_variables and not enhancer.global_generator.trainable_variables

    runs["second"] = enhancer
    third = task_of(maps, init_from=maps / "second")
    assert third.build(6).model.generator.global_generator.trainable_variables
    third.start()
    assert [list(networks) for networks in read] == [
        ["discriminator"], ["generator", "discriminator"],
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("small_networks")
def test_averages_leave_a_global_generator_that_is_kept_as_it_is(maps):
    task = task_of(maps, stage="enhancer", init_from=maps, average_momentum=0.5)
    model, shown, _ = task.build(6)
    kept = [v.numpy() for v in model.generator.global_generator.variables]
    for batch in task.batches(0, 2):
        model.train_step(batch)
    task.prepare_to_measure()
    assert shown is not model.generator
    for variable, before in zip(shown.global_generator.variables, kept, strict=True):
        np.testing.assert_array_equal(variable, before)


@pytest.mark.parametrize(("direction", "edges", "seen"), [
    ("map_to_aerial", True, 4), ("aerial_to_map", True, 3),
    pytest.param("map_to_aerial", False, 3, marks=pytest.mark.slow),
])  # fmt: skip
@pytest.mark.usefixtures("small_networks")
def test_a_map_is_read_with_its_edges_and_a_photograph_without(maps, direction, edges, seen):
    model = task_of(maps, direction=direction, edges=edges).build(6).model
    assert model.generator.front[0].convolution.kernel.shape[2] == seen
    assert model.seen_channels == seen


BAD = {
    "a size that is halved to an odd one": (
        {"image_size": 80}, "--image-size 80: the generator divides it by 32, so it must be",
    ),
    "a size that is too small": ({"image_size": 32}, "a multiple of 32 from 64 on"),
    "sides smaller than the crops": ({"load_size": 63}, "--load-size 63: is less than --image"),
    "a kept generator that is not there": ({"stage": "enhancer"}, "--stage enhancer: keeps the"),
    "edges of a grey map": ({"input_channels": 1}, "must be 3; give --no-edges"),
    "too many scales": ({"discriminator_scales": 3}, "that the generator takes, of 96 or more"),
    "a start that is no run": ({"init_from": "nowhere"}, "nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_line_and_exit_code_2(case, maps, tmp_path, capsys):
    options, message = BAD[case]
    given = {**SMALL, "data": str(maps), "run_dir": tmp_path / "run", "max_steps": 1, **options}
    if "init_from" in given:
        given["init_from"] = tmp_path / given["init_from"]
    assert cli.guarded(NAME, run, Config(**given)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


# Whole runs ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("small_networks")
def test_a_run_ends_with_a_whole_folder_goes_on_is_measured_again_and_translates(
    maps, finished, tmp_path
):
    given = {**SMALL, "data": str(maps), "precision": "bfloat16"}
    given["reader"] = finished("aerial_to_map")
    for folder, steps in (("a", 2), ("a", 7), ("b", 7)):  # six are an epoch
        assert run(Config(**given, run_dir=tmp_path / folder, max_steps=steps)) == 0
    rows = [read_csv(tmp_path / folder / "logs/steps.csv") for folder in "ab"]
    losses = [[row["generator_loss"] for row in found] for found in rows]
    assert len(losses[0]) == 7 and losses[0] == losses[1]
    assert len({*losses[0]}) == 7 and np.isfinite(losses[0]).all()

    (tmp_path / "output").mkdir()
    options = {"run_dir": tmp_path / "a", "output": tmp_path / "output", "reader": given["reader"]}
    evaluate.run(evaluate.Config(**options))
    again = json.loads((tmp_path / "output/evaluation_val.json").read_text())
    before = json.loads((tmp_path / "a/metrics.json").read_text())
    epoch, *_ = read_csv(tmp_path / "a/logs/epochs.csv")
    assert 0 <= epoch["val_map_iou_report_mode"] <= 1
    for name in ("val_l1", "val_ssim", "val_l1_report_mode", "noise_std", "val_map_iou"):
        assert again[name] == pytest.approx(before[name], abs=1e-4), name
    assert again["reader_epochs"] == before["reader_epochs"]
    assert isinstance(load(tmp_path / "a"), LocalEnhancer)

    Image.effect_noise((70, 70), 90).convert("RGB").save(tmp_path / "whole.png")
    given = {"input": tmp_path / "whole.png", "output": tmp_path / "out", "sizing": "pad"}
    assert translate.run(translate.Config(model=tmp_path / "a", **given)) == 0
    with Image.open(tmp_path / "out/whole.png") as image:
        assert image.size == (70, 70)


@pytest.mark.slow
@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("options", [
    {"image_size": 96, "load_size": 100, "discriminator_scales": 3},
    {"strategy": "mirrored", "batch_size": 2},
    {"xla": "on"},
    {"stage": "global", "image_size": 32, "load_size": 40},
    {"direction": "aerial_to_map", "spectral": True, "normalization": "batch", "batch_size": 2},
])  # fmt: skip
def test_every_choice_trains(maps, training_alone, tmp_path, options):
    given = {**SMALL, "data": str(maps), "run_dir": tmp_path, "max_steps": 2}
    with training_alone():
        assert run(Config(**{**given, **options})) == 0
    losses = [row["generator_loss"] for row in read_csv(tmp_path / "logs" / "steps.csv")]
    assert len(losses) == 2 and np.isfinite(losses).all() and losses[0] != losses[1]


@pytest.mark.slow
@pytest.mark.usefixtures("small_networks")
def test_three_runs_are_the_papers_three_stages(maps, tmp_path):
    given = {**SMALL, "data": str(maps), "max_steps": 1}
    stages = {
        "one": {"stage": "global", "image_size": 32, "load_size": 35},
        "two": {"stage": "enhancer", "init_from": tmp_path / "one"},
        "three": {"init_from": tmp_path / "two"},
    }
    made = {}
    for name, options in stages.items():
        assert run(Config(**{**given, **options, "run_dir": tmp_path / name})) == 0
        made[name] = load(tmp_path / name)
    coarse = [made["one"], made["two"].global_generator, made["three"].global_generator]
    first, second, third = ([v.numpy() for v in model.stack[0].variables] for model in coarse)
    for a, b, c in zip(first, second, third, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (b != c).any()
