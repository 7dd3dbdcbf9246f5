"""SPADE on maps: a street map's classes to aerial photograph (Park et al. 2019).

    python -m experiments.spade_maps                     on a city that the package draws
    python -m experiments.spade_maps --data report       on the published maps (250 MB)
    python -m experiments.spade_maps --data FOLDER       on your own pairs

The report names SPADE among pix2pix' successors (R2.1). The generator is the paper's without its
latent vector, of 92 million weights: on a processor take --filters 16 and --precision bfloat16.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.tasks.options import SpadeOptions

NAME = "spade_maps"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SpadeOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (paper) says that it is the paper's, (ours) that it is not, or that it is silent.
    """


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.spade import SpadeTask

    return train_run(NAME, config, SpadeTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
