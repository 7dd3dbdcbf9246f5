"""Measure a finished run again, from its SavedModel, on its own data, on other data, and by
measures that training does not take: FID, KID, precision and recall, and the readability of maps.

Writes evaluation_<split>.json and, as a table, evaluation_<split>.md.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import DONE, check_given, check_range, launch

NAME = "evaluate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Every option."""

    run_dir: Path
    """A finished run of any of the five training commands."""
    data: str | None = None
    """Other data of the same kind: synthetic, report, or a folder. Default: what the run was
    trained on, of which it is split in the same way."""
    data_dir: Path | None = None
    """For report: where the published sets lie. Default: as in the run."""
    split: Literal["val", "train"] = "val"
    """Which part of the data."""
    output: Path | None = None
    """The folder to write to. Default: the run's own (with --data it must be given)."""
    inception_weights: Path | None = None
    """For FID, KID, precision and recall as they are published: the Inception graph of 2015-12-05,
    inception-2015-12-05.tgz from download.tensorflow.org/models/image/imagenet, or the
    classify_image_graph_def.pb in it."""
    keras_inception: bool = False
    """The same measures by Keras Applications' InceptionV3, named fid_keras ...: not to be set
    beside published figures. Keras fetches its weights (88 MB) if they are not there."""
    real_features: Path | None = None
    """An .npz file: what the network sees in the real images is read from there or, if it is not
    there, written."""
    reader: Path | None = None
    """For map_to_aerial: a finished aerial_to_map run, which reads the generated photographs as
    maps, and the real ones."""
    seed: int = 0
    """Of the noise, and of the images that a VAE generates."""

    def check(self) -> None:
        """Raise UserError for options that do not go together, or a number out of range."""
        from tf_gen.errors import UserError

        check_range("seed", self.seed, 0, 2**31 - 1)
        if self.data is not None:
            check_given("data", self.data)
            if self.output is None:
                raise UserError("--output: must be given with --data, for figures of other data")
        if self.inception_weights and self.keras_inception:
            raise UserError(
                "--keras-inception: one network at a time; leave --inception-weights out"
            )
        if self.real_features and not (self.inception_weights or self.keras_inception):
            raise UserError("--real-features: features of which network? Give --inception-weights")


def run(config: Config) -> int:
    """Measure and write; returns the exit code."""
    config.check()
    from experiments.runs.evaluation import evaluate  # imports TensorFlow

    evaluate(config)
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
