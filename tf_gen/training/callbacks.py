"""What watches a training: Keras callbacks, driven by ``tf_gen.training.loop``.

They read ``first_step`` and ``total_steps`` in ``params``, and ``step_seconds`` in the logs, which
the loop gives beside what ``fit`` gives. Where the loop reads logs every few steps they are called
as often, so they tell the step from epoch and batch.
"""

import collections
import contextlib
import csv
import os
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams_plugin

from tf_gen.errors import Interrupted
from tf_gen.training.event_files import drop_events


class _TellsStep(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def step(self, batch) -> int:
        """The number of steps done when this batch of the epoch is."""
        return self.epoch * self.params["steps"] + batch + 1


class ProgressBar(_TellsStep):
    """One line: epoch, step, images a second, time left, and a few logs.

    Args: batch_size: to count images; shown: names of the logs to print; stream: where to.
    On a terminal the line is rewritten twice a second, elsewhere a line comes every minute.
    """

    def __init__(self, batch_size, shown=(), stream=None):
        super().__init__()
        self.batch_size, self.shown = batch_size, shown
        self.stream = stream or sys.stdout

    def on_train_begin(self, logs=None):
        self._seconds = collections.deque(maxlen=100)
        self._interval = 0.5 if self.stream.isatty() else 60.0
        self._printed = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self._seconds.append(logs["step_seconds"])
        last = batch + 1 == self.params["steps"] or self.step(batch) == self.params["total_steps"]
        if last or time.monotonic() - self._printed >= self._interval:
            self._print(batch, logs, "\n" if last or not self.stream.isatty() else "")

    def on_epoch_end(self, epoch, logs=None):
        figures = {name: value for name, value in (logs or {}).items() if name.startswith("val_")}
        if figures:
            text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
            print(f"epoch {epoch + 1}: {text}", file=self.stream, flush=True)

    def _print(self, batch, logs, end):
        seconds, done = median_seconds(self._seconds), batch + 1
        left = seconds * (self.params["total_steps"] - self.step(batch))
        rate = "?" if np.isnan(seconds) else f"{self.batch_size / seconds:.2f}"
        bar = "#" * (20 * done // self.params["steps"])
        text = "  ".join(f"{name} {logs[name]:.3f}" for name in self.shown if name in logs)
        start = "\r" if self.stream.isatty() else ""
        print(
            f"{start}epoch {self.epoch + 1}/{self.params['epochs']} [{bar:<20}] "
            f"{done}/{self.params['steps']}  {rate} images/s  {clock_time(left)} left  {text}",
            end=end, file=self.stream, flush=True,
        )  # fmt: skip
        self._printed = time.monotonic()


def median_seconds(values) -> float:
    """The median of step times; the first step of a process traces and counts as nan."""
    values = np.asarray(values)
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def clock_time(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    if np.isnan(seconds):
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


class History(_TellsStep):
    """Keeps logs in two CSV files, one row for each step (``steps.csv``) and epoch; where logs are
    read every few steps, one row for these, numbered by the last.

    Floats have the digits that give float32 back exactly. Rows beyond ``first_step``, left by a
    run that was killed after its last checkpoint, are dropped when training goes on.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        first = self.params["first_step"]
        self._steps = CsvLog(self.folder / "steps.csv", "step", first)
        self._epochs = CsvLog(self.folder / "epochs.csv", "epoch", first // self.params["steps"])

    def on_train_batch_end(self, batch, logs=None):
        self._steps.write(self.step(batch), logs)

    def on_epoch_end(self, epoch, logs=None):
        self._epochs.write(epoch + 1, logs)


class CsvLog:
    """A CSV file of numbered rows that can be gone on with after row ``last``."""

    def __init__(self, path: Path, key: str, last: int):
        self.path, self.key = path, key
        text = path.read_text() if path.exists() else ""
        header, *rows = text.rpartition("\n")[0].split("\n")  # a kill may have cut the last line
        kept = [header, *(row for row in rows if int(row.partition(",")[0]) <= last)]
        temporary = path.with_suffix(".part")
        temporary.write_text("".join(f"{line}\n" for line in kept if line))
        os.replace(temporary, path)

    def write(self, number, logs):
        with self.path.open("a") as file:
            if file.tell() == 0:
                file.write(",".join([self.key, *logs]) + "\n")
            file.write(",".join([str(number), *(f"{v:.9g}" for v in logs.values())]) + "\n")


def read_csv(path) -> list[dict[str, float]]:
    """The rows of a log that History wrote; none if there is no such file."""
    if not Path(path).exists():
        return []
    with open(path, newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


class TensorBoardScalars(_TellsStep):
    """Scalars by step, epoch figures by epoch, the configuration as text and as hyperparameters.

    Events beyond ``first_step``, left by a run that was killed after its last checkpoint, are
    dropped when training goes on.

    Args: folder: of the event files; batch_size: to give images a second; text: Markdown shown
    under "config"; hparams: what TensorBoard's table of runs shows and compares. ``writer`` is made
    when training begins, for other callbacks to share.
    """

    def __init__(self, folder, batch_size, text="", hparams=None):
        super().__init__()
        self.folder, self.batch_size, self.text = folder, batch_size, text
        self.hparams = hparams or {}
        self.writer = None

    def on_train_begin(self, logs=None):
        first = self.params["first_step"]
        # from the beginning nothing is kept, not even the text of step 0
        reached = (first, first // self.params["steps"]) if first else (-1, -1)
        drop_events(self.folder, *reached)
        self.writer = tf.summary.create_file_writer(str(self.folder))
        if first == 0:
            with self.writer.as_default():
                tf.summary.text("config", self.text, step=0)
                if self.hparams:
                    shown = {
                        k: v if type(v) in (bool, int, float) else str(v)
                        for k, v in self.hparams.items()
                    }
                    hparams_plugin.hparams(shown, trial_id=Path(self.folder).parent.name)

    def on_train_batch_end(self, batch, logs=None):
        with self.writer.as_default():
            for name, value in logs.items():
                if name == "step_seconds":
                    name, value = "images_per_second", self.batch_size / value
                tf.summary.scalar(name, value, step=self.step(batch))

    def on_epoch_end(self, epoch, logs=None):
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                tf.summary.scalar(f"epoch/{name}", value, step=epoch + 1)
        self.flush()

    def flush(self):
        """Bring the file as far as training has come."""
        self.writer.flush()

    def on_train_end(self, logs=None):
        self.writer.close()


class EpochSummary(keras.callbacks.Callback):
    """Writes pictures, histograms or the like to TensorBoard at every epoch's end.

    Args: scalars: the TensorBoardScalars whose writer is used; write: called with the number of
    epochs done, while that writer is the default.
    """

    def __init__(self, scalars, write):
        super().__init__()
        self.scalars, self.write = scalars, write

    def on_epoch_end(self, epoch, logs=None):
        with self.scalars.writer.as_default():
            self.write(epoch + 1)


class StopOnSignal(keras.callbacks.Callback):
    """Ends training after the present step on Ctrl-C or SIGTERM; a second signal ends at once.

    A context manager, which gives the signals' handlers back. ``received`` is the signal's
    number, or None. Put it before Checkpoints in the list: that writes the last one.
    """

    def __init__(self):
        super().__init__()
        self.received = None
        self._raises = False

    def __enter__(self):
        self._before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def at_once(self):
        """Meanwhile a signal raises Interrupted: for what may take long, and can be done again."""
        if self.received is not None:
            raise Interrupted
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def _note(self, number, frame):
        if self.received is not None and callable(self._before[number]):
            self._before[number](number, frame)  # Python's own raises KeyboardInterrupt
        self.received = number
        if self._raises:
            self._raises = False
            raise Interrupted

    def on_train_batch_end(self, batch, logs=None):
        if self.received is not None:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):  # a signal while figures were written
        self.on_train_batch_end(None)
