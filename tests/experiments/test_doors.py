"""A door is a document: short, and what its first lines promise stands in a committed record."""

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from experiments.launch.options import settings_of
from experiments.page.runs import Run

ROOT = Path(__file__).parents[2]
DOORS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")
RECORDED = {
    "pix2pix_maps": ("map_to_aerial", "aerial_to_map"), "vae_anime": ("vae_anime",),
    "vae_cartoon": ("vae_cartoon",), "cvae_faces": ("cvae_faces",),
    "vq_vae_faces": ("vq_vae_faces",),
}  # fmt: skip


def door(name):
    return importlib.import_module(f"experiments.{name}")


@pytest.mark.parametrize("path", DOORS, ids=lambda path: path.stem)
def test_a_door_is_short_and_shows_its_command_in_its_first_lines(path):
    assert len(path.read_text().splitlines()) <= 60
    assert f"python -m experiments.{path.stem}" in door(path.stem).__doc__
    defined = [line for line in path.read_text().splitlines() if re.match(r"(class|def) ", line)]
    assert defined[0].startswith("class Config") and defined[1].startswith("def run(")
    assert len(defined) == 2


def promises(name):
    """(record, figure, value as it is written) of each promise of a door's first lines."""
    text = " ".join(door(name).__doc__.split())
    for record, told in re.findall(r"docs/runs/(\w+): (.*?)(?=docs/runs/|$)", text):
        for figure, value in re.findall(r"(\w+_\w+) (\d+(?:\.\d+)?)", told):
            yield record, figure, value
        for minutes in re.findall(r"in (\d+) minutes", told):
            yield record, "train_seconds", minutes


@pytest.mark.parametrize("name", RECORDED)
def test_the_figures_that_a_door_promises_are_those_of_its_record(name):
    found = list(promises(name))
    assert {record for record, *_ in found} == set(RECORDED[name])
    for record in RECORDED[name]:
        told = [figure for one, figure, _ in found if one == record]
        assert len(told) >= 3 and "train_seconds" in told
    for record, figure, value in found:
        measured = Run(record, ROOT / "docs" / "runs" / record).figure(figure)
        measured = measured / 60 if figure == "train_seconds" else measured
        digits = len(value.partition(".")[2])
        assert f"{measured:.{digits}f}" == value, (record, figure)


@pytest.mark.parametrize("name", RECORDED)
def test_what_may_change_when_a_run_goes_on_is_marked_wherever_a_door_restates_it(name):
    config = door(name).Config
    known = {field for base in config.__mro__[1:-1] for field in settings_of(base)}
    assert settings_of(config) == known
    identity = {field.name for field in dataclasses.fields(config)} - known
    assert {"batch_size", "learning_rate", "seed", "precision", "image_size"} <= identity
    assert {"data", "epochs", "max_steps", "run_dir", "strategy", "xla"} <= known
