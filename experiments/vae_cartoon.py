"""A VAE on cartoon faces (the report, R1.1, figures 4 to 6; Kingma and Welling 2014).

    python -m experiments.vae_cartoon                  on faces that the package draws
    python -m experiments.vae_cartoon --data report    on Google's Cartoon Set
    python -m experiments.vae_cartoon --data FOLDER    on your own images

Drawn faces take 2 minutes on two cores with AVX-512. On 4,000 faces of the Cartoon Set expect the
figures of docs/runs/vae_cartoon: val_mse 0.0034, val_ssim 0.837, val_loss 3183 (nats), active_units
128, in 9 minutes of training on two cores with AVX-512 beside other work.
"""

import dataclasses
import functools

from experiments.launch.cli import launch
from experiments.tasks.options import VaeOptions

NAME = "vae_cartoon"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VaeOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (report) says that it is the report's, (ours) that the report is silent.
    """

    crop: tuple[float, ...] = (0.75,)
    """Share of width and height that is kept of a folder's images, from the centre: the published
    cartoon faces have a wide margin."""


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.vae import VaeTask

    return train_run(NAME, config, functools.partial(VaeTask, style="cartoon"))


if __name__ == "__main__":
    launch(NAME, Config, run)
