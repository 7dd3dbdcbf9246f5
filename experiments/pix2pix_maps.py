"""pix2pix on maps: street map to aerial photograph, and back (the report, R2; Isola et al. 2017).

    python -m experiments.pix2pix_maps                     on a city that the package draws
    python -m experiments.pix2pix_maps --data report       on the published maps (250 MB)
    python -m experiments.pix2pix_maps --data FOLDER       on your own pairs
    python -m experiments.pix2pix_maps --direction aerial_to_map

The drawn city takes 16 minutes on two cores with AVX-512. On the published maps (100 of the pairs
that validate) --precision bfloat16 gave docs/runs/map_to_aerial: val_l1 0.1264 (and
val_l1_mean_colour 0.1277: L1 is a poor judge), val_ssim 0.265, in 113 minutes with one core to
itself; and docs/runs/aerial_to_map: val_l1 0.0366, val_ssim 0.695, val_map_iou 0.526, in 70
minutes with two.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.tasks.options import Pix2PixOptions

NAME = "pix2pix_maps"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Pix2PixOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (report) says that it is the report's, (ours) that the report is silent.
    """


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.pix2pix import Pix2PixTask

    return train_run(NAME, config, Pix2PixTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
