"""Latents and thumbnails for TensorBoard's projector."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from tf_gen.data.reading import resize

THUMBNAIL = 32

CONFIG = """embeddings {{
  tensor_name: "validation latents"
  tensor_path: "latents.tsv"
  metadata_path: "names.tsv"
  sprite {{ image_path: "thumbnails.png" single_image_dim: {size} single_image_dim: {size} }}
}}
"""


def write_projector(folder, latents, images, names) -> None:
    """Write what TensorBoard's projector shows of a log folder.

    Args: latents: float [N, D]; images: uint8 [N, H, W, 3]; names: N strings.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "latents.tsv", latents, fmt="%.5g", delimiter="\t")
    (folder / "names.tsv").write_text(
        "".join(f"{_one_line(name)}\n" for name in names), "utf-8", "backslashreplace"
    )
    Image.fromarray(_sprite(images)).save(folder / "thumbnails.png")
    (folder / "projector_config.pbtxt").write_text(CONFIG.format(size=THUMBNAIL), "utf-8")


def _one_line(name: str) -> str:
    text = os.fsencode(name).decode("utf-8", "replace")  # names of files need not be UTF-8
    return " ".join(text.split()) or "-"


def _sprite(images) -> np.ndarray:
    """Thumbnails row by row in a square: what is left over stays white."""
    side = int(np.ceil(np.sqrt(len(images))))
    sprite = np.full((side * THUMBNAIL, side * THUMBNAIL, 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = THUMBNAIL * (i // side), THUMBNAIL * (i % side)
        sprite[y : y + THUMBNAIL, x : x + THUMBNAIL] = resize(image, THUMBNAIL, THUMBNAIL)
    return sprite
