"""Several runs beside each other."""

import json

import numpy as np
import pytest
from PIL import Image

from experiments.compare import NAME, Config, run
from experiments.launch import cli


@pytest.fixture
def make_run(tmp_path):
    """(path, options, figures, side of its picture or None) -> a folder like a run's."""

    def make(path, options, figures, side=8):
        folder = tmp_path / path
        (folder / "figures").mkdir(parents=True)
        config = {"experiment": "vae_anime", "identity": options, "settings": {"run_dir": path}}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "metrics.json").write_text(json.dumps(figures))
        if side:
            shown = Image.fromarray(np.full((side, side * 2, 3), 99, np.uint8))
            shown.save(folder / "figures" / "generated.png")
        return folder

    return make


def test_options_that_differ_and_figures_that_are_shared_are_told(make_run, tmp_path, capsys):
    one = make_run("a/vae", {"seed": 0, "kl_weight": 1.0}, {"val_mse": 0.125, "spread": 0.5})
    two = make_run("b/vae", {"seed": 1, "kl_weight": 1.0}, {"val_mse": 0.25, "data": "x"})
    assert run(Config(runs=(one, two), output=tmp_path / "out")) == 0
    told = (tmp_path / "out" / "comparison.md").read_text()
    assert "| option | a/vae | b/vae |" in told and "| seed | 0 | 1 |" in told
    assert "| val_mse | 0.125 | 0.25 |" in told
    assert not any(name in told for name in ("kl_weight", "spread", "run_dir", "data"))
    assert told in capsys.readouterr().out


def test_the_picture_holds_each_runs_own_as_wide_as_the_widest(make_run, tmp_path):
    runs = tuple(make_run(name, {}, {}, side) for name, side in (("a", 40), ("b", 200)))
    run(Config(runs=(*runs, make_run("c", {}, {}, None)), output=tmp_path / "out"))
    shown = np.asarray(Image.open(tmp_path / "out" / "comparison.png").convert("RGB"))
    grey = (shown == 99).all(axis=2)
    rows = np.flatnonzero(grey.sum(axis=1) > 300)  # of 400 pixels, less the edges
    assert len(rows) > 300 and (np.diff(rows) > 1).sum() == 1  # two, apart


@pytest.mark.parametrize(
    "names, options, message",
    [
        (["a"], {}, "give two runs or more"),
        (["a", "a"], {}, "the same run is given twice"),
        (["a", "nowhere"], {}, "no finished run, it has no config.json"),
        (["a", "b"], {"picture": "x"}, "a has generated"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(
    make_run, tmp_path, capsys, names, options, message
):
    make_run("a", {}, {}), make_run("b", {}, {})
    config = Config(runs=tuple(tmp_path / n for n in names), output=tmp_path / "out", **options)
    assert cli.guarded(NAME, run, config) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "out").exists()
