"""What a VQ-VAE's options say of its codes; without TensorFlow, as command lines are read."""

import math

GRID = (8, 8, 8)  # levels of finite_scalar where none are given


def codebook_size(options) -> int:
    """How many values a code has, by options of a VQ-VAE or what a run's record holds of them."""
    if options.codebook == "finite_scalar":
        return math.prod(options.levels or GRID)
    return options.codes
