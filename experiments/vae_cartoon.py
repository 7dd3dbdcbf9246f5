"""A VAE on cartoon faces (the report, R1.1, figures 4 to 6)."""

import dataclasses

from experiments.launch.cli import launch
from experiments.launch.options import VaeOptions

NAME = "vae_cartoon"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VaeOptions):
    """Every option; "report" or "ours" says where a default comes from."""

    crop: tuple[float, ...] = (0.75,)
    """Share of width and height that is kept of a folder's images, from the centre: the published
    cartoon faces have a wide margin."""


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.vae import VaeTask

    return train_run(NAME, config, lambda config: VaeTask(config, "cartoon"))


if __name__ == "__main__":
    launch(NAME, Config, run)
