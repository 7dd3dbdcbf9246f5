"""A VQ-VAE on faces, and on what a VAE generates (the report, R1.3)."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import check_range, launch
from experiments.launch.options import FaceOptions

NAME = "vq_vae_faces"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(FaceOptions):
    """Every option; "report" or "ours" says where a default comes from."""

    epochs: int = 10
    """Times that each image is shown (ours: as for the VAE)."""
    codes: int = 512
    """Size of the codebook (ours)."""
    code_dim: int | None = None
    """Width of its vectors; default: as many as the encoder's output has channels (report), else
    a 1 x 1 convolution comes between."""
    commitment_weight: float = 0.25
    """Weight of the commitment loss, beta (ours: the paper's)."""
    codebook: Literal["gradient", "ema"] = "gradient"
    """How the codebook learns: by its loss (report) or by moving averages."""
    codebook_start: Literal["uniform", "kmeans"] = "uniform"
    """How it starts: uniform (report) or by k-means on the first images."""
    restart_below: float = 0.0
    """A code that gets fewer vectors of a batch than this, on average, is set to one of them
    (report: never)."""
    vae_run: Path | None = None
    """A finished run of vae_anime or vae_cartoon whose generated images are reconstructed as
    well. Default: a VAE is trained first, on the same data, in the run folder's vae/."""
    vae_epochs: int = 10
    """Epochs of that VAE (report); what is not said here it takes from vae_anime's defaults."""

    def check(self) -> None:
        super().check()
        for field in ("codes", "vae_epochs", *(["code_dim"] if self.code_dim is not None else [])):
            check_range(field.replace("_", "-"), getattr(self, field), 1)
        check_range("commitment-weight", self.commitment_weight, 0.0)
        check_range("restart-below", self.restart_below, 0.0)


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.vq_vae import VqVaeTask

    return train_run(NAME, config, VqVaeTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
