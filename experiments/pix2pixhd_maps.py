"""pix2pixHD on maps at 512 pixels, street map to aerial photograph and back (Wang et al. 2018).

    python -m experiments.pix2pixhd_maps                     on a city that the package draws
    python -m experiments.pix2pixhd_maps --data report       on the published maps (250 MB)
    python -m experiments.pix2pixhd_maps --data FOLDER       on your own pairs
    python -m experiments.pix2pixhd_maps --filters 4         a small one

It trains on crops and translates whole images: give ``translate`` --sizing pad. At full width it
has 183 million weights, for a GPU.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.tasks.options import Pix2PixHDOptions

NAME = "pix2pixhd_maps"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Pix2PixHDOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (paper) says that it is Wang et al.'s, (ours) that it is our choice, (report) that
    it is as in pix2pix_maps.
    """


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.pix2pixhd import Pix2PixHDTask

    return train_run(NAME, config, Pix2PixHDTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
