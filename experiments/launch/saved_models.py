"""Finding and loading the model that a command is given: a SavedModel, or a ready model."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import tensorflow as tf

from experiments.launch.errors import UsageError
from tf_gen import CVAE, VAE, VQVAE, CodePrior, load
from tf_gen.data.images import image_sides
from tf_gen.export import (
    export_code_prior,
    export_cvae,
    export_pix2pix,
    export_vae,
    export_vq_vae,
    translations,
)
from tf_gen.export.autoencoders import code_prior_functions, vae_functions
from tf_gen.pretrained import DIGESTS, ready_models, run_folder
from tf_gen.training.run_dir import RunDir, plain_copy

FUNCTIONS = {VAE: vae_functions, CodePrior: code_prior_functions}  # of ready models
EXPORTS = {VAE: export_vae, CVAE: export_cvae, VQVAE: export_vq_vae, CodePrior: export_code_prior}


def load_saved_model(option: str, path: Path, kind: str, functions):
    """Load a SavedModel, or the one in a run's folder; or make the same of a ready model's name.

    Args: option: the command line's name for it; kind: what it should be; functions: that it
    must have.
    Raises: UsageError if it is none, cannot be loaded, or lacks a function.
    """
    ready = _ready(path)
    model = _of_ready(ready) if ready else _of_files(option, path)
    for name in functions:
        if not callable(getattr(model, name, None)):
            raise UsageError(f"--{option} {path}: no {kind}, it has no function {name}")
    return model


@contextlib.contextmanager
def float32_saved_model(option: str, path: Path) -> Iterator[tuple[str, object | None]]:
    """The folder of a SavedModel that computes in float32, of a run or a ready model: the run's own
    if it does, else one that is written for a while, of its Keras model.

    Yields: the folder; the run's own SavedModel, loaded, if it is another.
    Raises: UsageError as ``load_saved_model``.
    """
    ready = _ready(path)
    own = None if ready else _of_files(option, path)
    identity = record_of(path).get("identity", {})
    if not ready and identity.get("precision", "float32") == "float32":
        yield _folder_of_files(path), None
        return
    with tempfile.TemporaryDirectory() as folder:
        model = plain_copy(load(ready or _run_of(path)), in_float32=True)
        write_saved_model(model, path, folder)
        yield folder, own


def write_saved_model(model, path: Path, folder: str) -> None:
    """The SavedModel of a Keras model. Args: path: the run or ready model that it is of."""
    if type(model) in EXPORTS:
        EXPORTS[type(model)](model, folder)
    else:
        *sides, channels = _served_shape(path)
        export_pix2pix(model, folder, tuple(sides), channels)


def _served_shape(path):
    """(height, width, channels) of the images that a pix2pix was made for."""
    if not _ready(path):
        signature = _of_files("model", path).signatures.get("translate_fixed")
        if signature is not None:  # older ones have none
            return signature.structured_input_signature[1]["images"].shape[1:]
    identity = record_of(path)["identity"]
    return *image_sides(identity["image_size"]), identity.get("input_channels", 3)


def record_of(path: Path) -> dict:
    """``config.json`` of a run, also by its saved_model/, or of a ready model; {} of what has
    none."""
    return RunDir(_run_of(path), writing=False).read("config.json") or {}


def _run_of(path) -> Path:
    folder = run_folder(path)
    return folder.parent if folder.name == "saved_model" else folder


def _ready(path) -> Path | None:
    """The folder of a ready model, by its name or its path."""
    folder = run_folder(path)
    return folder if (folder / DIGESTS).is_file() else None


def _of_files(option, path):
    folder = _folder_of_files(path)
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


def _folder_of_files(path) -> str:
    inner = path / "saved_model"
    return str(inner if inner.is_dir() else path)


def _of_ready(folder):
    """What its run's SavedModel has, of the Keras model: nothing is saved and read again."""
    model = load(folder)
    if type(model) in FUNCTIONS:
        functions = FUNCTIONS[type(model)](model)
        return SimpleNamespace(**{name: call for name, (call, _) in functions.items()})
    identity = record_of(folder)["identity"]
    return translations(model, identity["image_size"], identity.get("input_channels", 3))
