"""Layers of the networks."""

from .convolutions import DoublingConv2D, HalvingConv2D
from .gaussian_sampling import GaussianSampling, bounded_log_var
from .noise import ExampleDropout, example_normal, example_seeds, example_uniform
from .normalization import BatchNorm, InstanceNorm, make_normalization
from .residual_blocks import ConvNorm, ReflectionPadding2D, ResidualBlock
from .unet_blocks import DownBlock, UpBlock, weights_initializer
from .vector_quantizer import VectorQuantizer

__all__ = [
    "BatchNorm",
    "ConvNorm",
    "DoublingConv2D",
    "DownBlock",
    "ExampleDropout",
    "GaussianSampling",
    "HalvingConv2D",
    "InstanceNorm",
    "ReflectionPadding2D",
    "ResidualBlock",
    "UpBlock",
    "VectorQuantizer",
    "bounded_log_var",
    "example_normal",
    "example_seeds",
    "example_uniform",
    "make_normalization",
    "weights_initializer",
]
