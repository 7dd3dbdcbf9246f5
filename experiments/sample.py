"""Draw images from a trained model that generates: a VAE, a conditional VAE, a VQ-VAE's prior.

    python -m experiments.sample --model RUN --count 16 --output FOLDER

Writes 0.png, 1.png and so on; of a conditional VAE a folder for each class.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import launch
from experiments.launch.options import check_range

NAME = "sample"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An option without a default must be given."""

    model: Path
    """A finished run of vae_anime, vae_cartoon, cvae_faces or vq_prior, its SavedModel, or a ready
    model: cartoon_vae, cartoon_codes."""
    output: Path
    """The folder to write PNG files to: 0.png, 1.png ..., for each class in a folder of its own."""
    count: int = 16
    """How many images; of a conditional VAE without --label, of each class."""
    label: str | None = None
    """Of a conditional VAE: the class, by number or name. Default: all."""
    sampler: Literal["auto", "normal", "gaussian_mixture"] = "auto"
    """Where latents are drawn from: N(0, I), the prior, or Gaussians that were fitted to those of
    the training images when training ended. auto: these, where the model has them, since faces look
    better (docs/autoencoders.md)."""
    temperature: float | None = None
    """Of a prior: below 1 more of what is likely, 0 the likeliest alone. Default: 1."""
    seed: int = 0
    """Image i is a pure function of the model, the seed, the label and i."""

    def check(self) -> None:
        """Raise UsageError for a number out of range."""
        check_range(1, count=self.count)
        check_range(0, temperature=self.temperature)
        check_range(0, 2**31 - 1, seed=self.seed)


def run(config: Config) -> int:
    """Draw and write the images; returns the exit code."""
    config.check()
    from experiments.use.sample import draw_images  # imports TensorFlow

    return draw_images(config)


if __name__ == "__main__":
    launch(NAME, Config, run)
