"""tf_gen: generative image models in Keras 3 on TensorFlow."""

from tf_gen import data, export, layers, losses, metrics
from tf_gen.loading import load
from tf_gen.models import (
    CVAE,
    VAE,
    VQVAE,
    CodePrior,
    GlobalGenerator,
    LocalEnhancer,
    MultiScaleDiscriminator,
    PatchDiscriminator,
    Pix2Pix,
    ResNetGenerator,
    SegmentedPix2Pix,
    SegmentingDiscriminator,
    SPADEGenerator,
    UNetGenerator,
)

__version__ = "0.2.0"

__all__ = [
    "CVAE",
    "VAE",
    "VQVAE",
    "CodePrior",
    "GlobalGenerator",
    "LocalEnhancer",
    "MultiScaleDiscriminator",
    "PatchDiscriminator",
    "Pix2Pix",
    "ResNetGenerator",
    "SPADEGenerator",
    "SegmentedPix2Pix",
    "SegmentingDiscriminator",
    "UNetGenerator",
    "data",
    "export",
    "layers",
    "load",
    "losses",
    "metrics",
]
