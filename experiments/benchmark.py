"""Benchmarks on this machine: training steps, inference and the data pipeline, beside plain Keras
code, PyTorch (where it is installed) and the bound that the arithmetic sets.

Each variant runs in a process of its own, in turn with the others; about an hour on two cores. All
of a table are in memory at once: about 3 GiB each of pix2pix at batch 8, 16 GiB together.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import DONE, check_range, default_run_dir, launch

NAME = "benchmark"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Every option."""

    what: tuple[Literal["pipeline", "training", "inference", "growth"], ...] = (
        "pipeline", "training", "inference",
    )  # fmt: skip
    """pipeline: reading pairs, making batches, and what a training step waits for; training:
    steps of each model; inference: of the SavedModels; growth: a step of pix2pix (alone) by batch
    size, image size and replicas."""
    models: tuple[Literal["pix2pix", "vae", "cvae", "vq_vae"], ...] = (
        "pix2pix", "vae", "cvae", "vq_vae",
    )  # fmt: skip
    """Whose training and inference are measured; the inference of cvae is that of vae."""
    pix2pix_batches: tuple[int, ...] = (1, 2, 8)
    """Batch sizes of training pix2pix (256 x 256)."""
    autoencoder_batches: tuple[int, ...] = (32, 128)
    """Batch sizes of training the others (64 x 64)."""
    inference_batches: tuple[int, ...] = (1, 8)
    """Batch sizes of inference."""
    rounds: int = 5
    """Times that each variant is measured, in turn with the others."""
    seconds: float = 3.0
    """Of training or inference in a turn, about (two steps at least)."""
    filters: int = 64
    """Width of pix2pix' first layers."""
    data: str = "synthetic"
    """For pipeline: synthetic (pairs drawn by the package, saved as JPEG of 1200 x 600), or a
    folder that holds train/ of side-by-side pairs."""
    pairs: int = 240
    """For pipeline: pairs in an epoch, at most."""
    steps: int = 12
    """For pipeline: training steps of pix2pix in each round, with batches of an epoch and with one
    batch again and again; 0 leaves them out."""
    cache_gib: float = 0.25
    """For pipeline: memory for decoded images, for the measure of the peak."""
    output: Path | None = None
    """Folder for benchmark.json, benchmark.md (tables) and charts. Default:
    runs/benchmark/<time>."""

    def check(self) -> None:
        """Raise UserError for a number out of range, or for choices that measure nothing."""
        from tf_gen.errors import UserError

        for field in ("what", "models"):
            if not getattr(self, field):
                raise UserError(f"--{field}: names nothing; leave it out, or choose some")
        if set(self.what) == {"inference"} and set(self.models) == {"cvae"}:
            raise UserError("--models cvae: its inference is the VAE's; give --models vae")
        check_range("pairs", self.pairs, 8)
        check_range("rounds", self.rounds, 1)
        check_range("steps", self.steps, 0)
        check_range("filters", self.filters, 1)
        check_range("cache-gib", self.cache_gib, 0.0)
        check_range("seconds", self.seconds, 0.0)
        for field in ("pix2pix_batches", "autoencoder_batches", "inference_batches"):
            for batch in getattr(self, field):
                check_range(field.replace("_", "-"), batch, 1)


def run(config: Config) -> int:
    """Measure, print, write and draw; returns the exit code."""
    config.check()
    from experiments.benchmarks.measures import measure_all  # imports TensorFlow
    from experiments.launch.output import make_writable
    from tf_gen.errors import UserError

    output = config.output or default_run_dir(NAME)
    make_writable(output)
    if (output / "benchmark.json").exists():
        raise UserError(f"--output {output}: holds a benchmark already; choose another folder")
    measure_all(config, output)
    print(f"{output}: benchmark.json, benchmark.md and the charts")
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
