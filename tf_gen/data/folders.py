"""Folders of image pairs, in the two layouts that people have, and pairs drawn by the package."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from tf_gen.errors import UserError

from .reading import Unreadable, decode, digest, image_files, read_all, read_bytes, resize

SPLITS = {"train": ("train",), "val": ("val", "test")}  # the names that a split's folder may have


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Image pairs, decoded.

    Attributes:
        a, b: uint8 [N, size, size, 3]: the left half or A, the right half or B.
        names: of the pairs, N of them.
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


def load_pairs(folder, split: str, size: int, skip_unreadable: bool = False) -> Pairs:
    """Read a split (``"train"`` or ``"val"``) of a folder of pairs, each side size x size.

    The folder holds ``train/`` and ``val/`` (or ``test/``) of side-by-side pairs, A left, B
    right, or ``trainA/ trainB/ valA/ valB/`` (or ``testA/ testB/``) with equal file names.
    Each side is decoded in full and resized by area averaging (bilinear where it grows).

    Raises: UserError for a missing folder, no pairs, names without a partner, or (all listed,
        unless skipped) files that cannot be read and pairs whose halves differ in size.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "is a file, not a folder" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {found}; give --data a folder with train/ and val/")
    for name in SPLITS[split]:
        if (folder / name).is_dir():
            files = {path.name: (path,) for path in image_files(folder / name)}
            return _read_pairs(folder, folder / name, files, size, skip_unreadable)
        if (folder / f"{name}A").is_dir() or (folder / f"{name}B").is_dir():
            files = _matched(folder / f"{name}A", folder / f"{name}B")
            return _read_pairs(folder, folder / f"{name}A", files, size, skip_unreadable)
    wanted = " or ".join(f"{name}/" for name in SPLITS[split])
    raise UserError(
        f"{folder}: holds neither {wanted} of side-by-side pairs nor "
        f"{' or '.join(f'{name}A/ and {name}B/' for name in SPLITS[split])}"
    )


def _matched(folder_a: Path, folder_b: Path) -> dict[str, tuple[Path, Path]]:
    for folder in (folder_a, folder_b):
        if not folder.is_dir():
            raise UserError(f"{folder}: missing, but its partner is there; both sides are needed")
    names_a, names_b = ({path.name for path in image_files(f)} for f in (folder_a, folder_b))
    if alone := sorted(names_a ^ names_b):
        shown = ", ".join(alone[:10]) + (f" and {len(alone) - 10} more" if len(alone) > 10 else "")
        raise UserError(
            f"{folder_a} and {folder_b}: names without a partner: {shown}; "
            "give both files of a pair the same name"
        )
    return {path.name: (path, folder_b / path.name) for path in image_files(folder_a)}


def _read_pairs(root: Path, folder: Path, files, size, skip_unreadable) -> Pairs:
    if not files:
        raise UserError(f"{folder}: no images (JPEG, PNG, BMP, GIF, WebP) in it")

    def read_one(name):
        datas = [(path.relative_to(root).as_posix(), path) for path in files[name]]
        datas = [(label, read_bytes(path, label)) for label, path in datas]
        sides = _halves(datas, name)
        shas = [(label, hashlib.sha256(data).hexdigest()) for label, data in datas]
        return name, [resize(side, size, size) for side in sides], shas

    read, skipped = read_all(files, read_one, skip_unreadable)
    if not read:
        raise UserError(f"{folder}: none of its {len(files)} pairs can be read")
    return Pairs(
        a=np.stack([sides[0] for _, sides, _ in read]),
        b=np.stack([sides[1] for _, sides, _ in read]),
        names=tuple(name for name, _, _ in read),
        digest=digest(sha for _, _, shas in read for sha in shas),
        skipped=tuple(skipped),
    )


def _halves(datas, name):
    images = [decode(data, label) for label, data in datas]
    if len(images) == 1:
        (label, _), (image,) = datas[0], images
        if image.shape[1] % 2:
            raise Unreadable(
                f"{label}: its halves differ in size, {image.shape[1]} pixels are an odd width; "
                "a pair lies side by side in two equal halves"
            )
        return np.split(image, 2, axis=1)
    if images[0].shape != images[1].shape:
        sizes = " and ".join(f"{i.shape[1]} x {i.shape[0]}" for i in images)
        raise Unreadable(f"{name}: its two sides differ in size, {sizes}")
    return images
