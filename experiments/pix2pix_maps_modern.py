"""pix2pix on maps by a recipe that makes better photographs at the report's cost.

    python -m experiments.pix2pix_maps_modern                     on a city that the package draws
    python -m experiments.pix2pix_maps_modern --data report       on the published maps (250 MB)
    python -m experiments.pix2pix_maps_modern --data FOLDER       on your own pairs

The report's recipe, but what is validated, measured and exported are averages of the generator's
weights over the last tenth of the steps, which smooth out what each step of the two networks'
contest leaves behind. Small ones (docs/runs/ablation, two seeds) are better by every measure of the
table there; at full size (docs/runs/ablation_full_size, one seed) they are read a little better and
have a higher SSIM, and KID tells no difference.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.tasks.options import ModernOptions

NAME = "pix2pix_maps_modern"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ModernOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (ablation) says that it is what docs/runs/ablation chose, (report) that it is the
    report's, (ours) that the report is silent.
    """


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.pix2pix import ModernTask

    return train_run(NAME, config, ModernTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
