"""Benchmarks on this machine: training steps, inference and the data pipeline, beside plain Keras
code, PyTorch (where it is installed) and the bound that the arithmetic sets.

    python -m experiments.benchmark
    python -m experiments.benchmark --what training --models pix2pix --pix2pix-batches 2

Each variant runs in a process of its own, in turn with the others; about an hour on two cores. All
variants of a table are held in memory: about 3 GiB each of pix2pix at batch 8, 16 GiB together.
On a GPU they are compiled and not, five being built at once; a table should take less than five
minutes, and is one command where the card is there for minutes only (needs no matplotlib):

    python -m experiments.benchmark --what training --models vae --autoencoder-batches 128
    python -m experiments.benchmark --what growth --growth-batches 2 --growth-sizes 512 1024
"""

import dataclasses

from experiments.benchmarks.options import BenchmarkOptions
from experiments.launch.cli import DONE, launch
from experiments.launch.errors import UsageError
from experiments.launch.options import default_run_dir

NAME = "benchmark"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkOptions):
    """Every option has a default."""


def run(config: Config) -> int:
    """Measure, print, write and draw; returns the exit code."""
    config.check()
    from experiments.benchmarks.measures import measure_all  # imports TensorFlow
    from experiments.launch.output import make_writable

    output = config.output or default_run_dir(NAME)
    make_writable(output)
    if (output / "benchmark.json").exists():
        raise UsageError(f"--output {output}: holds a benchmark already; choose another folder")
    measure_all(config, output)
    print(f"{output}: benchmark.json, benchmark.md and the charts")
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
