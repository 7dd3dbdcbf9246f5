"""Image pairs, read from the two layouts that people have."""

import dataclasses
import hashlib

import numpy as np

from tf_gen.errors import UserError

from .cache import Cache
from .images import image_sides
from .reading import Rows, decode, decode_labels, digest, read_rows, resize, resize_labels
from .sources import KINDS, Folder, Unreadable

# Pairs of squares are twice as wide as high, of portraits of 3 : 4 1.5 times, of upright A4 sheets
# 1.41 times. Single photographs, square, upright or of 4 : 3, lie below and would be cut in two
# without a word; those of 3 : 2 cannot be told from pairs of portraits. (Where sides are asked for
# that are no squares, all this times their shape.)
NARROWEST = 1.4
SPLITS = {"train": ("train",), "val": ("val", "test")}  # the names that a split's folder may have


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Image pairs, decoded.

    Attributes:
        a, b: uint8 [N, H, W, C]: the left half or A, the right half or B; in memory, or mapped
            from a file.
        names: of the pairs, N of them: the files' paths in the source.
        digest: SHA-256 over the files (``tf_gen.data.reading.digest``) or of the drawing.
        skipped: (name, reason) of each that could not be read.
    """

    a: np.ndarray
    b: np.ndarray
    names: tuple[str, ...]
    digest: str
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self):
        return len(self.names)

    def towards(self, direction: str) -> tuple[np.ndarray, np.ndarray]:
        """(inputs, targets): ``map_to_aerial`` takes B to A, ``aerial_to_map`` A to B."""
        return {"map_to_aerial": (self.b, self.a), "aerial_to_map": (self.a, self.b)}[direction]


@dataclasses.dataclass(frozen=True)
class Labels:
    """In the place of a side's channels: label images of so many classes (``decode_labels``)."""

    classes: int


def load_pairs(
    source, split: str, size, skip_unreadable=False, *, cache=None, in_full=True, channels=(3, 3)
) -> Pairs:
    """Read a split (``"train"`` or ``"val"``) of a source of pairs, each side of one size.

    It holds ``train/`` and ``val/`` (or ``test/``) of side-by-side pairs, A left, B right, or
    ``trainA/ trainB/ valA/ valB/`` (or ``testA/ testB/``) with equal names below. Each side is
    decoded and resized by area averaging (bilinear where it grows).

    Args:
        source: a folder's path, or a source (``tf_gen.data.sources``).
        size: of a side, an int or (height, width).
        cache: a ``Cache``; default a new one.
        in_full: decode JPEG in full, too, where a half, a quarter or an eighth of its size is
            enough (``tf_gen.data.reading.decode``).
        channels: of A and of B: 1 (grey), 3 (RGB) or 4 (RGBA); or ``Labels``, of two folders.

    Raises: UserError for a missing folder, no pairs, names without a partner, or (all listed,
        unless skipped) files that cannot be read, are too narrow for a pair, or whose halves differ
        in size.
    """
    source = source if hasattr(source, "items") else Folder(source)
    cache = cache or Cache()
    parts = _parts(source, split)
    size = image_sides(size)
    labelled = any(isinstance(count, Labels) for count in channels)
    if len(parts) == 1 and labelled:
        folder = parts[0][0].partition("/")[0]
        raise UserError(
            f"{source.path}: label images cannot lie beside photographs in one file: give the "
            f"sides in {folder}A/ and {folder}B/"
        )
    if len(parts) == 1:
        items, to_row = source.items(parts[0]), _halves(size, in_full, channels)
    else:
        items, to_row = _matched(source, *parts), _two_files(size, in_full, channels)
    channels = [1 if isinstance(count, Labels) else count for count in channels]
    ends = np.cumsum([size[0] * size[1] * count for count in channels])  # of both in a row
    rows = _read(source, parts[0], items, to_row, ends[-1:], cache, skip_unreadable)
    a, b = np.split(rows.images, ends[:1], axis=1)
    return Pairs(
        a=a.reshape(-1, *size, channels[0]),
        b=b.reshape(-1, *size, channels[1]),
        names=rows.names,
        digest=digest(sha for shas in rows.notes for sha in shas),
        skipped=rows.skipped,
    )


