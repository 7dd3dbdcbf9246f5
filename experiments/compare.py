"""Set several runs beside each other: what they were asked for, what they reached, how they look.

    python -m experiments.compare RUN RUN ... --output FOLDER

Writes comparison.md, a table of the options that differ and of the figures that two or more of the
runs have, and comparison.png, a picture that each run drew, one below the other. Takes records
(docs/runs) as it takes runs, of any kinds.
"""

import dataclasses
from pathlib import Path

import tyro

from experiments.launch.cli import DONE, launch
from experiments.launch.errors import UsageError

NAME = "compare"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An option without a default must be given."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Finished runs, or records of such."""
    output: Path = Path("comparison")
    """The folder to write to."""
    picture: str | None = None
    """Which of the pictures in the runs' figures/, without its ending. Default: what each kind of
    run makes."""

    def check(self) -> None:
        """Raise UsageError for fewer than two runs."""
        if len(self.runs) < 2:
            raise UsageError("RUN RUN ...: give two runs or more")


def run(config: Config) -> int:
    """Read the runs and write both files; returns the exit code."""
    config.check()
    from experiments.use.compare import compare

    compare(config)
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
