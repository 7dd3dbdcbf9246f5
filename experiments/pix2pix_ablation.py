"""Which change of pix2pix' recipe helps on your pairs? One at a time, small, and at equal cost.

    python -m experiments.pix2pix_ablation --data FOLDER --precision bfloat16
    python -m experiments.pix2pix_ablation --data FOLDER --recipes two_scales hinge --seeds 3
    python -m experiments.pix2pix_ablation --no-train --runs docs/runs/ablation    from records

Trains a small pix2pix by the report's recipe, and again for each change of it, from map to
photograph, and writes RUNS/README.md: the options, what each cost, and what each measure says. If
it is interrupted, give the same command again. docs/runs/ablation is that of the published maps,
docs/runs/ablation_full_size three of them at the report's size (--filters 64 --epochs 10).
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.page.options import AblationOptions

NAME = "pix2pix_ablation"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AblationOptions):
    """Every option has a default."""


def run(config: Config) -> int:
    """Train, measure and write the table; returns the exit code."""
    config.check()
    from experiments.page.ablation import ablate  # imports TensorFlow

    return ablate(config)


if __name__ == "__main__":
    launch(NAME, Config, run)
