"""What a run that goes on takes over from before."""

import csv

import numpy as np

from experiments._training import _earlier_logs
from tf_gen.training.callbacks import CsvLog


def test_logs_read_back_are_to_the_bit_what_the_steps_returned(tmp_path):
    values = np.random.default_rng(0).lognormal(0, 3, (60, 2)).astype(np.float32)
    log = CsvLog(tmp_path / "steps.csv", "step", 0)
    for step, (a, b) in enumerate(values, start=1):
        log.write(step, {"a": float(a), "b": float(b), "step_seconds": 0.1})
    with (tmp_path / "steps.csv").open() as file:
        assert any(
            float(row["a"]) != float(values[i, 0]) for i, row in enumerate(csv.DictReader(file))
        )
    found = _earlier_logs(tmp_path / "steps.csv", step=55, epoch_steps=40)
    expected = [{"a": float(a), "b": float(b)} for a, b in values[40:55]]
    assert found == expected
