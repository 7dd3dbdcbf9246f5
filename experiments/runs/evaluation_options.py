"""Options of ``experiments.evaluate``."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.errors import UsageError
from experiments.launch.options import check_given, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """Every option."""

    run_dir: Path
    """A finished run of any training command, or the name of a ready model."""
    data: str | None = None
    """Other data of the same kind: synthetic, report, or a folder. Default: what the run was
    trained on, of which it is split in the same way."""
    data_dir: Path | None = None
    """For report: where the published sets lie. Default: as in the run."""
    split: Literal["val", "train"] = "val"
    """Which part of the data."""
    output: Path | None = None
    """The folder to write to. Default: the run's own (it must be given with --data, and
    for a ready model)."""
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
    vae_run: Path | None = None
    """For vq_vae_faces: a finished run of a VAE, whose faces are reconstructed. Default: as in the
    run."""
    seed: int | None = None
    """Of the noise in the report's mode and in a VAE's bound, and of the images that FID and KID
    are measured of. Default: the run's own."""

    def check(self) -> None:
        """Raise UsageError for options that do not go together, or a number out of range."""
        check_range(0, 2**31 - 1, seed=self.seed)
        check_given(data=self.data)
        if self.data is not None and self.output is None:
            raise UsageError("--output: must be given with --data, for figures of other data")
        if self.inception_weights and self.keras_inception:
            raise UsageError(
                "--keras-inception: one network at a time; leave --inception-weights out"
            )
        if self.real_features and not (self.inception_weights or self.keras_inception):
            raise UsageError("--real-features: features of which network? Give --inception-weights")
