"""Bytes of an image file -> pixels: the only place where files are decoded."""

import hashlib
import io
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image

from tf_gen.errors import UserError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
MAX_PIXELS = 100_000_000  # by the header, before a pixel is decoded: a small file can claim more
# what Pillow raises for damaged files of these formats
DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, OverflowError),
    Image.DecompressionBombError,  # far more pixels than MAX_PIXELS
)
TURNS = {  # EXIF orientation -> what sets the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _Quiet:
    """No warnings while any thread is inside: ``catch_warnings`` is not made for threads."""

    def __init__(self):
        self.lock, self.inside = threading.Lock(), 0

    def __enter__(self):
        with self.lock:
            if not self.inside:
                self.filters = warnings.catch_warnings(action="ignore")
                self.filters.__enter__()
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.filters.__exit__(*error)


QUIET = _Quiet()  # Pillow warns of odd metadata in sound images


class Unreadable(UserError):
    """A file that is no image, or a damaged one; the message names it."""


def image_files(folder: Path) -> list[Path]:
    """The image files directly in a folder, in natural order: 2.jpg comes before 10.jpg."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS]
    return sorted(files, key=natural_key)


def natural_key(path: Path):
    """A sort key under which numbers in names count as numbers."""
    parts = re.split(r"(\d+)", path.stem)  # words at even places, numbers at odd ones
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name


def decode(data: bytes, name: str) -> np.ndarray:
    """The pixels of an encoded image: uint8 [H, W, 3], RGB.

    EXIF orientation is honoured, transparency is composited on white, grey, palette, CMYK and
    16-bit images become RGB, and of an animation the first frame is taken.
    Raises: Unreadable, which names the file and says why.
    """
    try:
        with QUIET, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Unreadable(
                    f"{name}: {image.width} x {image.height} pixels is more than "
                    f"the {MAX_PIXELS:,} that are read; make it smaller"
                )
            image.load()
            return np.asarray(_to_rgb(_upright(image)))
    except Unreadable:
        raise
    except DAMAGED as error:
        reason = str(error).partition("<")[0].strip() or type(error).__name__
        raise Unreadable(f"{name}: not a readable image ({reason})") from error


def _upright(image: Image.Image) -> Image.Image:
    """Without ImageOps.exif_transpose, which rewrites all EXIF tags and fails on odd ones."""
    turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":  # 16-bit grey: keep the high byte
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [H, W, C] -> uint8 [height, width, C]: area averaging down, bilinear up."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    method = "area" if shrinks else "bilinear"
    wide = tf.image.resize(image[None], (height, width), method=method, antialias=True)[0]
    return np.clip(np.rint(wide.numpy()), 0, 255).astype(np.uint8)


def read_all(
    names: Iterable[str], read_one: Callable[[str], tuple], skip_unreadable: bool
) -> tuple[list[tuple], list[tuple[str, str]]]:
    """Run ``read_one`` over all names in a few threads, and gather what it raises.

    Returns: (the results in order, the skipped as (name, reason)).
    Raises: Unreadable listing every bad file, unless they are to be skipped.
    """

    def attempt(name):
        try:
            return name, read_one(name), None
        except Unreadable as error:
            return name, None, str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        attempts = list(pool.map(attempt, names))
    bad = [(name, reason) for name, _, reason in attempts if reason]
    if bad and not skip_unreadable:
        raise Unreadable(
            f"{len(bad)} unreadable: {'; '.join(reason for _, reason in bad)}. "
            "Mend or remove what is named, or go on without it: --skip-unreadable"
        )
    return [result for _, result, reason in attempts if not reason], bad


def read_bytes(path: Path, name: str) -> bytes:
    """A file's bytes. Raises: Unreadable if the system refuses them."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from error


def digest(files: Iterable[tuple[str, str]]) -> str:
    """One SHA-256 for a set of (path, SHA-256 of the file): of the lines ``<sha>  <path>``
    sorted by path as bytes, which is what ``sha256sum | sha256sum`` prints."""
    lines = sorted(files, key=lambda item: os.fsencode(item[0]))
    text = b"".join(sha.encode() + b"  " + os.fsencode(path) + b"\n" for path, sha in lines)
    return hashlib.sha256(text).hexdigest()
