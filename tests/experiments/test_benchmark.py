"""The benchmark, small: its table, its record and its chart."""

import json

from experiments.benchmark import Config, run


def test_the_pipelines_benchmark_measures_every_variant_in_every_round(tmp_path, capsys):
    options = {"pairs": 8, "rounds": 2, "steps": 1, "filters": 2, "output": tmp_path}
    assert run(Config(**options)) == 0
    record = json.loads((tmp_path / "benchmark.json").read_text())
    rates, seconds = record["pairs_per_second"], record["train_step_seconds"]
    assert len(rates) == 4 and len(seconds) == 2
    assert all(len(v) == 2 and min(v) > 0 for v in (*rates.values(), *seconds.values()))
    assert all(2**28 < peak < 2**32 for peak in record["peak_bytes"].values())
    assert (tmp_path / "pipeline.png").stat().st_size > 5000
    table = capsys.readouterr().out
    assert all(name in table for name in (*rates, *seconds))
