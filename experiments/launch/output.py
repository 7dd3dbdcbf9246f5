"""Writing images to a folder that the user named."""

import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from experiments.launch.errors import UsageError

OURS = "tf_gen"  # the "Software" of a PNG file


def make_writable(folder: Path, option="output") -> None:
    """Make a folder that an option names, and see that files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"--{option} {folder}: {error.strerror or error}") from error


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 1, 3 or 4] so that a file of that name is always a whole one."""
    encoded, about = io.BytesIO(), PngImagePlugin.PngInfo()
    about.add_text("Software", OURS)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
        encoded, "PNG", pnginfo=about
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.part")
    try:
        temporary.write_bytes(encoded.getvalue())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_ours(paths: Iterable[Path]) -> None:
    """Raise UsageError if what would be written is there and was not written by ``write_png``: a
    command may be given again, a user's own files are left alone."""
    for path in paths:
        if os.path.lexists(path) and not _is_ours(path):
            raise UsageError(f"--output: {path} is there, and not by this command; give another")


def _is_ours(path) -> bool:
    try:
        with Image.open(path) as image:
            return image.info.get("Software") == OURS
    except (OSError, ValueError):  # no file, or no image
        return False
