"""Checkpoints of all that a run needs to go on exactly, and the best's weights."""

import itertools
import json
import os
import shutil
import time
from pathlib import Path

import keras
import tensorflow as tf

from tf_gen.errors import UserError

# what TensorFlow raises for files that are cut short, altered, or of another model
DAMAGED = (tf.errors.OpError, AssertionError, ValueError, IndexError)


def _variables(part) -> list:
    # Variables are listed one by one: tf.train.Checkpoint does not follow a Keras model into the
    # lists that it keeps layers in, and says nothing of what it leaves out. An optimiser's rate
    # is not saved: it is the caller's, and no variable at all where it is a schedule.
    optimizers = (part, getattr(part, "inner_optimizer", None))  # the second with loss scaling
    rates = [getattr(optimizer, "_learning_rate", None) for optimizer in optimizers]
    return [v.value for v in part.variables if not any(v is rate for rate in rates)]


def _stored(prefix, name) -> list[tf.TensorSpec]:
    """What a checkpoint holds of the variables of a part, in their order."""
    reader = tf.train.load_checkpoint(prefix)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    keys = (f"{name}/{i}/.ATTRIBUTES/VARIABLE_VALUE" for i in itertools.count())
    known = itertools.takewhile(shapes.__contains__, keys)
    return [tf.TensorSpec(shapes[key], dtypes[key]) for key in known]


def _fits(stored, variables) -> bool:
    return [(v.shape, v.dtype) for v in stored] == [(v.shape, v.dtype) for v in variables]


def _steps(folder) -> list[int]:
    """The steps of the checkpoints in a folder, the newest first."""
    # The index is put there last, so what has one is whole.
    found = (path.stem.removeprefix("step-") for path in Path(folder).glob("step-*.index"))
    return sorted((int(step) for step in found if step.isdecimal()), reverse=True)


def newest_checkpoint(folder) -> str | None:
    """The path prefix of the newest checkpoint whose files are there, or None."""
    return str(Path(folder) / f"step-{newest_step(folder)}") if _steps(folder) else None


def newest_step(folder) -> int:
    """The step of the newest checkpoint in a folder; 0 without one."""
    return max(_steps(folder), default=0)


def _best(folder) -> dict:
    """What is known of the best epoch; {} before there is one."""
    record = Path(folder) / "best.json"
    return json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}


def patience_ends(folder, patience: int | None, epochs: float) -> bool:
    """Whether so many epochs are ``patience`` past the best that a folder of checkpoints knows."""
    best = _best(folder).get("epoch")
    return None not in (patience, best) and epochs >= best + patience


class MetricVariables:
    """The metrics in progress of a model, as a part of a checkpoint."""

    def __init__(self, model):
        self.variables = [v for metric in model.metrics for v in metric.variables]


