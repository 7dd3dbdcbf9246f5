"""Options of ``experiments.benchmark``."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.errors import UsageError
from experiments.launch.options import check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
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
        """Raise UsageError for a number out of range, or for choices that measure nothing."""
        for field in ("what", "models"):
            if not getattr(self, field):
                raise UsageError(f"--{field}: names nothing; leave it out, or choose some")
        if set(self.what) == {"inference"} and set(self.models) == {"cvae"}:
            raise UsageError("--models cvae: its inference is the VAE's; give --models vae")
        check_range(8, pairs=self.pairs)
        check_range(
            1,
            rounds=self.rounds,
            filters=self.filters,
            pix2pix_batches=self.pix2pix_batches,
            autoencoder_batches=self.autoencoder_batches,
        )
        check_range(1, inference_batches=self.inference_batches)
        check_range(0, steps=self.steps, cache_gib=self.cache_gib, seconds=self.seconds)
