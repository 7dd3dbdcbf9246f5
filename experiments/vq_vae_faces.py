"""A VQ-VAE on faces, and on what a VAE generates (the report, R1.3; van den Oord et al. 2017).

    python -m experiments.vae_anime --run-dir runs/vae
    python -m experiments.vq_vae_faces --vae-run runs/vae
    python -m experiments.vq_vae_faces --codebook ema --codebook-start kmeans --restart-below 1

With --vae-run it also reconstructs faces that the VAE generates (the report's figure). The third
command uses the whole codebook. All take --data, as vae_anime does. Drawn faces take up to 5
minutes on two cores with AVX-512. On 8,000 real anime faces expect of the second command the
figures of docs/runs/vq_vae_faces: val_mse 0.0072, val_ssim 0.695, val_perplexity 90.3 (of 512
codes), generated_mse 0.0021, in 5 minutes of training on two cores with AVX2 alone.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.launch.options import may_change
from experiments.tasks.options import VqVaeOptions

NAME = "vq_vae_faces"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VqVaeOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (report) says that it is the report's, (ours) that the report is silent.
    """

    epochs: int = may_change(10)
    """Times that each image is shown (ours: as for the VAE)."""


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.vq_vae import VqVaeTask

    return train_run(NAME, config, VqVaeTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
