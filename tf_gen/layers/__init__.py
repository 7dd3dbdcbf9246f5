"""Layers of the networks."""

from .class_map import ClassMap
from .convolutions import DoublingConv2D, HalvingConv2D, ResizeConv2D
from .finite_scalar_quantizer import FiniteScalarQuantizer
from .gated_block import GatedBlock
from .gaussian_sampling import GaussianSampling, bounded_log_var
from .noise import (
    ExampleDropout,
    InputNoise,
    LatentNoise,
    example_normal,
    example_seeds,
    example_uniform,
)
from .normalization import BatchNorm, InstanceNorm, SpectralNormalization, make_normalization
from .quantizer import Quantizer
from .residual_blocks import ConvNorm, ReflectionPadding2D, ResidualBlock
from .residual_quantizer import ResidualQuantizer
from .spatially_adaptive_normalization import SPADEBlock, SpatiallyAdaptiveNormalization
from .unet_blocks import DownBlock, UpBlock, weights_initializer
from .vector_quantizer import VectorQuantizer, VectorQuantizerEMA

__all__ = [
    "BatchNorm",
    "ClassMap",
    "ConvNorm",
    "DoublingConv2D",
    "DownBlock",
    "ExampleDropout",
    "FiniteScalarQuantizer",
    "GatedBlock",
    "GaussianSampling",
    "HalvingConv2D",
    "InputNoise",
    "InstanceNorm",
    "LatentNoise",
    "Quantizer",
    "ReflectionPadding2D",
    "ResidualBlock",
    "ResidualQuantizer",
    "ResizeConv2D",
    "SPADEBlock",
    "SpatiallyAdaptiveNormalization",
    "SpectralNormalization",
    "UpBlock",
    "VectorQuantizer",
    "VectorQuantizerEMA",
    "bounded_log_var",
    "example_normal",
    "example_seeds",
    "example_uniform",
    "make_normalization",
    "weights_initializer",
]
