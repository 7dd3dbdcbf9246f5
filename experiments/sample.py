"""Draw images from a trained VAE or conditional VAE."""

import dataclasses
from pathlib import Path

import numpy as np

from experiments.launch.cli import DONE, check_range, launch
from experiments.launch.output import make_writable, write_png
from experiments.launch.saved_models import load_saved_model

NAME = "sample"
BATCH = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Every option."""

    model: Path
    """A finished run of vae_anime, vae_cartoon or cvae_faces, or the SavedModel that one wrote."""
    output: Path
    """The folder to write PNG files to: 0.png, 1.png ..., for each class in a folder of its own."""
    count: int = 16
    """How many images; of a conditional VAE without --label, of each class."""
    label: str | None = None
    """Of a conditional VAE: the class, by number or name. Default: all."""
    seed: int = 0
    """Image i is a pure function of the model, the seed, the label and i."""

    def check(self) -> None:
        """Raise UserError for a number out of range."""
        check_range("count", self.count, 1)
        check_range("seed", self.seed, 0, 2**31 - 1)


def run(config: Config) -> int:
    """Draw and write the images; returns the exit code."""
    config.check()
    model = load_saved_model("model", config.model, "VAE", ["sample", "decode"])
    classes = class_names(model)
    labels = chosen_labels(config.label, classes)
    make_writable(config.output)
    for label in labels:
        folder = config.output if len(labels) == 1 else config.output / classes[label]
        for first in range(0, config.count, BATCH):
            count = min(BATCH, config.count - first)
            for i, image in enumerate(draw(model, label, count, config.seed, first)):
                write_png(folder / f"{first + i}.png", image)
    drawn = f" of {', '.join(classes[label] for label in labels)}" if classes else ""
    print(f"{config.output}: {config.count * len(labels)} images{drawn}")
    return DONE


def class_names(model) -> list[str] | None:
    """Of a conditional VAE, in the labels' order; None of a VAE."""
    if not hasattr(model, "class_names"):
        return None
    return [name.decode() for name in model.class_names().numpy()]


def chosen_labels(wanted: str | None, classes: list[str] | None) -> list[int | None]:
    """The labels to draw; [None] for a model without. Raises: UserError for an unknown one."""
    from tf_gen.errors import UserError

    if classes is None:
        if wanted is not None:
            raise UserError(f"--label {wanted}: the model has no classes; leave it out")
        return [None]
    if wanted is None:
        return list(range(len(classes)))
    if wanted in classes:
        return [classes.index(wanted)]
    if wanted.isdecimal() and int(wanted) < len(classes):
        return [int(wanted)]
    known = ", ".join(f"{label} ({name})" for label, name in enumerate(classes))
    raise UserError(f"--label {wanted}: the model's labels are {known}")


def draw(model, label: int | None, count: int, seed: int, part: int) -> np.ndarray:
    """uint8 [count, H, W, 3]; ``part`` tells one batch of a long series from the next."""
    import tensorflow as tf

    given = tf.constant(count) if label is None else tf.fill([count], label)
    images = model.sample(given, tf.constant([seed, part])).numpy()
    return np.rint(images * 255.0).astype(np.uint8)


if __name__ == "__main__":
    launch(NAME, Config, run)
