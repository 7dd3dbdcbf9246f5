"""Finding and loading the model that a command is given: a SavedModel, or a ready model."""

from pathlib import Path
from types import SimpleNamespace

import tensorflow as tf

from experiments.launch.errors import UsageError
from tf_gen import VAE, CodePrior, load
from tf_gen.export import translations
from tf_gen.export.autoencoders import code_prior_functions, vae_functions
from tf_gen.pretrained import ready_models, run_folder
from tf_gen.training.run_dir import RunDir

FUNCTIONS = {VAE: vae_functions, CodePrior: code_prior_functions}  # of ready models


def load_saved_model(option: str, path: Path, kind: str, functions):
    """Load a SavedModel, or the one in a run's folder; or make the same of a ready model's name.

    Args: option: the command line's name for it; kind: what it should be; functions: that it
    must have.
    Raises: UsageError if it is none, cannot be loaded, or lacks a function.
    """
    folder = run_folder(path)
    model = _of_ready(folder) if folder != path else _of_files(option, path)
    for name in functions:
        if not callable(getattr(model, name, None)):
            raise UsageError(f"--{option} {path}: no {kind}, it has no function {name}")
    return model


def record_of(path: Path) -> dict:
    """``config.json`` of a run or a ready model; {} of what has none."""
    return RunDir(run_folder(path), writing=False).read("config.json") or {}


def _of_files(option, path):
    inner = path / "saved_model"
    folder = str(inner if inner.is_dir() else path)
    if not tf.saved_model.contains_saved_model(folder):
        ready = f", nor is it a ready model: {', '.join(ready_models())}"
        raise UsageError(
            f"--{option} {path}: neither a SavedModel nor a finished run, which has "
            "saved_model/ in it" + ("" if path.exists() else ready)
        )
    try:
        return tf.saved_model.load(folder)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"--{option} {path}: cannot be loaded ({reason})") from error


def _of_ready(folder):
    """What its run's SavedModel has, of the Keras model: nothing is saved and read again."""
    model = load(folder)
    if type(model) in FUNCTIONS:
        functions = FUNCTIONS[type(model)](model)
        return SimpleNamespace(**{name: call for name, (call, _) in functions.items()})
    identity = record_of(folder)["identity"]
    return translations(model, identity["image_size"], identity.get("input_channels", 3))
