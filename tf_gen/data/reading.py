"""Bytes of an image file -> pixels: the only place where files are decoded."""

import contextlib
import hashlib
import io
import itertools
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image

from .cache import Cache, arrange, forget
from .sources import Unreadable

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names, by channels
LABEL_MODES = ("1", "L", "P", "I", "I;16")  # one channel
NO_CLASS = 255  # in a label image
MAX_PIXELS = 80_000_000  # by the header, before a pixel is decoded: a small file can claim more
LARGE = 16_000_000  # pixels from which on images are decoded one at a time
BAND = 4_000_000  # pixels that become RGB at a time: Pillow would hold a whole image four times
READ_AHEAD = 64  # images that are in work at a time; of an archive their bytes are in memory
# what Pillow raises for damaged files of these formats
DAMAGED = (*(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, OverflowError),)
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
_ONE_LARGE = threading.Lock()  # several at a time would take gigabytes


def decode(
    data: bytes, name: str, at_least: tuple[int, int] | None = None, channels: int = 3
) -> np.ndarray:
    """The pixels of an encoded image: uint8 [H, W, channels], RGB.

    EXIF orientation is honoured, transparency is composited on white, grey, palette, CMYK and
    16-bit images become RGB, and of an animation the first frame is taken.

    With 1 channel all become grey (luma), with 4 RGBA, transparency kept.

    Args: at_least: (width, height) that are enough: a JPEG that is 2, 4 or 8 times as large, and
        upright, is decoded at that fraction of its size, which takes half the time.
    Raises: Unreadable, which names the file and says why.
    """
    return _decoded(
        data, name, lambda image: _to_pixels(_upright(image), MODES[channels]), at_least
    )


def decode_labels(data: bytes, name: str, classes: int) -> np.ndarray:
    """The classes of a label image: uint8 [H, W, 1], 0 ... classes - 1, and 255 for none.

    That is a PNG of one channel whose values are the classes: grey, or a palette's places, whatever
    its colours.

    Raises: Unreadable for any other image, and for values that are no classes.
    """
    return _decoded(data, name, lambda image: _to_labels(image, name, classes))


def _decoded(data, name, to_pixels, at_least=None):
    try:
        with QUIET, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise Unreadable(
                    f"{name}: {image.width} x {image.height} pixels is more than "
                    f"the {MAX_PIXELS:,} that are read; make it smaller"
                )
            if at_least and _turn(image) is None:
                _draft(image, *at_least)
            with _ONE_LARGE if pixels > LARGE else contextlib.nullcontext():
                image.load()
                return to_pixels(image)
    except Unreadable:
        raise
    except Image.DecompressionBombError as error:  # far more than MAX_PIXELS
        raise Unreadable(
            f"{name}: it has more than the {MAX_PIXELS:,} pixels that are read; make it smaller"
        ) from error
    except DAMAGED as error:
        reason = str(error).partition("<")[0].strip() or type(error).__name__
        raise Unreadable(f"{name}: not a readable image ({reason})") from error


