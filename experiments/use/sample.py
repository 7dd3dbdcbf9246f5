"""Images drawn from a trained model that generates, as PNG files."""

import numpy as np
import tensorflow as tf

from experiments.launch.cli import DONE
from experiments.launch.errors import UsageError
from experiments.launch.output import check_ours, make_writable, write_png
from experiments.launch.saved_models import load_saved_model
from tf_gen.data.images import to_levels

BATCH = 100


def draw_images(config) -> int:
    """Draw and write the images; returns the exit code."""
    model = load_saved_model("model", config.model, "model that generates", ["sample", "decode"])
    classes = class_names(model)
    labels = chosen_labels(config.label, classes)
    sample, sampler = chosen_sampler(model, config)
    make_writable(config.output)
    folders = {
        label: config.output if len(labels) == 1 else config.output / classes[label]
        for label in labels
    }
    check_ours(folder / f"{i}.png" for folder in folders.values() for i in range(config.count))
    for label, folder in folders.items():
        for first in range(0, config.count, BATCH):
            count = min(BATCH, config.count - first)
            for i, image in enumerate(draw(sample, label, count, config.seed, first)):
                write_png(folder / f"{first + i}.png", image)
    drawn = f" of {', '.join(classes[label] for label in labels)}" if classes else ""
    print(f"{config.output}: {config.count * len(labels)} images{drawn}, {sampler}")
    return DONE


def class_names(model) -> list[str] | None:
    """Of a conditional VAE, in the labels' order; None of a VAE."""
    if not hasattr(model, "class_names"):
        return None
    return [name.decode() for name in model.class_names().numpy()]


def chosen_labels(wanted: str | None, classes: list[str] | None) -> list[int | None]:
    """The labels to draw; [None] for a model without. Raises: UsageError for an unknown one."""
    if classes is None:
        if wanted is not None:
            raise UsageError(f"--label {wanted}: the model has no classes; leave it out")
        return [None]
    if wanted is None:
        return list(range(len(classes)))
    if wanted in classes:
        return [classes.index(wanted)]
    if wanted.isdecimal() and int(wanted) < len(classes):
        return [int(wanted)]
    known = ", ".join(f"{label} ({name})" for label, name in enumerate(classes))
    raise UsageError(f"--label {wanted}: the model's labels are {known}")


def chosen_sampler(model, config):
    """(The function that draws, what is said of it). Raises: UsageError if the model lacks it."""
    if hasattr(model, "sample_codes"):
        if config.sampler != "auto":
            raise UsageError(
                f"--sampler {config.sampler}: a prior draws codes, no latents; leave it out"
            )
        temperature = 1.0 if config.temperature is None else config.temperature
        return lambda given, seed: model.decode(model.sample_codes(given, seed, temperature)), (
            f"from the prior over its codes, at temperature {temperature:g}"
        )
    if config.temperature is not None:
        raise UsageError("--temperature: only a prior over codes has one; leave it out")
    found = getattr(model, "sample_mixture", None)
    if config.sampler == "normal" or (config.sampler == "auto" and found is None):
        return model.sample, "from N(0, I)"
    if found is None:
        raise UsageError(
            f"--sampler gaussian_mixture: {config.model} has no function sample_mixture, as the "
            "models of earlier versions have not; leave it out"
        )
    return found, "from the Gaussians fitted to the training images' latents"


def draw(sample, label: int | None, count: int, seed: int, part: int) -> np.ndarray:
    """uint8 [count, H, W, 3]; ``part`` tells one batch of a long series from the next."""
    given = tf.constant(count) if label is None else tf.fill([count], label)
    images = sample(given, tf.constant([seed, part])).numpy()
    return to_levels(images)