class Checkpoints(keras.callbacks.Callback):
    """Writes checkpoints by time and, if asked, by steps; keeps the newest two.

    A checkpoint holds the model's weights and each of its optimisers' moments and steps. What
    else a run consists of (noise, the data's order) is a pure function of seed and step. It is
    written beside the others and then moved among them, so that a kill leaves those as they were.
    That of an epoch's last step is written when the epoch's figures are: at its end.

    Args:
        folder: where ``step-<N>.*`` and the best's weights lie.
        parts: name -> what has ``variables`` (network, optimiser ...), all of it built.
        minutes, steps: how often; steps None: by time alone. Also when training ends.
        step: the variable that counts an optimiser's steps, by which a checkpoint is named.
        best: the network whose weights are kept at its best epoch; by: the log, lower is better.
        before_save: called before one is written, to bring logs as far as the checkpoint.
        patience: epochs without a better one after which training is to stop; None: never.
        optional: names of parts that start anew where a checkpoint has none, or one of other
            variables: an earlier version wrote it, with fewer metrics perhaps.
    """

    def __init__(
        self, folder, parts, step, minutes=5.0, steps=None, best=None, by=None,
        before_save=lambda: None, patience=None, optional=("metrics",),
    ):  # fmt: skip
        super().__init__()
        self.folder = Path(folder)
        self.minutes, self.steps = minutes, steps
        self.step, self.best, self.by = step, best, by
        self.before_save, self.patience = before_save, patience
        self._variables = {name: _variables(part) for name, part in parts.items()}
        self._optional = optional
        self._last = None  # the step of the last one that was read or written
        self._written = time.monotonic()

    def restore(self) -> int:
        """Read the newest checkpoint that can be read, and return its step (0 without any).

        Damaged ones that are newer are named on standard output, and set aside as
        ``damaged-step-<N>.*``.

        Raises: UserError if there are some, but none can be read or fits the model.
        """
        steps, reasons = _steps(self.folder), []
        starts = {
            name: [v.numpy() for v in self._variables.get(name, ())] for name in self._optional
        }
        for step in steps:
            try:
                self._read(str(self.folder / f"step-{step}"), starts)
            except DAMAGED as error:
                reasons.append(_reason(error))
                continue
            for damaged, reason in zip(steps, reasons, strict=False):
                print(
                    f"warning: {self.folder / f'step-{damaged}'}: this checkpoint cannot be read "
                    f"({reason}); set aside, going on from the one of step {step}"
                )
                for file in self.folder.glob(f"step-{damaged}.*"):
                    os.replace(file, file.with_name(f"damaged-{file.name}"))
            self._last = step
            return _number(self.step)
        if not steps:
            return 0
        each = "; ".join(
            f"step-{step}: {reason}" for step, reason in zip(steps, reasons, strict=True)
        )
        raise UserError(
            f"{self.folder}: no checkpoint in it can be read ({each}); choose a new folder"
        )

    def _read(self, prefix, starts):
        """Read a checkpoint: all that it holds, and all that the parts consist of."""
        parts = dict(self._variables)
        for name, start in starts.items():
            stored, variables = _stored(prefix, name), self._variables.get(name, [])
            if _fits(stored, variables):
                continue
            # What is stored is read all the same, to be dropped: so all is seen to be whole.
            parts[name] = [tf.Variable(tf.zeros(spec.shape, spec.dtype)) for spec in stored]
            for variable, value in zip(variables, start, strict=True):
                variable.assign(value)  # a damaged checkpoint may have been read into it
        counters = []  # (of int64, what is read for it): int32 before 0.2.0
        for name, variables in parts.items():
            parts[name] = [
                self._counter(variable, spec, counters)
                for variable, spec in itertools.zip_longest(variables, _stored(prefix, name))
                if variable is not None
            ]
        status = tf.train.Checkpoint(**parts).read(prefix)
        status.assert_existing_objects_matched().assert_consumed()
        for variable, stored in counters:
            variable.assign(tf.cast(stored, variable.dtype))

    @staticmethod
    def _counter(variable, stored, counters):
        """What to read a variable from: itself, but for a counter that is stored as int32."""
        if stored is None or (variable.dtype, stored.dtype) != (tf.int64, tf.int32):
            return variable
        counters.append((variable, tf.Variable(tf.zeros(stored.shape, stored.dtype))))
        return counters[-1][1]

    def save(self):
        """Write a checkpoint of the present step, if it is not there yet.

        Raises: UserError if it cannot be written (a full disk); the last one is left as it was.
        """
        step = _number(self.step)
        if step != self._last:
            try:
                self.before_save()
                self._write(step)
            except (tf.errors.OpError, OSError) as error:
                shutil.rmtree(self.folder / "new", ignore_errors=True)
                kept = f"the one of step {newest_step(self.folder)} is intact"
                raise UserError(
                    f"{self.folder}: the checkpoint of step {step} cannot be written "
                    f"({_reason(error)}); {kept if _steps(self.folder) else 'there is none yet'}; "
                    "see that the folder can be written and has room, and start the run again"
                ) from error
            self._last = step
        self._written = time.monotonic()

    def _write(self, step):
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)  # what a kill left
        tf.train.Checkpoint(**self._variables).write(str(new / f"step-{step}"))
        for file in sorted(new.iterdir(), key=lambda file: file.suffix == ".index"):
            with open(file, "rb") as written:
                os.fsync(written.fileno())
            os.replace(file, self.folder / file.name)
        new.rmdir()
        self._keep(2)

    def _keep(self, count):
        """Remove all but the newest; the index first, without which it is no checkpoint."""
        for step in _steps(self.folder)[count:]:
            (self.folder / f"step-{step}.index").unlink()
            for file in self.folder.glob(f"step-{step}.*"):
                file.unlink()
        # For tf.train.latest_checkpoint: nothing here reads it, and TensorFlow's own function that
        # writes it is deprecated.
        (self.folder / "checkpoint.part").write_text(
            f'model_checkpoint_path: "step-{newest_step(self.folder)}"\n', "utf-8"
        )
        os.replace(self.folder / "checkpoint.part", self.folder / "checkpoint")

    def keep_newest(self):
        """Remove all checkpoints but the newest, as a finished run needs no more."""
        self._keep(1)
        for file in self.folder.glob("damaged-step-*"):
            file.unlink()

    def on_train_begin(self, logs=None):
        """Forget a best that an earlier run validated within an epoch, which now goes on."""
        if not _best(self.folder).get("step", 0) % (self.params.get("steps") or 1):
            return
        for name in ("best.weights.h5", "best.json"):
            whole = self.folder / f"whole_{name}"
            if whole.exists():
                os.replace(whole, self.folder / name)
            else:
                (self.folder / name).unlink(missing_ok=True)

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 != self.params["steps"]:
            self._save_if_due()

    def _save_if_due(self):
        due = time.monotonic() - self._written > 60 * self.minutes
        if self.steps:  # passed, not met: where logs are read every few steps, this is called so
            due |= _number(self.step) // self.steps > (self._last or 0) // self.steps
        if due:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        self._keep_if_best(epoch, logs or {})
        self._save_if_due()
        if patience_ends(self.folder, self.patience, epoch + 1):
            self.model.stop_training = True

    def _keep_if_best(self, epoch, logs):
        value = logs.get(self.by)
        if value is None or not value < self._best_so_far():  # nan is not the best
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {"epoch": epoch + 1, "step": _number(self.step), self.by: value}
        if record["step"] % (self.params.get("steps") or 1):  # the epoch may be gone on with
            for name in ("best.weights.h5", "best.json"):
                if (self.folder / name).exists():
                    shutil.copyfile(self.folder / name, self.folder / f"whole_{name}")
        temporary = self.folder / "new.weights.h5"
        self.best.save_weights(temporary)
        os.replace(temporary, self.folder / "best.weights.h5")
        temporary = self.folder / "new.json"
        temporary.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        os.replace(temporary, self.folder / "best.json")

    def _best_so_far(self):
        return _best(self.folder).get(self.by, float("inf"))

    def on_train_end(self, logs=None):
        self.save()


