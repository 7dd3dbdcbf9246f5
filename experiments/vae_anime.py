"""A VAE on anime faces (the report, R1.1, figures 1 to 3; Kingma and Welling 2014).

    python -m experiments.vae_anime                  on faces that the package draws
    python -m experiments.vae_anime --data report    on the published ones (docs/data.md)
    python -m experiments.vae_anime --data FOLDER    on your own images

Drawn faces take 2 minutes on two cores with AVX-512. On 8,000 real anime faces expect the figures
of docs/runs/vae_anime: val_mse 0.0124, val_ssim 0.533, val_loss 6483 (nats), active_units 128, in 3
minutes of training on two cores with AVX-512.
"""

import dataclasses
import functools

from experiments.launch.cli import launch
from experiments.tasks.options import VaeOptions

NAME = "vae_anime"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VaeOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (report) says that it is the report's, (ours) that the report is silent.
    """


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.vae import VaeTask

    return train_run(NAME, config, functools.partial(VaeTask, style="anime"))


if __name__ == "__main__":
    launch(NAME, Config, run)
