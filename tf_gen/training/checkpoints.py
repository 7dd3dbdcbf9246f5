"""Checkpoints of all that a run needs to go on exactly, and the best's weights."""

import json
import os
import time
from pathlib import Path

import keras
import tensorflow as tf

from tf_gen.errors import UserError

# what TensorFlow raises for files that are cut short, altered, or of another model
DAMAGED = (tf.errors.OpError, AssertionError, ValueError, IndexError)


def _checkpoint(parts) -> tf.train.Checkpoint:
    # Variables are listed one by one: tf.train.Checkpoint does not follow a Keras model into the
    # lists that it keeps layers in, and says nothing of what it leaves out. An optimiser's rate
    # is not saved: it is the command's, and no variable at all where it is a schedule.
    def variables(part):
        rate = getattr(part, "_learning_rate", None)
        return [v.value for v in part.variables if v is not rate]

    return tf.train.Checkpoint(**{name: variables(part) for name, part in parts.items()})


def newest_checkpoint(folder) -> str | None:
    """The path prefix of the newest checkpoint whose files are there, or None."""
    state = tf.train.get_checkpoint_state(str(folder))
    paths = [Path(folder) / Path(p).name for p in state.all_model_checkpoint_paths] if state else []
    there = [path for path in paths if path.with_name(f"{path.name}.index").exists()]
    return str(there[-1]) if there else None


def newest_step(folder) -> int:
    """The step of the newest checkpoint in a folder; 0 without one."""
    newest = newest_checkpoint(folder)
    return int(newest.rpartition("-")[2]) if newest else 0


class Checkpoints(keras.callbacks.Callback):
    """Writes checkpoints by time and, if asked, by steps; keeps the newest two.

    A checkpoint holds the model's weights and each of its optimisers' moments and steps. What
    else a run consists of (noise, the data's order) is a pure function of seed and step.

    Args:
        folder: where ``step-<N>.*`` and the best's weights lie.
        parts: name -> network or optimiser, all of them built; all their variables are saved.
        minutes, steps: how often; steps None: by time alone. Also when training ends.
        step: the ``iterations`` of an optimiser: the step that a checkpoint is named by.
        best: the network whose weights are kept at its best epoch; by: the log, lower is better.
    """

    def __init__(self, folder, parts, step, minutes=5.0, steps=None, best=None, by=None):
        super().__init__()
        self.folder = Path(folder)
        self.minutes, self.steps = minutes, steps
        self.step, self.best, self.by = step, best, by
        self._checkpoint = _checkpoint(parts)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=2, checkpoint_name="step"
        )
        self._written = time.monotonic()

    def restore(self) -> int:
        """Read the newest checkpoint, if there is one, and return its step (0 without).

        Raises: UserError if it cannot be read or does not fit the model.
        """
        newest = newest_checkpoint(self.folder)
        if newest is None:
            return 0
        try:
            status = self._checkpoint.restore(newest)
            status.assert_existing_objects_matched().assert_consumed()
        except DAMAGED as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"{newest}: the checkpoint cannot be read ({reason}); remove its files to go on "
                "from the one before, or choose a new --run-dir"
            ) from error
        return int(self.step)

    def save(self):
        """Write a checkpoint of the present step, if it is not there yet."""
        step = int(self.step)
        if newest_checkpoint(self.folder) is None or newest_step(self.folder) != step:
            self._manager.save(checkpoint_number=step)
        self._written = time.monotonic()

    def keep_newest(self):
        """Remove all checkpoints but the newest, as a finished run needs no more."""
        newest = f"step-{newest_step(self.folder)}"
        for file in self.folder.glob("step-*"):
            if file.stem != newest:
                file.unlink()

    def on_train_batch_end(self, batch, logs=None):
        due = time.monotonic() - self._written > 60 * self.minutes
        if due or (self.steps and int(self.step) % self.steps == 0):
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get(self.by)
        if value is None or not value < self._best_so_far():  # nan is not the best
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / "new.weights.h5"
        self.best.save_weights(temporary)
        os.replace(temporary, self.folder / "best.weights.h5")
        record = {"epoch": epoch + 1, "step": int(self.step), self.by: value}
        temporary = self.folder / "new.json"
        temporary.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(temporary, self.folder / "best.json")

    def _best_so_far(self):
        record = self.folder / "best.json"
        return json.loads(record.read_text())[self.by] if record.exists() else float("inf")

    def on_train_end(self, logs=None):
        self.save()


def read_networks(folder, **networks):
    """Read networks' weights from the newest checkpoint in a folder, optimisers left alone.

    Raises: UserError if there is none, or it does not fit.
    """
    newest = newest_checkpoint(folder)
    if newest is None:
        raise UserError(f"{folder}: holds no checkpoint; give a run folder with checkpoints/")
    try:
        shapes = tf.train.load_checkpoint(newest).get_variable_to_shape_map()
        for name, network in networks.items():
            wanted = [tuple(variable.shape) for variable in network.variables]
            keys = [f"{name}/{i}/.ATTRIBUTES/VARIABLE_VALUE" for i in range(len(wanted) + 1)]
            found = [tuple(shapes[key]) for key in keys if key in shapes]
            if found != wanted:
                raise UserError(
                    f"{newest}: its {name} is another one; give the --filters, --image-size and "
                    "--normalization that it was trained with"
                )
        _checkpoint(networks).read(newest).expect_partial()
    except DAMAGED as error:
        if isinstance(error, UserError):
            raise
        reason = str(error).partition("\n")[0]
        raise UserError(f"{newest}: cannot be read ({reason})") from error
