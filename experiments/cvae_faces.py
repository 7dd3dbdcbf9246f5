"""One conditional VAE for anime and cartoon faces: the label chooses (the report, R1.2; Sohn et al.
2015).

    python -m experiments.cvae_faces                  on faces that the package draws
    python -m experiments.cvae_faces --data report    on the published ones (docs/data.md)
    python -m experiments.cvae_faces --data FOLDER    on your own, a sub-folder for each class

Drawn faces take up to 5 minutes on two cores with AVX-512. On 4,000 real faces of each kind expect
the figures of docs/runs/cvae_faces: val_mse 0.0110, val_ssim 0.622, label_control_0 1.00,
label_control_1 1.00, in 11 minutes of training on two cores with AVX-512 beside other work.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.launch.options import may_change
from experiments.tasks.options import VaeOptions

NAME = "cvae_faces"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VaeOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (report) says that it is the report's, (ours) that the report is silent.
    """

    data: str = may_change("synthetic")
    """synthetic (faces of two styles, drawn by the package), report (the published anime and
    cartoon faces, a crop of 1 0.75 unless another is given), or a folder with a sub-folder of
    images for each class, any number of them: labels are their order by name (so anime is 0 and
    cartoon is 1), and the classes are cut to the smallest (report: half and half)."""
    crop: tuple[float, ...] = (1.0,)
    """Share of width and height that is kept of images that are read, from the centre: one for
    all, or one for each class."""
    epochs: int = may_change(5)
    """Times that each image is shown (report)."""


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    if config.data == "report" and config.crop == Config.crop:
        config = dataclasses.replace(config, crop=(1.0, 0.75))  # the Cartoon Set's wide margin
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.cvae import CvaeTask

    return train_run(NAME, config, CvaeTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
