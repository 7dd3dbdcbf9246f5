"""A model converted for another runtime, run there, and compared with its SavedModel."""

import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.launch.errors import UsageError
from experiments.launch.output import make_writable
from experiments.launch.saved_models import float32_saved_model, record_of
from experiments.use.compared_images import compared_images
from experiments.use.formats import FORMATS
from tf_gen.data.images import to_unit_range
from tf_gen.metrics import ssim

DEFAULTS = ("translate_fixed", "reconstruct", "decode")  # the first that a model has
INPUTS = {"images", "labels", "latents", "codes"}  # of what can be converted


def export(config) -> None:
    """Convert, compare, write the file, and say so."""
    make = FORMATS[config.to]
    check_output(config.output, make.ending)
    make.check_installed(config.to)
    with (
        float32_saved_model("model", config.model) as (folder, own),
        tempfile.TemporaryDirectory(dir=config.output.parent) as work,
    ):
        model = tf.saved_model.load(folder)
        name = chosen_function(config, model)
        inputs, whose = inputs_of(config, model, name)
        path = Path(work) / config.output.name
        make.convert(config, model, name, inputs, path)
        found = in_turn(make.client(config, path, name), inputs)
        os.replace(path, config.output)
    size = config.output.stat().st_size
    print(f"{config.output}: {name} of {config.model}, {size / 1e6:.1f} MB ({size:,} bytes)")
    tell(f"to the SavedModel, on {whose}", in_turn(model.signatures[name], inputs), found)
    if own is not None:
        precision = record_of(config.model)["identity"]["precision"]
        tell(f"to the run's own, which computes in {precision}",
             in_turn(own.signatures[name], inputs), found)  # fmt: skip


def check_output(path: Path, ending: str) -> None:
    """Raise UsageError for a name that cannot be written."""
    if path.suffix != ending:
        raise UsageError(f"--output {path}: give a name that ends in {ending}")
    if os.path.lexists(path):
        raise UsageError(f"--output {path}: exists; give another name")
    make_writable(path.parent)


def chosen_function(config, model) -> str:
    """The function to convert. Raises: UsageError if the model lacks it, or it cannot be."""
    known = [name for name in model.signatures if name != "serving_default"]
    can = [name for name in known if set(specs_of(model, name)) <= INPUTS]
    name = config.function or next((name for name in DEFAULTS if name in can), None)
    if name in can:
        return name
    if name is None:
        why = f"--model {config.model}: has none of the functions {', '.join(DEFAULTS)}"
    elif name in known:
        why = f"--function {name}: draws noise, or reads files, which TensorFlow alone does its way"
    else:
        why = f"--function {name}: {config.model} has no such function"
    raise UsageError(f"{why}; give --function one of: {', '.join(can)}")


def specs_of(model, name) -> dict[str, tf.TensorSpec]:
    """The inputs of a signature."""
    return model.signatures[name].structured_input_signature[1]


def inputs_of(config, model, name) -> tuple[dict[str, np.ndarray], str]:
    """(What the function is tried on, whose images that is made of.)"""
    takes_images = name if "images" in specs_of(model, name) else "encode"
    spec = specs_of(model, takes_images)["images"]
    images, whose = compared_images(config, spec.shape)
    given = {"images": to_unit_range(images)}
    if hasattr(model, "class_names"):
        given["labels"] = np.arange(len(images), dtype=np.int32) % len(model.class_names())
    if takes_images != name:
        encode = {key: given[key] for key in specs_of(model, "encode")}
        encoded = in_turn(model.signatures["encode"], encode)
        given["latents"], given["codes"] = (encoded.get(key) for key in ("z_mean", "codes"))
    return {key: np.asarray(given[key]) for key in specs_of(model, name)}, whose


def in_turn(call, inputs) -> dict[str, np.ndarray]:
    """A function's outputs, one example at a time, as on a small machine."""
    count = len(next(iter(inputs.values())))
    each = [call(**{key: tf.constant(of[i : i + 1]) for key, of in inputs.items()})
            for i in range(count)]  # fmt: skip
    return {key: np.concatenate([one[key] for one in each]) for key in each[0]}


def tell(what: str, expected, found) -> None:
    """Print how far outputs lie apart."""
    for key, values in expected.items():
        if values.dtype.kind == "i":
            told = f"{np.mean(values != found[key]):.2%} of the places differ"
        else:
            apart = np.abs(values - found[key])
            told = f"{apart.max():.2g} at most, {apart.mean():.2g} on average"
        if key == "outputs":
            told += f", SSIM {np.mean(ssim(values, found[key])):.5f}"
        print(f"difference of the {key} {what}: {told}")
