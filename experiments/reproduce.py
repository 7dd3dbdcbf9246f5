"""Reproduce the whole report, on drawn images or (--data report) the published sets: train what is
missing, measure it, and write one page, as Markdown and as HTML that needs no other file: every
figure and table of the report with ours beside it.

    python -m experiments.reproduce                           on drawn images
    python -m experiments.reproduce --data report             on the published sets
    python -m experiments.reproduce --no-train --runs docs/runs --output PAGE    from records

If it is interrupted, give the same command again: finished runs are kept. The page lies in
RUNS/reproduction.md and .html.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.page.options import ReproductionOptions

NAME = "reproduce"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ReproductionOptions):
    """Every option has a default."""


def run(config: Config) -> int:
    """Train, measure and write the page; returns the exit code."""
    config.check()
    from experiments.page.reproduction import reproduce  # imports TensorFlow

    return reproduce(config)


if __name__ == "__main__":
    launch(NAME, Config, run)
