"""Finding and loading the SavedModel that a command is given."""

from pathlib import Path

import tensorflow as tf

from experiments.launch.errors import UsageError


def load_saved_model(option: str, path: Path, kind: str, functions):
    """Load a SavedModel, or the one in a run's folder.

    Args: option: the command line's name for it; kind: what it should be; functions: that it
    must have.
    Raises: UsageError if it is none, cannot be loaded, or lacks a function.
    """
    inner = path / "saved_model"
    folder = str(inner if inner.is_dir() else path)
    if not tf.saved_model.contains_saved_model(folder):
        raise UsageError(
            f"--{option} {path}: neither a SavedModel nor a finished run, which has "
            "saved_model/ in it"
        )
    try:
        model = tf.saved_model.load(folder)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"--{option} {path}: cannot be loaded ({reason})") from error
    for name in functions:
        if not callable(getattr(model, name, None)):
            raise UsageError(f"--{option} {path}: no {kind}, it has no function {name}")
    return model
