"""Tables of the benchmark, from figures made up here."""

from experiments.benchmarks import report, tables
from experiments.benchmarks.rounds import Measured
from experiments.benchmarks.variants import OWN, PLAIN, TORCH, Variant


def record(seconds, rate=20.0, title="VAE"):
    """Of variants {maker: seconds}; ours counts ten operations."""
    found = [
        Measured(Variant("training", "vae", maker, 8, 64), each, 10 if maker == OWN else None)
        for maker, each in seconds.items()
    ]
    found[0].peak_bytes = 2**30
    return report.record(title, found, {"float32": rate})


def test_a_group_has_spreads_bounds_and_peaks():
    *_, plain, own, _ = tables.group(record({PLAIN: [1.0, 2.0, 6.0], OWN: [0.5, 1.0, 2.0]}))
    assert plain == "| plain Keras | 2 (1 to 6) | 1.00 (1.00 to 1.00) |  | 4.00 | 1.00 |"
    assert own == "| tf_gen | 1 (0.5 to 2) | 2.00 (2.00 to 3.00) |  | 2.00 |  |"


def test_where_pytorch_was_measured_each_row_stands_beside_it():
    group = record({PLAIN: [2.0, 4.0], TORCH: [1.0, 3.0], OWN: [0.5, 1.0]}, rate=1e9)
    own = tables.group(group)[-2]
    assert " | 4.00 (4.00 to 4.00) | 2.50 (2.00 to 3.00) | " in own


def test_a_summary_has_a_row_for_each_group_and_leaves_open_what_was_not_measured():
    groups = [
        record({PLAIN: [2.0], OWN: [1.0]}, title="small"),
        record({PLAIN: [4.0], TORCH: [8.0], OWN: [1.0]}, title="large"),
    ]
    assert tables.summary(groups) == [
        "|  | plain Keras | tf_gen, times | PyTorch, times |",
        "| --- | --- | --- | --- |",
        "| small | 2 s | 2.00 |  |",
        "| large | 4 s | 4.00 | 0.50 |",
        "",
    ]


def test_a_profile_sums_up_what_it_does_not_show():
    row = {"profile": {"Conv2D": 3.0, "MatMul": 0.6, "Add": 0.3, "Mul": 0.1}, "label": OWN}
    lines = tables.profiles({"title": "VAE", "variants": [{"profile": None}, row]}, shown=2)
    assert lines[0] == "### Where the time goes: VAE, tf_gen"
    assert lines[4:7] == [
        "| Conv2D | 3.0000 | 75% |",
        "| MatMul | 0.6000 | 15% |",
        "| all others | 0.4000 | 10% |",
    ]


def test_the_pipelines_rates_stand_beside_the_plain_ones_of_the_same_epoch():
    found = {
        "pairs_per_second": {
            "plain, first epoch": [100.0, 100.0], "tf_gen, first epoch": [110.0, 130.0],
            "plain, later epoch": [200.0, 200.0], "tf_gen, later epoch": [1000.0, 1200.0],
        },
        "train_step_seconds": {"one batch": [1.0, 2.0], "an epoch's": [1.1, 2.2]},
        "peak_bytes": {"0 GiB": 2**30},
    }  # fmt: skip
    text = "\n".join(tables.pipeline(found))
    assert "| tf_gen, first epoch | 120 (110 to 130) | 1.20 (1.10 to 1.30) |" in text
    assert "| tf_gen, later epoch | 1100 (1e+03 to 1.2e+03) | 5.50 (5.00 to 6.00) |" in text
    assert "| an epoch's | 1.65 (1.1 to 2.2) | 1.10 (1.10 to 1.10) |" in text
    assert "| 0 GiB | 1.00 |" in text


def test_the_page_is_of_the_record_alone():
    found = {
        "machine": {"processor": "a processor"},
        "commit": "abc1234",
        "options": {"autoencoder_batches": "(8,)"},
        "matrix_product_flops": {"float32": 2e9},
        "training": [record({PLAIN: [2.0], OWN: [1.0]}) | {"title": "VAE, batch 8"}],
    }
    for row in found["training"][0]["variants"]:
        row["profile"] = None
    page = tables.page(found)
    for said in ("- processor: a processor", "- matrix product, float32: 2 GFLOP/s",
                 "- commit: abc1234", "- --autoencoder-batches: (8,)", "## Training",
                 "### VAE, batch 8"):  # fmt: skip
        assert said in page
    assert "Inference" not in page and "Growth" not in page
