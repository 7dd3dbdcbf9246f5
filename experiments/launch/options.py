"""Options that several commands share; "report" or "ours" says where a default comes from."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import check_given, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of every training command, in the order of ``--help``."""

    data: str = "synthetic"
    """synthetic (drawn by the package, no download), report (the published set), or a folder."""
    data_dir: Path | None = None
    """For report: where downloads go, and where your own archives or unpacked folders lie.
    Default: that of TensorFlow Datasets, ~/tensorflow_datasets."""
    run_dir: Path | None = None
    """Where the run lives; one that is there is continued. Default: runs/<command>/<time>."""
    epochs: int = 10
    """Times that each example is shown (report)."""
    max_steps: int | None = None
    """Stop after so many optimisation steps in all."""
    batch_size: int = 64
    """Examples in a step (ours)."""
    learning_rate: float = 1e-3
    """Of Adam (ours)."""
    seed: int = 0
    """Of weights, noise, the order of the data and its jitter, if any (ours)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Compute type; weights, losses and statistics stay float32 (ours)."""
    checkpoint_minutes: float = 5.0
    """A checkpoint at least this often."""
    checkpoint_steps: int | None = None
    """A checkpoint every so many steps besides."""
    log_every: int = 1
    """Steps between readings of the logs, which are then means over them; more than 1 lets a GPU
    work on meanwhile."""
    xla: bool = False
    """XLA compiles the training step: faster on a GPU, slower on a processor
    (docs/performance.md)."""
    strategy: Literal["none", "mirrored", "multi_worker"] = "none"
    """Several devices share each batch: mirrored: all GPUs (without one, the processor as two);
    multi_worker: the processes that TF_CONFIG names (docs/reliability.md)."""
    deterministic: bool = False
    """The same weights to the bit from run to run on one machine; slower (docs/reliability.md)."""
    cache_gib: float | None = None
    """Memory for decoded images; those beyond it are kept in a file beside the data. Default: a
    quarter of the memory that is free."""
    skip_unreadable: bool = False
    """Go on without files that cannot be read, counted and listed, instead of refusing."""

    def check(self) -> None:
        """Raise UserError for an empty name, or a number out of range."""
        check_given("data", self.data)
        for field in ("epochs", "batch_size", "log_every"):
            check_range(field.replace("_", "-"), getattr(self, field), 1)
        check_range("learning-rate", self.learning_rate, 0.0, open_low=True)
        check_range("seed", self.seed, 0, 2**31 - 2)
        check_range("checkpoint-minutes", self.checkpoint_minutes, 0.0, open_low=True)
        if self.cache_gib is not None:
            check_range("cache-gib", self.cache_gib, 0.0)
        for field in ("max_steps", "checkpoint_steps"):
            if getattr(self, field) is not None:
                check_range(field.replace("_", "-"), getattr(self, field), 1)
        if self.xla and self.strategy != "none":
            from tf_gen.errors import UserError

            raise UserError(f"--xla: is for one device; leave it or --strategy {self.strategy} out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceOptions(TrainingOptions):
    """Options of the commands that train an autoencoder on faces."""

    data: str = "synthetic"
    """synthetic (faces drawn by the package, no download), report (the published set), or a folder
    of images, flat or nested; a tenth of them, chosen by content, is held out for validation."""
    crop: tuple[float, ...] = (1.0,)
    """Share of width and height that is kept of images that are read, from the centre."""
    image_size: int = 64
    """Height and width (ours); a multiple of 4, or of 8 with pool-last."""
    pool_last: bool = False
    """Pooling after the third convolution, too: latents from 8 x 8 places instead of 16 x 16 at
    64 x 64 (the report leaves it open: docs/decisions.md)."""
    normalization: Literal["batch", "sync_batch", "none"] = "batch"
    """Between the convolutions (report); sync_batch: over all replicas of a --strategy."""

    def check(self) -> None:
        super().check()
        check_halving(self.image_size, halvings=3 if self.pool_last else 2)
        for share in self.crop:
            check_range("crop", share, 0.0, 1.0, open_low=True)


def check_halving(image_size: int, halvings: int) -> None:
    """Raise UserError if the size cannot be halved so often."""
    from tf_gen.errors import UserError

    if image_size < 1 or image_size % 2**halvings:
        raise UserError(
            f"--image-size {image_size}: the encoder halves it {halvings} times, so it must be a "
            f"multiple of {2**halvings}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class VaeOptions(FaceOptions):
    """Options of the VAE and the conditional VAE."""

    latent_dim: int = 128
    """Number of latents (ours)."""
    kl_weight: float = 1.0
    """Weight of the KL term, beta (report)."""
    kl_warmup_steps: int = 0
    """Steps over which that weight rises from 0 (report: none)."""

    def check(self) -> None:
        super().check()
        check_range("latent-dim", self.latent_dim, 1)
        check_range("kl-weight", self.kl_weight, 0.0)
        check_range("kl-warmup-steps", self.kl_warmup_steps, 0)
