"""What watches a training: the progress line, CSV files, TensorBoard, and signals."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tf_gen.training import callbacks


def drive(watchers, first=0, total=6, epoch_steps=3, logs=lambda step: {"loss": 1.0 / (step + 1)}):
    """Call callbacks as the loop would, without a model to train."""
    model = keras.Model()
    calls = keras.callbacks.CallbackList(
        watchers, model=model, steps=epoch_steps, total_steps=total, first_step=first, epochs=2
    )
    calls.on_train_begin()
    for step in range(first, total):
        epoch, index = divmod(step, epoch_steps)
        if index == 0 or step == first:
            calls.on_epoch_begin(epoch)
        seconds = float("nan") if step == first else 0.5
        calls.on_train_batch_end(index, {**logs(step), "step_seconds": seconds})
        if index + 1 == epoch_steps:
            calls.on_epoch_end(epoch, {"loss": 1.0, "val_l1": 0.25})
    calls.on_train_end()
    return model


def test_the_progress_line_tells_epoch_images_step_logs_and_validation(capsys):
    drive([callbacks.ProgressBar(2, ("loss", "unknown"))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1/2: 100%") and "6/6" in lines[0]
    assert "images/s" in lines[0] and "step 3  loss 0.333" in lines[0]
    assert lines[1] == "epoch 1: val_l1 0.2500" and "step 6  loss 0.167" in lines[2]
    assert len(lines) == 4


def test_the_progress_line_begins_where_a_run_goes_on_and_ends_where_it_does(capsys):
    drive([callbacks.ProgressBar(2)], first=4, total=8, epoch_steps=6)
    lines = capsys.readouterr().out.splitlines()
    assert "12/12" in lines[0] and "step 6" in lines[0]
    assert "4/4" in lines[2] and len(lines) == 3
    drive([callbacks.ProgressBar(2)], first=6, total=6)
    assert not capsys.readouterr().out


def test_tensorboard_gets_scalars_by_step_images_by_epoch_and_the_configuration(tmp_path):
    scalars = callbacks.TensorBoardScalars(tmp_path, batch_size=2, text="| a | b |")
    picture = np.zeros((1, 4, 4, 3), np.uint8)

    def write(epoch):
        tf.summary.image("validation", picture, step=epoch)

    drive([scalars, callbacks.EpochSummary(scalars, write)])
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    tags = events.Tags()["tensors"]
    assert {"loss", "images_per_second", "epoch/val_l1", "validation", "config"} <= set(tags)
    assert [event.step for event in events.Tensors("loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events.Tensors("validation")] == [1, 2]


def tensors(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut short by the kill"])
def test_going_on_drops_the_events_after_the_checkpoint(tmp_path, cut):
    picture = np.zeros((1, 4, 4, 3), np.uint8)

    def run(**steps):
        scalars = callbacks.TensorBoardScalars(tmp_path, batch_size=2, text="text")
        write = lambda epoch: tf.summary.image("validation", picture, step=epoch)  # noqa: E731
        drive([scalars, callbacks.EpochSummary(scalars, write)], **steps)

    run(total=5)  # killed after step 5, its checkpoint at 4
    (file,) = tmp_path.iterdir()
    if cut:
        file.write_bytes(file.read_bytes()[:-5])
    run(first=4, total=6)
    found = tensors(tmp_path)
    # sorted: two files of one second are read in the order of their numbers' digits, 10 before 9
    steps = {tag: sorted(e.step for e in found.Tensors(tag)) for tag in found.Tags()["tensors"]}
    assert steps["loss"] == [1, 2, 3, 4, 5, 6]
    assert steps["validation"] == steps["epoch/val_l1"] == [1, 2]
    assert steps["config"] == [0]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_training_after_the_step_and_the_handler_is_given_back(number):
    before = signal.getsignal(number)

    def logs(step):
        if step == 2:
            os.kill(os.getpid(), number)
        return {}

    with callbacks.StopOnSignal() as stop:
        model = drive([stop], logs=logs)
    assert model.stop_training is True and stop.received == number
    assert signal.getsignal(number) is before


def test_a_hangup_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with callbacks.StopOnSignal() as stop:
            os.kill(os.getpid(), signal.SIGHUP)  # as under nohup
        assert stop.received is None
    finally:
        signal.signal(signal.SIGHUP, before)
