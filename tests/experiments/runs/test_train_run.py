"""What a run that goes on takes over from before."""

import csv
import os
import signal

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments import vae_anime
from experiments.launch.cli import Stopped
from experiments.runs.train_run import _earlier_logs
from experiments.tasks.vae import VaeTask
from tf_gen.training.callbacks import CsvLog, read_csv


def test_logs_read_back_are_to_the_bit_what_the_steps_returned(tmp_path):
    values = np.random.default_rng(0).lognormal(0, 3, (60, 2)).astype(np.float32)
    log = CsvLog(tmp_path / "steps.csv", "step", 0)
    for step, (a, b) in enumerate(values, start=1):
        log.write(step, {"a": float(a), "b": float(b), "step_seconds": 0.1})
    with (tmp_path / "steps.csv").open() as file:
        assert any(
            float(row["a"]) != float(values[i, 0]) for i, row in enumerate(csv.DictReader(file))
        )
    found = _earlier_logs(tmp_path / "steps.csv", 40, 55)
    expected = [{"a": float(a), "b": float(b)} for a, b in values[40:55]]
    assert found == expected


def test_a_row_of_several_steps_counts_as_so_many(tmp_path):
    log = CsvLog(tmp_path / "steps.csv", "step", 0)
    for step, value in [(3, 1.0), (4, 2.0), (7, 3.0), (8, 4.0)]:  # read every three, epochs of four
        log.write(step, {"a": value, "step_seconds": 0.1})
    found = _earlier_logs(tmp_path / "steps.csv", 4, 7)
    assert found == [{"a": 3.0}] * 3


@pytest.mark.parametrize("validation", [1, 2], ids=["within the run", "of a last, short epoch"])
def test_a_signal_while_an_epoch_is_validated_stops_at_once_and_that_is_made_up_for(
    validation, faces, tmp_path, monkeypatch
):
    def train(name):  # an epoch of three steps, and one of the second
        options = {"data": str(faces / "anime"), "image_size": 16, "batch_size": 8, "max_steps": 4}
        vae_anime.run(vae_anime.Config(**options, latent_dim=4, run_dir=tmp_path / name))

    def seen(name):
        events = EventAccumulator(str(tmp_path / name / "logs")).Reload()
        tags = events.Tags()["tensors"]
        return (
            read_csv(tmp_path / name / "logs" / "epochs.csv"),
            {tag: [event.step for event in events.Tensors(tag)] for tag in tags},
            (tmp_path / name / "checkpoints" / "best.json").read_text(),
        )

    train("straight")
    validate, calls = VaeTask.validate, []

    def interrupted(task):
        calls.append("validate")
        if len(calls) == validation:
            os.kill(os.getpid(), signal.SIGTERM)
            calls.append("not stopped")
        return validate(task)

    monkeypatch.setattr(VaeTask, "validate", interrupted)
    with pytest.raises(Stopped):
        train("broken")
    assert calls == ["validate"] * validation
    train("broken")
    assert seen("broken") == seen("straight")
