"""Benchmarks on this machine: what the data pipeline reaches beside a plain one."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments._launch import check_range, launch

NAME = "benchmark"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Every option."""

    what: tuple[Literal["pipeline"], ...] = ("pipeline",)
    """pipeline: reading pairs and making batches of them, and what a training step waits for."""
    data: str = "synthetic"
    """synthetic (pairs drawn by the package, saved as JPEG of 1200 x 600), or a folder that holds
    train/ of side-by-side pairs."""
    pairs: int = 240
    """Pairs in an epoch, at most."""
    rounds: int = 5
    """Times that each variant is measured, in turn with the others."""
    steps: int = 12
    """Training steps of pix2pix in each round, with batches from the pipeline and with one batch
    again and again; 0 leaves the training out."""
    filters: int = 64
    """Width of pix2pix' first layers."""
    cache_gib: float = 0.25
    """Memory for decoded images, for the measure of the peak."""
    output: Path | None = None
    """Folder for benchmark.json and the chart. Default: runs/benchmark/<time>."""

    def check(self) -> None:
        """Raise UserError for a number out of range."""
        check_range("pairs", self.pairs, 8)
        check_range("rounds", self.rounds, 1)
        check_range("steps", self.steps, 0)
        check_range("filters", self.filters, 1)
        check_range("cache-gib", self.cache_gib, 0.0)


def run(config: Config) -> int:
    """Measure, print, write and draw; returns the exit code."""
    config.check()
    from experiments._benchmark.pipeline import measure_pipeline  # imports TensorFlow

    return measure_pipeline(config)


if __name__ == "__main__":
    launch(NAME, Config, run)
