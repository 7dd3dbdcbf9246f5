"""Logs in CSV files: written, cut back where a run goes on, and read again to the bit."""

import csv

import keras
import numpy as np

from tf_gen.training.history import CsvLog, History, logs_between, owes_epoch_end, read_csv, speed


def drive(history, first=0, total=6, epoch_steps=3):
    """Call it as the loop would, without a model to train."""
    calls = keras.callbacks.CallbackList(
        [history], model=keras.Model(), steps=epoch_steps, total_steps=total, first_step=first
    )
    calls.on_train_begin()
    for step in range(first, total):
        epoch, index = divmod(step, epoch_steps)
        if index == 0 or step == first:
            calls.on_epoch_begin(epoch)
        seconds = float("nan") if step == first else 0.5
        calls.on_train_batch_end(index, {"loss": 1.0 / (step + 1), "step_seconds": seconds})
        if index + 1 == epoch_steps:
            calls.on_epoch_end(epoch, {"loss": 1.0, "val_l1": 0.25})


def test_history_has_one_row_for_each_step_though_a_run_was_killed_and_went_on(tmp_path):
    drive(History(tmp_path), total=5)  # killed after step 5, its checkpoint at 4
    drive(History(tmp_path), first=4, total=6)
    rows = read_csv(tmp_path / "steps.csv")
    assert not list(tmp_path.glob("*.part"))
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose([row["loss"] for row in rows], 1 / np.arange(1, 7), rtol=1e-5)
    assert [row["epoch"] for row in read_csv(tmp_path / "epochs.csv")] == [1, 2]


def test_a_row_that_a_kill_cut_short_is_dropped(tmp_path):
    drive(History(tmp_path), total=2)
    with (tmp_path / "steps.csv").open("a") as file:
        file.write("1")
    drive(History(tmp_path), first=2, total=4)
    assert [row["step"] for row in read_csv(tmp_path / "steps.csv")] == [1, 2, 3, 4]


def test_a_run_of_an_earlier_version_goes_on_with_the_columns_that_it_has(tmp_path):
    CsvLog(tmp_path / "epochs.csv", "epoch", 0).write(1, {"b": 0.5, "gone": 2.0})
    CsvLog(tmp_path / "epochs.csv", "epoch", 1).write(2, {"a": 1.0, "b": 0.25})
    one, two = read_csv(tmp_path / "epochs.csv")
    assert one == {"epoch": 1, "b": 0.5, "gone": 2.0}
    assert two["b"] == 0.25 and np.isnan(two["gone"]) and "a" not in two


def test_logs_read_back_are_to_the_bit_what_the_steps_returned(tmp_path):
    values = np.random.default_rng(0).lognormal(0, 3, (60, 2)).astype(np.float32)
    log = CsvLog(tmp_path / "steps.csv", "step", 0)
    for step, (a, b) in enumerate(values, start=1):
        log.write(step, {"a": float(a), "b": float(b), "step_seconds": 0.1})
    with (tmp_path / "steps.csv").open() as file:
        assert any(
            float(row["a"]) != float(values[i, 0]) for i, row in enumerate(csv.DictReader(file))
        )
    found = logs_between(tmp_path, 40, 55)
    expected = [{"a": float(a), "b": float(b)} for a, b in values[40:55]]
    assert found == expected


def test_a_row_of_several_steps_counts_as_so_many(tmp_path):
    log = CsvLog(tmp_path / "steps.csv", "step", 0)
    for step, value in [(3, 1.0), (4, 2.0), (7, 3.0), (8, 4.0)]:  # read every three, epochs of four
        log.write(step, {"a": value, "step_seconds": 0.1})
    found = logs_between(tmp_path, 4, 7)
    assert found == [{"a": 3.0}] * 3


def test_speed_is_the_median_without_the_steps_that_trace_and_all_seconds(tmp_path):
    log = CsvLog(tmp_path / "steps.csv", "step", 0)
    for step, seconds in [(1, float("nan")), (2, 1.0), (3, 9.0), (5, 2.0)]:  # the last of two
        log.write(step, {"step_seconds": seconds})
    assert speed(tmp_path, 8) == {
        "train_step_seconds": 2.0, "train_seconds": 14.0, "images_per_second": 4.0,
    }  # fmt: skip
    log = CsvLog(tmp_path / "steps.csv", "step", 1)
    assert np.isnan(speed(tmp_path, 8)["train_step_seconds"])


def test_an_epoch_that_ended_without_its_row_is_owed_its_validation(tmp_path):
    assert not owes_epoch_end(tmp_path, 0, 6, 3)
    drive(History(tmp_path), total=6)
    assert not owes_epoch_end(tmp_path, 6, 9, 3) and not owes_epoch_end(tmp_path, 5, 9, 3)
    CsvLog(tmp_path / "epochs.csv", "epoch", 1)  # the second is cut off
    assert owes_epoch_end(tmp_path, 6, 9, 3) and owes_epoch_end(tmp_path, 5, 5, 3)
