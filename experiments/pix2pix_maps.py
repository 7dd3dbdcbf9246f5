"""pix2pix on maps: from street map to aerial photograph, and back (the report, part 2)."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import check_range, launch
from experiments.launch.options import TrainingOptions

NAME = "pix2pix_maps"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainingOptions):
    """Every option; "report" or "ours" says where a default comes from."""

    data: str = "synthetic"
    """synthetic (drawn by the package, no download), report (the published maps, 250 MB), or a
    folder that holds train/ and val/ of side-by-side pairs, or trainA/ trainB/ valA/ valB/ with
    equal file names."""
    direction: Literal["map_to_aerial", "aerial_to_map"] = "map_to_aerial"
    """map_to_aerial takes the right half, B, to the left half, A (report)."""
    epochs: int = 10
    """Times that each pair is shown (report)."""
    decay_epochs: int = 0
    """Epochs more, the learning rate falling linearly to 0, as in the paper (report: none)."""
    batch_size: int = 2
    """Pairs in a step (report)."""
    learning_rate: float = 2e-4
    """Of both Adam optimisers (report)."""
    beta_1: float = 0.5
    """Of both Adam optimisers (report)."""
    adversarial_loss: Literal["minimax", "non_saturating", "least_squares", "hinge"] = (
        "non_saturating"
    )
    """The report writes minimax, the paper practises non_saturating: ours, docs/decisions.md."""
    reconstruction: Literal["l1", "l2"] = "l1"
    """Distance to the target (report)."""
    reconstruction_weight: float = 100.0
    """Weight of the reconstruction, lambda (report)."""
    update: Literal["alternating", "simultaneous"] = "alternating"
    """alternating: the discriminator first (report); simultaneous: both from one pass."""
    normalization: Literal["batch", "sync_batch", "instance", "none"] = "batch"
    """In both networks (report); sync_batch: over all replicas of a --strategy."""
    filters: int = 64
    """Width of the networks' first layers (report); 8 makes a model for trying things."""
    image_size: int = 256
    """Height and width (report): 32, 64, 128, or a multiple of 256."""
    init_from: Path | None = None
    """A run whose networks this one starts from (fine-tuning)."""

    def check(self) -> None:
        super().check()
        check_range("filters", self.filters, 1)
        check_range("decay-epochs", self.decay_epochs, 0)
        check_range("beta-1", self.beta_1, 0.0, 0.999999)
        check_range("reconstruction-weight", self.reconstruction_weight, 0.0)


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run
    from experiments.tasks.pix2pix import Pix2PixTask  # imports TensorFlow

    return train_run(NAME, config, Pix2PixTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
