"""Folders of images of one kind, such as faces, split in training and validation by content."""

import dataclasses
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_gen.errors import UserError

from .reading import EXTENSIONS, decode, digest, natural_key, read_all, read_bytes, resize

KINDS = "JPEG, PNG, BMP, GIF, WebP"


@dataclasses.dataclass(frozen=True)
class Faces:
    """Images of one size, decoded.

    Attributes:
        images: uint8 [N, size, size, 3].
        labels: int32 [N], places in ``classes``; all 0 without classes.
        names: of the files, N of them: paths below the folder, with ``/``.
        classes: names of the classes, () without.
        digest: SHA-256 over these files (``tf_gen.data.reading.digest``), whatever the size and
            the crop at which they were read.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    classes: tuple[str, ...]
    digest: str

    def __len__(self):
        return len(self.names)


@dataclasses.dataclass(frozen=True)
class FaceSplits:
    """The two splits of a folder, and what of it is in neither.

    Attributes:
        skipped: (name, reason) of each that could not be read.
        duplicates: (name, name of the one kept) of each dropped because its pixels were there.
        left_out: number of images left out to balance the classes.
    """

    train: Faces
    val: Faces
    skipped: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    left_out: int = 0


class _Face(NamedTuple):
    name: str
    label: int
    image: np.ndarray  # uint8 [size, size, 3]
    sha: str  # of the file
    content: str  # SHA-256 of the image's pixels, of what the model sees


def load_faces(
    folder, size: int, *, by_class=False, crop=(1.0,), val_share=0.1, skip_unreadable=False
) -> FaceSplits:
    """Read the images at any depth of a folder, in natural order, each as size x size.

    Of each image the largest centred square is taken, of that the centre, then it is resized.
    Images that are then equal to the pixel are one: the first is kept, even where the others lie
    in other classes. Within each class the ``round(val_share * n)`` images, at least 1, with the
    smallest SHA-256 of the pixels validate and the others train: so the splits share no image,
    names have no say, and one image more moves at most two others of each class.

    Args:
        by_class: each sub-folder that holds images is a class, labelled in the order of the names
            as by ``keras.utils.image_dataset_from_directory``; images beside the sub-folders are
            ignored. Classes are cut to the smallest: those of the smallest SHA-256 are kept.
        crop: the share of the square's side to keep, in (0, 1]: one for all, or one per class.
        val_share: between 0 and 1; at least one image of each class is left for training.

    Raises: UserError for a missing folder, no images, fewer than two classes, fewer than two
        different images of a class, shares that do not fit, or (all listed, unless skipped)
        files that cannot be read.
    """
    folder = Path(folder)
    groups = _groups(folder, by_class)
    labels = {name: label for label, names in enumerate(groups.values()) for name in names}
    _check_shares(crop, val_share, tuple(groups))
    crops = crop if len(crop) > 1 else crop * len(groups)

    def read_one(name):
        return _read(folder / name, name, labels[name], crops[labels[name]], size)

    read, skipped = read_all(labels, read_one, skip_unreadable)
    if not read:
        raise UserError(f"{folder}: none of its {len(labels)} images can be read")
    kept, duplicates = _without_duplicates(read)
    by_label = [[face for face in kept if face.label == label] for label in range(len(groups))]
    for name, faces in zip(groups, by_label, strict=True):
        if len(faces) < 2:
            raise UserError(
                f"{folder / name}: {len(faces)} image(s) left without duplicates and unreadable "
                "ones; give at least 2 different ones, to train and to validate"
            )
    fewest = min(map(len, by_label))
    splits = zip(*(_split(faces, fewest, val_share) for faces in by_label), strict=True)
    train, val = (_stacked(sum(parts, []), tuple(groups) if by_class else ()) for parts in splits)
    left_out = len(kept) - len(train) - len(val)
    return FaceSplits(train, val, tuple(skipped), tuple(duplicates), left_out)


def _groups(folder: Path, by_class: bool) -> dict[str, list[str]]:
    """{class: names of its images, in order}, the classes sorted; without classes one, ``""``."""
    if not folder.is_dir():
        found = "is a file, not a folder" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {found}; give --data a folder of images")
    above = set(folder.resolve().parents)  # links to them lead in a circle
    if by_class:
        above.add(folder.resolve())
        within = sorted(path for path in folder.iterdir() if path.is_dir() and _shown(path))
        groups = {path.name: _below(path, folder, set(above)) for path in within}
    else:
        groups = {"": _below(folder, folder, above)}
    groups = {name: images for name, images in groups.items() if images}
    if by_class and len(groups) < 2:
        raise UserError(
            f"{folder}: sub-folders with images ({KINDS}) in it: {', '.join(groups) or 'none'}; "
            "give --data a folder with at least two, one for each class"
        )
    for name in groups:
        if not name.isprintable():  # a SavedModel holds it as text
            raise UserError(f"{folder}: rename the sub-folder {ascii(name)}: a class needs a name")
    if not groups:
        raise UserError(f"{folder}: no images ({KINDS}) in it; give --data a folder of images")
    return groups


def _below(folder: Path, root: Path, seen: set[Path]) -> list[str]:
    """The images at any depth of a folder, in natural order, hidden ones left out.

    Links are followed, but they may lead in a circle: no directory is entered that was ``seen``.
    """
    if folder.resolve() in seen:
        return []
    seen.add(folder.resolve())
    names = []
    for path in sorted(filter(_shown, folder.iterdir()), key=natural_key):
        if path.is_dir():
            names += _below(path, root, seen)
        elif path.suffix.lower() in EXTENSIONS:
            names.append(path.relative_to(root).as_posix())
    return names


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _check_shares(crop, val_share, classes):
    if len(crop) not in (1, len(classes)) or not all(0 < share <= 1 for share in crop):
        each = f", or one for each of {', '.join(classes)}" if len(classes) > 1 else ""
        raise UserError(
            f"--crop {' '.join(map(str, crop))}: give one share above 0 and up to 1 for all{each}"
        )
    if not 0 < val_share < 1:
        raise UserError(f"val_share {val_share}: give a share between 0 and 1, such as 0.1")


def _read(path: Path, name: str, label: int, share: float, size: int) -> _Face:
    data = read_bytes(path, name)
    image = decode(data, name)
    height, width = image.shape[:2]
    side = max(1, round(share * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    image = resize(image[top : top + side, left : left + side], size, size)
    image = image.copy()  # what is only cut out would keep the whole of its image in memory
    sha, content = (hashlib.sha256(of).hexdigest() for of in (data, image.tobytes()))
    return _Face(name, label, image, sha, content)


def _without_duplicates(faces: list[_Face]) -> tuple[list[_Face], list[tuple[str, str]]]:
    """(the first of each content, (name, name of the first) of the others)."""
    first = {}
    for face in faces:
        first.setdefault(face.content, face)
    others = [(f.name, first[f.content].name) for f in faces if f is not first[f.content]]
    return list(first.values()), others


def _split(faces: list[_Face], count: int, val_share: float) -> tuple[list[_Face], list[_Face]]:
    """(training, validation) of the ``count`` smallest contents, both in the order given."""
    contents = sorted(face.content for face in faces)[:count]
    n_val = min(max(1, round(val_share * count)), count - 1)
    sides = set(contents[n_val:]), set(contents[:n_val])
    return tuple([face for face in faces if face.content in side] for side in sides)


def _stacked(faces: list[_Face], classes: tuple[str, ...]) -> Faces:
    return Faces(
        images=np.stack([face.image for face in faces]),
        labels=np.array([face.label for face in faces], np.int32),
        names=tuple(face.name for face in faces),
        classes=classes,
        digest=digest((face.name, face.sha) for face in faces),
    )
