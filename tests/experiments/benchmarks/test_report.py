"""The benchmark's record, from figures made up here."""

import sys

import pytest

from experiments.benchmarks import report
from experiments.benchmarks.rounds import Measured
from experiments.benchmarks.variants import OWN, PLAIN, Variant

RATES = {"float32": 20.0, "memory": 7.0}


@pytest.fixture
def group():
    found = [
        Measured(Variant("training", "vae", PLAIN, 8, 64), [1.0, 2.0, 6.0]),
        Measured(Variant("training", "vae", OWN, 8, 64), [0.5, 1.0, 2.0], operations=10, weights=3),
        Measured(Variant("training", "vae", OWN, 8, 64), [1.0, 1.0, 1.0], operations=15, weights=3),
    ]
    return report.record("VAE", found, RATES)


def test_a_better_rate_found_later_brings_the_bound_down(group):
    report.set_bounds(group, {"float32": 40.0, "memory": 14.0})
    # a baseline's is the least that was counted
    assert [row["bound_seconds"] for row in group["variants"]] == [0.25, 0.25, 0.375]
    assert [row["memory_seconds"] for row in group["variants"]] == [3 * 28 / 14] * 3


def test_a_ratio_is_the_median_of_the_rounds_and_not_that_of_the_medians(group):
    plain, own, _ = group["variants"]
    assert plain["median_speedup"] == 1.0
    assert own["median_speedup"] == 2.0 and own["median_seconds"] == 1.0
    assert own["bound_seconds"] == plain["bound_seconds"] == 0.5  # the same arithmetic


def test_without_a_baseline_times_stand_alone_and_are_drawn_where_there_are_ratios(tmp_path):
    found = [
        Measured(Variant("training", "vae", PLAIN, 8, 64), [], not_measured="no memory"),
        Measured(Variant("training", "vae", OWN, 8, 64), [0.5, 1.0]),
    ]
    group = report.record("VAE", found, RATES)
    assert [row["median_speedup"] for row in group["variants"]] == [None, None]
    assert group["variants"][1]["median_seconds"] == 0.75
    report.draw(tmp_path, "training", [group])
    report.draw_growth(tmp_path / "growth.png", group)  # one case is no growth
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_no_chart_is_drawn_and_a_line_says_so(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "experiments.benchmarks.charts", raising=False)
    monkeypatch.delattr("experiments.benchmarks.charts", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert report.charts() is None
    assert capsys.readouterr().out == "no chart: matplotlib is not installed\n"
