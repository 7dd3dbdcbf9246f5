"""Tables of the benchmark, from figures made up here."""

from experiments.benchmarks import report, tables
from experiments.benchmarks.rounds import Measured
from experiments.benchmarks.variants import OWN, PLAIN, TORCH, Variant


def record(seconds, rate=20.0, title="VAE"):
    """Of variants {maker: seconds}; the last has counted ten operations and five weights."""
    found = [
        Measured(Variant("training", "vae", maker, 8, 64), each, None if each else "no memory")
        for maker, each in seconds.items()
    ]
    found[0].peak_bytes, found[-1].first_step_seconds = 2**30, 61.23
    found[-1].operations, found[-1].weights = 10, 5
    return report.record(title, found, {"float32": rate, "memory": 280.0})


def test_a_group_has_spreads_bounds_and_peaks():
    *_, plain, own, _ = tables.group(record({PLAIN: [1.0, 2.0, 6.0], OWN: [0.5, 1.0, 2.0]}))
    assert plain == "| plain Keras | 2 (1 to 6) | 1.00 (1.00 to 1.00) |  | 4.00 | 4.00 |  | 1.00 |"
    assert own == "| tf_gen | 1 (0.5 to 2) | 2.00 (2.00 to 3.00) |  | 2.00 | 2.00 | 61.2 |  |"


def test_a_variant_that_failed_is_named_with_its_reason():
    group = record({PLAIN: [], OWN: [1.0]})
    lines = tables.group(group)
    assert "| plain Keras | not measured |  |  |  |  |  | 1.00 |" in lines
    assert lines[-2] == "- plain Keras, batch 8, size 64: not measured: no memory"
    assert "| VAE | not measured |  |" in tables.summary([group])
    assert "- plain Keras, batch 8, size 64: not measured: no memory" in tables.growth(group)


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
    kinds = {"Conv2D": 3.0, "MatMul": 0.6, "Add": 0.3, "Mul": 0.1}
    row = {"profile": kinds, "label": OWN, "busy_share": None}
    lines = tables.profiles({"title": "VAE", "variants": [{"profile": None}, row]}, shown=2)
    assert lines[0] == "### Where the time goes: VAE, tf_gen"
    assert lines[4:7] == [
        "| Conv2D | 3 | 75% |",
        "| MatMul | 0.6 | 15% |",
        "| all others | 0.4 | 10% |",
    ]


def test_a_gpus_profile_says_for_how_long_it_was_busy():
    row = {"profile": {"nvjet": 0.000123}, "label": OWN, "busy_share": 0.931}
    lines = tables.profiles({"title": "VAE", "variants": [row]})
    assert lines[2] == "The GPU was busy for 93% of the time."
    assert lines[-2] == "| nvjet | 0.000123 | 100% |"  # and no others


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
        "rates": {"float32": 2e9, "memory": 3e9},
        "training": [record({PLAIN: [2.0], OWN: [1.0]}) | {"title": "VAE, batch 8"}],
    }
    for row in found["training"][0]["variants"]:
        row["profile"] = None
    page = tables.page(found)
    for said in ("- processor: a processor", "- matrix product, float32: 2 GFLOP/s",
                 "- memory: 3 GB/s",
                 "- commit: abc1234", "- --autoencoder-batches: (8,)", "## Training",
                 "### VAE, batch 8"):  # fmt: skip
        assert said in page
    assert "Inference" not in page and "Growth" not in page