def _number(variable) -> int:
    return int(variable.value.numpy())  # a variable of tf.distribute has no __int__


def _reason(error) -> str:
    """The first line of what TensorFlow or the system says."""
    return str(getattr(error, "strerror", None) or error).partition("\n")[0]


def read_networks(folder, **networks):
    """Read networks' weights from the newest checkpoint in a folder, optimisers left alone.

    Raises: UserError if there is none, or it does not fit.
    """
    newest = newest_checkpoint(folder)
    if newest is None:
        raise UserError(f"{folder}: holds no checkpoint; give a run folder with checkpoints/")
    try:
        parts = {name: _variables(network) for name, network in networks.items()}
        for name, variables in parts.items():
            if not _fits(_stored(newest, name), variables):
                raise UserError(
                    f"{newest}: its {name} is another one; give the filters, image size and "
                    "normalization that it was trained with"
                )
        tf.train.Checkpoint(**parts).read(newest).expect_partial()
    except DAMAGED as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{newest}: cannot be read ({_reason(error)})") from error


def copy_weights(source, target) -> list[str]:
    """Copy weights from one built Keras model into another, as far as they agree.

    Args: source, target: weights agree if their paths below the models' own names do, and their
        shapes: ``down_1/convolution/kernel``. Layers must have names of their own, then.
    Returns: the paths in the target that were left as they were.
    Raises: UserError if nothing agrees.

    Example, a U-Net's first layers for images of another number of channels::

        left = copy_weights(tf_gen.load("runs/maps"), generator)  # ["output/kernel", ...]
    """
    given, left = _by_path(source), []
    for path, variable in _by_path(target).items():
        if path in given and given[path].shape == variable.shape:
            variable.assign(given[path].value)
        else:
            left.append(path)
    if len(left) == len(target.weights):
        raise UserError(
            f"no weight of {source.name} fits {target.name}; take a model of the same layers"
        )
    return left


def _by_path(model) -> dict:
    """A model's weights by their paths below its own name, which Keras counts on (``vae_1``)."""
    paths = {f"/{weight.path}": weight for weight in model.weights}
    return {path.partition(f"/{model.name}/")[2] or path[1:]: w for path, w in paths.items()}
