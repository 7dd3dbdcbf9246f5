"""New faces from a VQ-VAE: a prior over its codes, a gated PixelCNN (van den Oord et al. 2017,
section 3.3). Beyond the report, which says that a discrete latent lets other distributions be
learned (R1.3), and trains none.

    python -m experiments.vq_vae_faces --codebook ema --codebook-start kmeans --run-dir runs/vq_vae
    python -m experiments.vq_prior --vq-run runs/vq_vae --run-dir runs/prior
    python -m experiments.sample --model runs/prior --output FOLDER

It trains on what the VQ-VAE was trained on. Each epoch is validated; the figures and the models are
of the best epoch's weights. Beside val_bits_per_code stands what counting gives: val_bits_unigram,
and val_bits_neighbours by the codes to the left and above.
"""

import dataclasses

from experiments.launch.cli import launch
from experiments.tasks.options import VqPriorOptions

NAME = "vq_prior"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(VqPriorOptions):
    """The same command with its --run-dir, the first line that it prints, goes on after a stop.

    Of a default, (report) says that it is the report's, (ours) that the report is silent.
    """


def run(config: Config) -> int:
    """Train, measure, draw and export; returns the exit code."""
    config.check()
    from experiments.runs.train_run import train_run  # imports TensorFlow
    from experiments.tasks.code_prior import CodePriorTask, of_vq_run

    return train_run(NAME, of_vq_run(config), CodePriorTask)


if __name__ == "__main__":
    launch(NAME, Config, run)
