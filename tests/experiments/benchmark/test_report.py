"""Tables of the benchmark, from figures made up here."""

import pytest

from experiments._benchmark import report
from experiments._benchmark.rounds import Measured
from experiments._benchmark.variants import OWN, PLAIN, TORCH, Variant


@pytest.fixture
def group():
    found = [
        Measured(Variant("training", "vae", PLAIN, 8, 64), [1.0, 2.0, 6.0], None, 2**30),
        Measured(Variant("training", "vae", OWN, 8, 64), [0.5, 1.0, 2.0], 10, 2**29),
    ]
    return report.record("VAE", found, {"float32": 20.0})


def test_a_ratio_is_the_median_of_the_rounds_and_not_that_of_the_medians(group):
    plain, own = group["variants"]
    assert plain["median_speedup"] == 1.0
    assert own["median_speedup"] == 2.0 and own["median_seconds"] == 1.0
    assert own["bound_seconds"] == plain["bound_seconds"] == 0.5  # the same arithmetic


def test_a_table_has_spreads_bounds_and_peaks(group):
    *_, plain, own = report.table(group).splitlines()
    assert plain == "| plain Keras | 2 (1 to 6) | 1.00 (1.00 to 1.00) |  | 4.00 | 1.00 |"
    assert own == "| tf_gen | 1 (0.5 to 2) | 2.00 (2.00 to 3.00) |  | 2.00 | 0.50 |"


def test_where_pytorch_was_measured_each_row_stands_beside_it():
    seconds = {PLAIN: [2.0, 4.0], TORCH: [1.0, 3.0], OWN: [0.5, 1.0]}
    found = [Measured(Variant("training", "vae", m, 8, 64), s) for m, s in seconds.items()]
    own = report.table(report.record("VAE", found, {"float32": 1.0})).splitlines()[-1]
    assert own == "| tf_gen | 0.75 (0.5 to 1) | 4.00 (4.00 to 4.00) | 2.50 (2.00 to 3.00) |  |  |"


def test_a_profile_sums_up_what_it_does_not_show():
    row = {"profile": {"Conv2D": 3.0, "MatMul": 0.6, "Add": 0.3, "Mul": 0.1}}
    assert report.profile_table(row, shown=2).splitlines()[2:] == [
        "| Conv2D | 3.0000 | 75% |",
        "| MatMul | 0.6000 | 15% |",
        "| all others | 0.4000 | 10% |",
    ]
