"""The published sets for TensorFlow Datasets; to import this registers them.

``tfds.load("pix2pix_maps")``, ``tfds.load("cartoonset10k")``, ``tfds.load("anime_faces")``.
Nothing else of the package imports TensorFlow Datasets.
"""

from .anime_faces.anime_faces_dataset_builder import Builder as AnimeFaces
from .cartoonset10k.cartoonset10k_dataset_builder import Builder as Cartoonset10k
from .pix2pix_maps.pix2pix_maps_dataset_builder import Builder as Pix2PixMaps

__all__ = ["AnimeFaces", "Cartoonset10k", "Pix2PixMaps"]
