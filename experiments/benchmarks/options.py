"""Options of ``experiments.benchmark``."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.errors import UsageError
from experiments.launch.options import check_range

# what None stands for
ON_A_PROCESSOR = {
    "pix2pix_batches": (1, 2, 8), "autoencoder_batches": (32, 128),
    "growth_batches": (1, 2, 4, 8), "growth_sizes": (128, 512),
    "seconds": 3.0, "build_at_once": 1,
}  # fmt: skip
ON_A_GPU = {
    "pix2pix_batches": (2, 8, 32), "autoencoder_batches": (128,),
    "growth_batches": (1, 2, 4, 8, 16, 32), "growth_sizes": (128, 512, 1024),
    "seconds": 1.0, "build_at_once": 5,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """Every option."""

    what: tuple[Literal["pipeline", "training", "inference", "growth"], ...] = (
        "pipeline", "training", "inference",
    )  # fmt: skip
    """pipeline: reading pairs, making batches, and what a training step waits for; training:
    steps of each model; inference: of the SavedModels; growth: a step of pix2pix (alone) by batch
    size, image size and replicas."""
    models: tuple[Literal["pix2pix", "vae", "cvae", "vq_vae", "spade", "pix2pixhd"], ...] = (
        "pix2pix", "vae", "cvae", "vq_vae",
    )  # fmt: skip
    """Whose training and inference are measured; the inference of cvae is that of vae."""
    pix2pix_batches: tuple[int, ...] | None = None
    """Batch sizes of training pix2pix, SPADE (256 x 256), pix2pixHD (512 x 512). Default: 1 2 8; on
    a GPU 2 8 32."""
    autoencoder_batches: tuple[int, ...] | None = None
    """Batch sizes of training the others (64 x 64). Default: 32 128; on a GPU 128."""
    inference_batches: tuple[int, ...] = (1, 8)
    """Batch sizes of inference."""
    growth_batches: tuple[int, ...] | None = None
    """For growth: batch sizes of 256 x 256. Default: 1 2 4 8; on a GPU 16 32 besides."""
    growth_sizes: tuple[int, ...] | None = None
    """For growth: image sizes at batch 2. Default: 128 512; on a GPU 1024 besides."""
    rounds: int = 5
    """Times that each variant is measured, in turn with the others."""
    seconds: float | None = None
    """Of training or inference in a turn, about (two steps at least). Default: 3; on a GPU 1."""
    build_at_once: int | None = None
    """Variants that are built at the same time; they are timed one at a time. Default: 1; on a GPU,
    where each is compiled for a minute, 5."""
    filters: int = 64
    """Width of pix2pix' first layers, of SPADE's last, of pix2pixHD's global generator's first."""
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
        check_range(
            1,
            inference_batches=self.inference_batches,
            growth_batches=self.growth_batches,
            growth_sizes=self.growth_sizes,
            build_at_once=self.build_at_once,
        )
        check_range(0, steps=self.steps, cache_gib=self.cache_gib, seconds=self.seconds)

    def on(self, gpu: bool):
        """These options with the defaults of the device."""
        chosen = {name: getattr(self, name) for name in ON_A_GPU}
        defaults = ON_A_GPU if gpu else ON_A_PROCESSOR
        return dataclasses.replace(
            self, **{name: defaults[name] if v is None else v for name, v in chosen.items()}
        )
