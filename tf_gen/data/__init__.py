"""Data: what is read from folders or drawn by the package, and batches of it."""

from .batches import (
    Parts,
    image_batches,
    ordered_batches,
    shuffled_batches,
    steps_per_epoch,
    training_batches,
)
from .drawn.city import draw_pairs
from .drawn.faces import draw_faces
from .faces import Faces, FaceSplits, load_faces
from .pairs import Pairs, load_pairs

__all__ = [
    "FaceSplits",
    "Faces",
    "Pairs",
    "Parts",
    "draw_faces",
    "draw_pairs",
    "image_batches",
    "load_faces",
    "load_pairs",
    "ordered_batches",
    "shuffled_batches",
    "steps_per_epoch",
    "training_batches",
]
