"""The benchmark's record, from figures made up here."""

import pytest

from experiments.benchmarks import report
from experiments.benchmarks.rounds import Measured
from experiments.benchmarks.variants import OWN, PLAIN, Variant


@pytest.fixture
def group():
    found = [
        Measured(Variant("training", "vae", PLAIN, 8, 64), [1.0, 2.0, 6.0], None, 2**30),
        Measured(Variant("training", "vae", OWN, 8, 64), [0.5, 1.0, 2.0], 10, 2**29),
    ]
    return report.record("VAE", found, {"float32": 20.0})


def test_a_better_rate_found_later_brings_the_bound_down(group):
    report.set_bounds(group, {"float32": 40.0})
    assert [row["bound_seconds"] for row in group["variants"]] == [0.25, 0.25]


def test_a_ratio_is_the_median_of_the_rounds_and_not_that_of_the_medians(group):
    plain, own = group["variants"]
    assert plain["median_speedup"] == 1.0
    assert own["median_speedup"] == 2.0 and own["median_seconds"] == 1.0
    assert own["bound_seconds"] == plain["bound_seconds"] == 0.5  # the same arithmetic
