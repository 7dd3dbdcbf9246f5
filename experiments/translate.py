"""Translate images that have no target with a trained pix2pix.

    python -m experiments.translate --model RUN --input FOLDER --output FOLDER

The PNG files are named after the inputs. What cannot be read is left out and named; the exit code
is then 4.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import launch
from experiments.launch.options import check_range

NAME = "translate"


@dataclasses.dataclass(frozen=True)
class Config:
    """An option without a default must be given."""

    model: Path
    """A finished run, a SavedModel that one wrote, or a ready model: drawn_city,
    drawn_city_reader."""
    input: Path
    """An image, or a folder of images of any sizes, nested folders too."""
    output: Path
    """The folder to write PNG files to, under the names that the input has."""
    sizing: Literal["resize", "pad", "tile"] = "resize"
    """resize: to the size that the model was trained at, and the result back: whole images are
    seen as in training. pad: each pixel keeps its scale, right and bottom edges are reflected up
    to the model's next multiple and cut off again: for images at the training images' scale. tile:
    for such, of any size: by tiles of the size of training, blended where they overlap."""
    overlap: int | None = None
    """Pixels that neighbouring tiles share at least. Default: a quarter of a tile."""
    batch_size: int | None = None
    """Images of the model's size that are translated at once, of resize and tile. Default: 8."""
    noise_seed: int | None = None
    """Translate in the report's mode, dropout on and each image's own statistics; the noise of
    image i is that of the seed [N, i]. Default: deterministic, with fixed statistics."""

    def check(self) -> None:
        """Raise UsageError for a number out of range."""
        check_range(0, 2**31 - 1, noise_seed=self.noise_seed)
        check_range(0, overlap=self.overlap)
        check_range(1, batch_size=self.batch_size)


def run(config: Config) -> int:
    """Translate image after image; returns the exit code."""
    config.check()
    from experiments.use.translate import translate_images  # imports TensorFlow

    return translate_images(config)


if __name__ == "__main__":
    launch(NAME, Config, run)