def _draft(image: Image.Image, width: int, height: int) -> None:
    """Have a JPEG decoded at the smallest of 1/8, 1/4, 1/2 that is large enough and divides it
    so that the halves of a pair do not share a pixel."""
    for part in (8, 4, 2):
        divides = image.width % (2 * part) == 0 and image.height % part == 0
        if divides and image.width >= part * width and image.height >= part * height:
            return image.draft(None, (image.width // part, image.height // part))


def _turn(image: Image.Image) -> Image.Transpose | None:
    return TURNS.get(image.getexif().get(ExifTags.Base.Orientation))


def _upright(image: Image.Image) -> Image.Image:
    """Without ImageOps.exif_transpose, which rewrites all EXIF tags and fails on odd ones."""
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _to_pixels(image: Image.Image, mode: str) -> np.ndarray:
    rows = max(1, BAND // image.width)
    if rows >= image.height:
        return _band_to_pixels(image, mode)
    pixels = np.empty((image.height, image.width, len(mode)), np.uint8)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = _band_to_pixels(band, mode)
    return pixels


def _band_to_pixels(image: Image.Image, mode: str) -> np.ndarray:
    pixels = np.asarray(_in_mode(image, mode))
    return pixels[..., None] if mode == "L" else pixels


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":  # 16-bit grey: keep the high byte
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif mode != "RGBA" and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info):
        image = _on_white(image)
    return image.convert(mode)


def _to_labels(image: Image.Image, name: str, classes: int) -> np.ndarray:
    if image.format != "PNG" or image.mode not in LABEL_MODES:
        raise Unreadable(
            f"{name}: no label image ({image.format}, {image.mode}): that is a PNG of one channel, "
            "grey or palette, whose values are class numbers"
        )
    values = np.asarray(image)
    if wrong := sorted({*np.unique(values).tolist()} - {*range(classes), NO_CLASS}):
        shown = ", ".join(map(str, wrong[:5])) + (" ..." if len(wrong) > 5 else "")
        raise Unreadable(
            f"{name}: holds {shown}, but {classes} classes are 0 ... {classes - 1} (and "
            f"{NO_CLASS}, none)"
        )
    return values.astype(np.uint8)[..., None]


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA"))


def resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [..., H, W, C] -> uint8 [..., height, width, C]: area averaging down, bilinear up."""
    *some, old_height, old_width, channels = images.shape
    if (old_height, old_width) == (height, width):
        return images
    batch = images.reshape(-1, old_height, old_width, channels)
    if height <= old_height and width <= old_width:
        # what tf.image.resize calls; its own Python holds up the other threads
        wide = tf.raw_ops.ResizeArea(images=batch, size=(height, width)).numpy()
    else:
        wide = tf.image.resize(batch, (height, width), antialias=True).numpy()
    return np.rint(wide).astype(np.uint8).reshape(*some, height, width, channels)


def resize_labels(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [H, W, 1] -> uint8 [height, width, 1], by the nearest pixel: classes have no mean."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip((height, width), labels.shape[:2], strict=True)
    )
    return labels[rows[:, None], columns]


class Rows(NamedTuple):
    """Decoded images, and what is known of each.

    Attributes:
        images: uint8 [N, ...], in memory or mapped from a file (``Cache``).
        names: N of them; ``notes``: what ``to_row`` said of each.
        skipped: (name, reason) of each that could not be read.
    """

    images: np.ndarray
    names: tuple[str, ...]
    notes: list
    skipped: tuple[tuple[str, str], ...]


def read_rows(
    items: Iterable[tuple[str, Callable[[], Any]]],
    names: Iterable[str],
    to_row: Callable[[str, Any], tuple[np.ndarray, Any]],
    shape: tuple[int, ...],
    cache: Cache,
    place: Path,
    skip_unreadable: bool,
) -> Rows:
    """Read all items in a few threads, each once, into one array in the order of the names.

    Args:
        items: (name, read) as a source yields them, in any order.
        to_row: (name, what read gave) -> (uint8 ``shape``, anything worth a note).
        place: folder for a file of what does not fit in memory.

    Raises: Unreadable listing every bad file, unless they are to be skipped.
    """
    places = {name: place for place, name in enumerate(names)}
    images = cache.array((len(places), *shape), place)
    notes, reasons = {}, {}

    def attempt(item):
        name, read = item
        try:
            images[places[name]], notes[name] = to_row(name, read())
        except Unreadable as error:
            reasons[name] = str(error)

    items = iter(items)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(itertools.islice(items, READ_AHEAD)):
            for _ in pool.map(attempt, chunk):
                pass
            forget(images)
    bad = tuple((name, reasons[name]) for name in places if name in reasons)
    if bad and not skip_unreadable:
        raise Unreadable(
            f"{len(bad)} unreadable: {'; '.join(reason for _, reason in bad)}. "
            "Mend or remove what is named, or pass skip_unreadable=True"
        )
    read = [name for name in places if name in notes]
    images = arrange(images, [places[name] for name in read])
    return Rows(images, tuple(read), [notes[name] for name in read], bad)


def digest(files: Iterable[tuple[str, str]]) -> str:
    """One SHA-256 for a set of (path, SHA-256 of the file): of the lines ``<sha>  <path>``
    sorted by path as bytes, which is what ``sha256sum | sha256sum`` prints."""
    lines = sorted(files, key=lambda item: os.fsencode(item[0]))
    text = b"".join(sha.encode() + b"  " + os.fsencode(path) + b"\n" for path, sha in lines)
    return hashlib.sha256(text).hexdigest()
