"""Layers of the networks."""

from .noise import ExampleDropout, example_seeds
from .normalization import BatchNorm, InstanceNorm, make_normalization
from .unet_blocks import DownBlock, UpBlock, weights_initializer

__all__ = [
    "BatchNorm",
    "DownBlock",
    "ExampleDropout",
    "InstanceNorm",
    "UpBlock",
    "example_seeds",
    "make_normalization",
    "weights_initializer",
]
