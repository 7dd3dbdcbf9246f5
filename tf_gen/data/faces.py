"""Images of one kind, such as faces, split in training and validation by content."""

import dataclasses
import hashlib
from typing import NamedTuple

import numpy as np

from tf_gen.errors import UserError

from .cache import Cache, arrange
from .reading import decode, digest, read_rows, resize
from .sources import KINDS, Folder

SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}  # never all classes


@dataclasses.dataclass(frozen=True)
class Faces:
    """Images of one size, decoded.

    Attributes:
        images: uint8 [N, size, size, 3], in memory, or mapped from a file.
        labels: int32 [N], places in ``classes``; all 0 without classes.
        names: of the files, N of them: their paths in the source.
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
    """The two splits of a source, and what of it is in neither.

    Attributes:
        skipped: (name, reason) of each that could not be read.
        duplicates: (name, name of the one kept) of each dropped because its pixels were there.
        left_out: names of the images left out to balance the classes.
    """

    train: Faces
    val: Faces
    skipped: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()


class _Note(NamedTuple):
    sha: str  # of the file
    content: str  # SHA-256 of the image's pixels, of what the model sees


def load_faces(
    source,
    size: int,
    *,
    by_class=False,
    crop=(1.0,),
    val_share=0.1,
    skip_unreadable=False,
    cache=None,
) -> FaceSplits:
    """Read the images at any depth of a source, in natural order, each as size x size.

    Of each image the largest centred square is taken, of that the centre, then it is resized.
    Images that are then equal to the pixel are one: the first is kept, even where the others lie
    in other classes. Within each class the ``round(val_share * n)`` images, at least 1, with the
    smallest SHA-256 of the pixels validate and the others train: so the splits share no image,
    names have no say, and one image more moves at most two others of each class.

    Args:
        source: a folder's path, or a source (``tf_gen.data.sources``).
        by_class: each sub-folder that holds images is a class, labelled in the order of the names
            as by ``keras.utils.image_dataset_from_directory``; images beside the sub-folders are
            ignored. Classes are cut to the smallest: those of the smallest SHA-256 are kept.
        crop: the share of the square's side to keep, in (0, 1]: one for all, or one per class.
        val_share: between 0 and 1; at least one image of each class is left for training.
        cache: a ``Cache``; default a new one.

    Raises: UserError for a missing folder, no images, fewer than two classes, splits in the place
        of classes, fewer than two different images of a class, shares that do not fit, or (all
        listed, unless skipped) files that cannot be read.
    """
    source = source if hasattr(source, "items") else Folder(source)
    groups = _groups(source, by_class)
    labels = {name: label for label, names in enumerate(groups.values()) for name in names}
    _check_shares(crop, val_share, tuple(groups))
    crops = crop if len(crop) > 1 else crop * len(groups)

    def to_row(name, data):
        image = _square(decode(data, name), crops[labels[name]], size)
        return image, _Note(*(hashlib.sha256(of).hexdigest() for of in (data, image.tobytes())))

    rows = read_rows(
        source.items(labels), labels, to_row, (size, size, 3), cache or Cache(), source.place,
        skip_unreadable,
    )  # fmt: skip
    if not rows.names:
        raise UserError(f"{source.path}: none of its {len(labels)} images can be read")
    contents = [note.content for note in rows.notes]
    row_labels = np.array([labels[name] for name in rows.names], np.int32)
    kept, duplicates = _without_duplicates(contents)
    by_label = [kept[row_labels[kept] == label] for label in range(len(groups))]
    for name, chosen in zip(groups, by_label, strict=True):
        if len(chosen) < 2:
            raise UserError(
                f"{source.path}{'/' if name else ''}{name}: {len(chosen)} image(s) left without "
                "duplicates and unreadable ones; give at least 2 different ones, to train and to "
                "validate"
            )
    fewest = min(map(len, by_label))
    splits = [_split(chosen, contents, fewest, val_share) for chosen in by_label]
    train, val = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    images = arrange(rows.images, [*train, *val])

    def faces(images, chosen):
        names = [rows.names[row] for row in chosen]
        shas = [rows.notes[row].sha for row in chosen]
        classes = tuple(groups) if by_class else ()
        return Faces(
            images, row_labels[chosen], tuple(names), classes,
            digest(zip(names, shas, strict=True)),
        )  # fmt: skip

    return FaceSplits(
        faces(images[: len(train)], train),
        faces(images[len(train) :], val),
        rows.skipped,
        tuple((rows.names[row], rows.names[first]) for row, first in duplicates),
        tuple(rows.names[row] for row in sorted({*kept} - {*train, *val})),
    )


def _groups(source, by_class: bool) -> dict[str, list[str]]:
    """{class: names of its images, in order}, the classes sorted; without classes one, ``""``."""
    if not source.names:
        raise UserError(f"{source.path}: no images ({KINDS}) in it; give a folder of images")
    if not by_class:
        return {"": list(source.names)}
    groups = {}
    for name in source.names:
        if "/" in name:
            groups.setdefault(name.partition("/")[0], []).append(name)
    if len(groups) < 2:
        raise UserError(
            f"{source.path}: sub-folders with images ({KINDS}) in it: "
            f"{', '.join(groups) or 'none'}; "
            "give a folder with at least two, one for each class"
        )
    if SPLITS.issuperset(name.casefold() for name in groups):
        one = next((name for name in groups if name.casefold().startswith("train")), min(groups))
        raise UserError(
            f"{source.path}: its sub-folders {', '.join(sorted(groups))} are splits, not classes; "
            f"give a folder with one for each class, such as {source.path}/{one} if they lie there "
            "(the images are split here)"
        )
    for name in groups:
        if not name.isprintable():  # a SavedModel holds it as text
            raise UserError(
                f"{source.path}: rename the sub-folder {ascii(name)}: a class needs a name"
            )
    return {name: groups[name] for name in sorted(groups)}


def _check_shares(crop, val_share, classes):
    if len(crop) not in (1, len(classes)) or not all(0 < share <= 1 for share in crop):
        each = f", or one for each of {', '.join(classes)}" if len(classes) > 1 else ""
        raise UserError(f"crop={tuple(crop)}: give one share above 0 and up to 1 for all{each}")
    if not 0 < val_share < 1:
        raise UserError(f"val_share {val_share}: give a share between 0 and 1, such as 0.1")


def _square(image: np.ndarray, share: float, size: int) -> np.ndarray:
    """The centre of the largest centred square, resized: uint8 [H, W, 3] -> [size, size, 3]."""
    height, width = image.shape[:2]
    side = max(1, round(share * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size, size)


def _without_duplicates(contents: list[str]) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """(rows of the first of each content, (row, row of the first) of the others)."""
    first = {}
    for row, content in enumerate(contents):
        first.setdefault(content, row)
    others = [(row, first[c]) for row, c in enumerate(contents) if row != first[c]]
    return np.array([*first.values()]), others


def _split(rows: np.ndarray, contents, count: int, val_share: float):
    """(training, validation) of the ``count`` rows of smallest content, both in the order given."""
    smallest = sorted(rows, key=lambda row: contents[row])[:count]
    n_val = min(max(1, round(val_share * count)), count - 1)
    return np.sort(smallest[n_val:]), np.sort(smallest[:n_val])
