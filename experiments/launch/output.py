"""Writing images to a folder that the user named."""

import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.launch.errors import UsageError


def make_writable(folder: Path, option="output") -> None:
    """Make a folder that an option names, and see that files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"--{option} {folder}: {error.strerror or error}") from error


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 1, 3 or 4] so that a file of that name is always a whole one."""
    encoded = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(encoded, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.part")
    try:
        temporary.write_bytes(encoded.getvalue())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
