"""Make a ready model of a finished run: its weights in float16, its card, its digest.

    python -m experiments.make_ready --run-dir RUN --name cartoon_vae

Writes tf_gen/pretrained/NAME, which the wheel holds and tf_gen.load("NAME") reads. How those that
are there were trained stands in their cards.
"""

import dataclasses
from pathlib import Path

from experiments.launch.cli import DONE, launch

NAME = "make_ready"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An option without a default must be given."""

    run_dir: Path
    """A finished run."""
    name: str
    """Which ready model it becomes: one that experiments/use/cards.toml tells of."""
    output: Path | None = None
    """The folder to write. Default: the package's own, tf_gen/pretrained/NAME."""


def run(config: Config) -> int:
    """Pack the run; returns the exit code."""
    from experiments.use.make_ready import make_ready  # imports TensorFlow

    make_ready(config)
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
