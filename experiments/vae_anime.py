"""A VAE on anime faces (the report, R1.1, figures 1 to 3)."""

import dataclasses

from experiments.launch.cli import launch
from experiments.launch.options import VaeOptions

NAME = "vae_anime"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VaeOptions):
    """Every option; "report" or "ours" says where a default comes from."""


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.vae import VaeTask

    return train_run(NAME, config, lambda config: VaeTask(config, "anime"))


if __name__ == "__main__":
    launch(NAME, Config, run)
