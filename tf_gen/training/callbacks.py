"""What watches a training: Keras callbacks, driven by ``tf_gen.training.loop``.

They read ``first_step`` and ``total_steps`` in ``params``, and ``step_seconds`` in the logs, which
the loop gives beside what ``fit`` gives. Where the loop reads logs every few steps they are called
as often, so they tell the step from epoch and batch.
"""

import signal
from pathlib import Path

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams_plugin

from tf_gen.errors import Interrupted
from tf_gen.progress import progress
from tf_gen.training.event_files import drop_events


class TellsStep(keras.callbacks.Callback):
    """What tells the step from epoch and batch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def step(self, batch) -> int:
        """The number of steps done when this batch of the epoch is."""
        return self.epoch * self.params["steps"] + batch + 1


class ProgressBar(TellsStep):
    """A line for each epoch: images done, time left, rate, the step, and a few logs;
    after it the validation's figures.

    Args: batch_size: to count images; shown: names of the logs to print.
    """

    def __init__(self, batch_size, shown=()):
        super().__init__()
        self.batch_size, self.shown = batch_size, shown

    def on_train_begin(self, logs=None):
        self._bar = progress(0)  # closed at the end, though no epoch began

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch)
        steps, before = self.params["steps"], epoch * self.params["steps"]
        self._bar = progress(
            min(steps, self.params["total_steps"] - before),
            f"epoch {epoch + 1}/{self.params['epochs']}",
            initial=max(0, self.params["first_step"] - before),
            unit_scale=self.batch_size,
        )

    def on_train_batch_end(self, batch, logs=None):
        figures = [f"{name} {logs[name]:.3f}" for name in self.shown if name in logs]
        text = "  ".join([f"step {self.step(batch)}", *figures])
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(batch + 1 - self._bar.n)
        if self._bar.n == self._bar.total:  # here, so that validation does not count as training
            self._bar.close()

    def on_epoch_end(self, epoch, logs=None):
        figures = [f"{k} {v:.4f}" for k, v in (logs or {}).items() if k.startswith("val_")]
        self._bar.close()
        if figures:
            print(f"epoch {epoch + 1}: {'  '.join(figures)}", flush=True)

    def on_train_end(self, logs=None):
        self._bar.close()


class TensorBoardScalars(TellsStep):
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
    """Ends training after the present step on Ctrl-C, SIGTERM, SIGHUP (the terminal is closed) or
    SIGPIPE (who reads the output has gone); a second signal ends at once.

    A context manager, which gives the signals' handlers back; a SIGHUP or SIGPIPE that the
    program ignores stays ignored. ``received`` is the signal's number, or None. Put it before
    Checkpoints in the list: that writes the last one.
    """

    def __init__(self):
        super().__init__()
        self.received = None

    def __enter__(self):
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE")  # the last two not on every system
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        ignored = [n for n in numbers[2:] if signal.getsignal(n) is signal.SIG_IGN]
        numbers = [number for number in numbers if number not in ignored]
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self):
        """Raise Interrupted if a signal has come: for what may take long, and can be done again.

        Called there, not raised by the handler: that may run anywhere, in a destructor, too, which
        swallows what is raised.
        """
        if self.received is not None:
            raise Interrupted

    def _note(self, number, frame):
        if self.received is not None and callable(self._before[number]):
            self._before[number](number, frame)  # Python's own raises KeyboardInterrupt
        self.received = number

    def on_train_batch_end(self, batch, logs=None):
        if self.received is not None:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):  # a signal while figures were written
        self.on_train_batch_end(None)
