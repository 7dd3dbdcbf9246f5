"""Charts are files that show something."""

import numpy as np
from PIL import Image

from experiments.benchmarks import charts


def test_charts_are_written(tmp_path):
    groups = {"one": {"a": [1.0, 2.0, 3.0], "b": [2.0]}, "two": {"b": [1.0, 1.5]}}
    charts.grouped_bars(tmp_path / "groups.png", groups, "title")
    points = [(1, [0.9, 1.0, 1.3], 2.0), (2, [2.0, 2.0, 2.1], 2.5)]
    charts.growth(tmp_path / "growth.png", {"size": points})
    for name in ("groups.png", "growth.png"):
        assert np.asarray(Image.open(tmp_path / name)).std() > 10
