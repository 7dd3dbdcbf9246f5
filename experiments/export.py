"""Convert a trained model for another runtime: LiteRT, ONNX, or Keras.

    python -m experiments.export --model RUN --to litert_int8 --output model.tflite

Says what it wrote, and by how much it differs from the SavedModel on images: docs/use-a-model.md.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.launch.cli import DONE, launch
from experiments.launch.options import check_given

NAME = "export"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An option without a default must be given."""

    model: Path
    """A finished run of any training command, its SavedModel, or a ready model: cartoon_vae,
    cartoon_codes, drawn_city, drawn_city_reader."""
    to: Literal["litert", "litert_int8", "onnx", "keras"]
    """litert: for phones, browsers and small machines; litert_int8: weights of 8 bits, a quarter as
    large; onnx; keras: for tf_gen.load. All compute in float32, whatever the training did."""
    output: Path
    """The file to write; its name ends in .tflite, .onnx or .keras."""
    function: str | None = None
    """Which of the SavedModel's functions: reconstruct, encode, decode ... Default: translate_fixed
    of a pix2pix, reconstruct of an autoencoder, decode of a prior. A .keras file has them all, and
    this one is compared."""
    any_batch: bool = False
    """litert: take batches of any number, and of a VQ-VAE images of any size. Default: one example
    of the model's own size, which browsers insist on. (onnx, keras: any in any case.)"""
    images: Path | None = None
    """An image, or a folder of such, to compare on. Default: validation images of the run's own
    data; drawn ones where they are not there."""

    def check(self) -> None:
        """Raise UsageError for an empty name."""
        check_given(function=self.function)


def run(config: Config) -> int:
    """Convert, compare and write; returns the exit code."""
    config.check()
    from experiments.use.export import export  # imports TensorFlow

    export(config)
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
