"""Data: what is read from folders or drawn by the package, and batches of it."""

from .batches import plain_batches, steps_per_epoch, training_batches
from .folders import Pairs, load_pairs
from .synthetic_maps import draw_pairs

__all__ = [
    "Pairs",
    "draw_pairs",
    "load_pairs",
    "plain_batches",
    "steps_per_epoch",
    "training_batches",
]
