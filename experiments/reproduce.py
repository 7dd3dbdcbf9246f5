"""Reproduce the whole report, on drawn images or (--data report) the published sets: train what is
missing, measure it, and write one page, as Markdown and as HTML that needs no other file: every
figure and table of the report with ours in its place.

Breaking off loses little: the same command takes the finished runs and goes on.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import DONE, check_range, launch

NAME = "reproduce"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Every option."""

    data: Literal["synthetic", "report"] = "synthetic"
    """What missing runs are trained on: sets drawn by the package, or the published ones. For your
    own folders run the five commands with --run-dir RUNS/<name> first."""
    data_dir: Path | None = None
    """For report: where downloads go and your own archives lie."""
    runs: Path = Path("runs/reproduction")
    """The folder of the runs: map_to_aerial, aerial_to_map, vae_anime, vae_cartoon, cvae_faces and
    vq_vae_faces. Finished ones, and records of such, are taken as they are."""
    train: bool = True
    """Train and measure what is missing; else its cells name the command that would fill them."""
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
        """Raise UserError for a number out of range, or options that do not go together."""
        from tf_gen.errors import UserError

        for field in ("maps_epochs", "max_steps", "filters", "image_size"):
            if getattr(self, field) is not None:
                check_range(field.replace("_", "-"), getattr(self, field), 1)
        if self.data_dir is not None and self.data != "report":
            raise UserError("--data-dir: only --data report looks there")


def run(config: Config) -> int:
    """Train, measure and write the page; returns the exit code."""
    config.check()
    from experiments.launch.output import make_writable
    from experiments.page.page import write_page  # imports TensorFlow
    from experiments.page.records import write_record
    from experiments.page.runs import complete, read_runs

    page = config.output or config.runs / "reproduction"
    if config.train:
        make_writable(config.runs, "runs")
    for folder, option in ((config.output and page.parent, "output"), (config.records, "records")):
        if folder is not None:
            make_writable(folder, option)  # now, not after hours of training
    if config.train and (code := complete(config)) != DONE:
        return code
    runs = read_runs(config.runs)
    if config.records is not None:
        for one in runs.values():
            if one.finished:
                write_record(one, config.records / one.name)
        runs = read_runs(config.records)
    write_page(runs, page, config.note)
    print(f"{page}.md and .html: {sum(r.finished for r in runs.values())} of {len(runs)} runs")
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