def _parts(source, split) -> list[list[str]]:
    """The names of side-by-side pairs as [names], of two folders as [names of A, names of B]."""
    below = {}
    for name in source.names:
        below.setdefault(name.partition("/")[0], []).append(name)
    for folder in SPLITS[split]:
        if folder in below:
            return [below[folder]]
        if two := [below[side] for side in (f"{folder}A", f"{folder}B") if side in below]:
            if len(two) < 2:
                raise UserError(
                    f"{source.path}: no images ({KINDS}) in one of {folder}A/ and {folder}B/; "
                    "both sides are needed"
                )
            return two
    wanted = " or ".join(f"{folder}/" for folder in SPLITS[split])
    raise UserError(
        f"{source.path}: no images ({KINDS}) in {wanted}, of side-by-side pairs, nor in "
        f"{' or '.join(f'{folder}A/ and {folder}B/' for folder in SPLITS[split])}"
    )


def files_of(name: str) -> tuple[str, ...]:
    """The files of the pair of this name (in ``Pairs.names``): one, or of two folders both."""
    folder, _, below = name.partition("/")
    return (name, f"{folder[:-1]}B/{below}") if folder.endswith("A") else (name,)


def _matched(source, names_a, names_b):
    """(name of A, what reads [(name, bytes)] of both) of each pair."""
    a, b = ({name.partition("/")[2]: name for name in names} for names in (names_a, names_b))
    if alone := sorted(a.keys() ^ b.keys()):
        shown = ", ".join(alone[:10]) + (f" and {len(alone) - 10} more" if len(alone) > 10 else "")
        sides = " and ".join(names[0].partition("/")[0] + "/" for names in (names_a, names_b))
        raise UserError(
            f"{source.path}: names without a partner in {sides}: {shown}; "
            "give both files of a pair the same name"
        )
    if not hasattr(source, "read"):
        raise UserError(f"{source.path}: unpack it: an archive may hold side-by-side pairs only")

    def reader(*names):
        return lambda: [(name, source.read(name)) for name in names]

    return ((name, reader(name, b[below])) for below, name in a.items())


def _read(source, names, items, to_row, shape, cache, skip_unreadable) -> Rows:
    rows = read_rows(items, names, to_row, tuple(shape), cache, source.place, skip_unreadable)
    if not rows.names:
        first = rows.skipped[0][1]
        raise UserError(f"{source.path}: none of its {len(names)} pairs can be read ({first})")
    return rows


def _halves(size, in_full, channels):
    """``to_row`` of one file with both sides."""
    high, wide = size
    enough = None if in_full else (2 * wide, high)

    def to_row(name, data):
        images = {count: decode(data, name, enough, count) for count in set(channels)}
        height, width = images[channels[0]].shape[:2]
        if width < NARROWEST * height * wide / high:
            folder = name.partition("/")[0]
            raise Unreadable(
                f"{name}: no pair, it is {width / height:.3g} times as wide as high; side by side "
                f"a pair is about {2 * wide / high:.3g} times (or give the sides in {folder}A/ and "
                f"{folder}B/)"
            )
        if width % 2:
            raise Unreadable(
                f"{name}: its halves differ in size, {width} pixels are an odd width; "
                "a pair lies side by side in two equal halves"
            )
        sides = (images[channels[0]][:, : width // 2], images[channels[1]][:, width // 2 :])
        return _row(sides, size, channels), [(name, _sha(data))]

    return to_row


def _two_files(size, in_full, channels):
    """``to_row`` of two files."""
    enough = None if in_full else size[::-1]

    def to_row(name, datas):
        images = [
            decode_labels(data, label, count.classes)
            if isinstance(count, Labels)
            else decode(data, label, enough, count)
            for (label, data), count in zip(datas, channels, strict=True)
        ]
        if images[0].shape[:2] != images[1].shape[:2]:
            sizes = " and ".join(f"{i.shape[1]} x {i.shape[0]}" for i in images)
            raise Unreadable(f"{name}: its two sides differ in size, {sizes}")
        return _row(images, size, channels), [(label, _sha(data)) for label, data in datas]

    return to_row


def _row(sides, size, channels):
    """Both sides at that size, one behind the other: channels may differ."""
    ways = (resize_labels if isinstance(count, Labels) else resize for count in channels)
    return np.concatenate([way(side, *size).ravel() for way, side in zip(ways, sides, strict=True)])


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
