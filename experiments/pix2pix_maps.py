"""pix2pix on maps: from street map to aerial photograph, and back (the report, part 2)."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments._launch import DONE, Stopped, check_range, default_run_dir, launch

NAME = "pix2pix_maps"


@dataclasses.dataclass(frozen=True)
class Config:
    """Every option; "report" or "ours" says where a default comes from."""

    data: str = "synthetic"
    """synthetic (drawn by the package, no download), or a folder that holds train/ and val/ of
    side-by-side pairs, or trainA/ trainB/ valA/ valB/ with equal file names."""
    run_dir: Path | None = None
    """Where the run lives; one that is there is continued. Default: runs/pix2pix_maps/<time>."""
    direction: Literal["map_to_aerial", "aerial_to_map"] = "map_to_aerial"
    """map_to_aerial takes the right half, B, to the left half, A (report)."""
    epochs: int = 10
    """Times that each pair is shown (report)."""
    decay_epochs: int = 0
    """Epochs more, the learning rate falling linearly to 0, as in the paper (report: none)."""
    max_steps: int | None = None
    """Stop after so many optimisation steps in all."""
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
    normalization: Literal["batch", "instance", "none"] = "batch"
    """In both networks (report)."""
    filters: int = 64
    """Width of the networks' first layers (report); 8 makes a model for trying things."""
    image_size: int = 256
    """Height and width (report): 32, 64, 128, or a multiple of 256."""
    init_from: Path | None = None
    """A run whose networks this one starts from (fine-tuning)."""
    seed: int = 0
    """Of weights, noise, the order and jitter of the data (ours)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Compute type; weights, losses and statistics stay float32 (ours)."""
    checkpoint_minutes: float = 5.0
    """A checkpoint at least this often."""
    checkpoint_steps: int | None = None
    """A checkpoint every so many steps besides."""
    skip_unreadable: bool = False
    """Go on without files that cannot be read, counted and listed, instead of refusing."""

    def check(self) -> None:
        """Raise UserError for a number out of range."""
        for field in ("epochs", "batch_size", "filters"):
            check_range(field.replace("_", "-"), getattr(self, field), 1)
        check_range("decay-epochs", self.decay_epochs, 0)
        check_range("seed", self.seed, 0, 2**31 - 2)
        check_range("learning-rate", self.learning_rate, 0.0, open_low=True)
        check_range("beta-1", self.beta_1, 0.0, 0.999999)
        check_range("reconstruction-weight", self.reconstruction_weight, 0.0)
        check_range("checkpoint-minutes", self.checkpoint_minutes, 0.0, open_low=True)
        for field in ("max_steps", "checkpoint_steps"):
            if getattr(self, field) is not None:
                check_range(field.replace("_", "-"), getattr(self, field), 1)


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments import _pix2pix as work  # imports TensorFlow

    depth = work.unet_depth(config.image_size)
    with work.RunDir(config.run_dir or default_run_dir(NAME)) as folder:
        print(f"run folder: {folder.path}")
        data = work.load_data(config)
        record = work.record(NAME, config, data)
        continuing = folder.compare(record)
        work.refuse_changed_decay(folder, config, data)
        total = work.total_steps(config, data)
        if steps := work.finished(folder, total):
            print(f"{folder.path}: this run is finished ({steps} steps); raise --epochs to go on")
            return DONE

        model = work.build_model(config, data, depth)
        job = work.Job(config, folder, data, model, total)
        if not job.restore() and config.init_from:
            work.start_from(model, config.init_from)
        folder.write("config.json", record)
        if continuing:
            print(f"{folder.path}: goes on from step {job.step} of {total}")
        stopped = job.train()
        if stopped:
            raise Stopped(stopped, folder.path)
        job.finish()
        print(f"{folder.path}: done; its README.md shows the figures and how to load the model")
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
