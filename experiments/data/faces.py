"""Faces: drawn, or read from where ``--data`` says."""

from typing import NamedTuple

import numpy as np

from experiments.data.account import Account, account_of, check_drawn, face_files, source_of
from tf_gen.data import Faces, draw_faces
from tf_gen.data import load_faces as read_faces
from tf_gen.data.cache import Cache
from tf_gen.data.published.sets import ANIME_FACES, CARTOON_FACES, compare

DRAWN = {"train": 2000, "val": 240}  # faces of each style
PUBLISHED = {"anime": ANIME_FACES, "cartoon": CARTOON_FACES}


class FaceData(NamedTuple):
    """Both splits, the account of the files, and how many images are in neither split, and why."""

    train: Faces
    val: Faces
    account: Account
    unused: dict[str, int]


def load_faces(config, styles, by_class=False) -> FaceData:
    """Draw or read the faces that the configuration names, and say which classes they have.

    Args: styles: of faces that are drawn, or the published sets; by_class: whether sub-folders are
        classes.
    """
    found = _load(config, styles, by_class)
    if classes := found.train.classes:
        labelled = ", ".join(f"{label} {name}" for label, name in enumerate(classes))
        print(f"data: {len(classes)} classes: {labelled}")
    return found


def _load(config, styles, by_class) -> FaceData:
    print(f"data: {'drawing' if config.data == 'synthetic' else 'reading'} {config.data}")
    if config.data == "synthetic":
        splits = (_draw(split, styles, config.image_size) for split in DRAWN)
        return FaceData(*splits, Account("synthetic"), _unused())
    source = source_of(config, {style: PUBLISHED[style] for style in styles})
    data = read_faces(
        source, config.image_size, by_class=by_class, crop=tuple(config.crop),
        skip_unreadable=config.skip_unreadable, cache=Cache(config.cache_gib),
    )  # fmt: skip
    comparisons = []
    if config.data == "report":
        each = source.sources if len(styles) > 1 else {styles[0]: source}
        comparisons = [compare(PUBLISHED[s], {"": len(each[s].names)}, {}) for s in styles]
    account = account_of(comparisons, face_files(source, data))
    unused = _unused(data.skipped, data.duplicates, data.left_out)
    return FaceData(data.train, data.val, account, unused)


def _unused(skipped=(), duplicates=(), to_balance=()):
    return {
        "unreadable": len(skipped),
        "duplicates": len(duplicates),
        "left_out_to_balance": len(to_balance),
    }


def _draw(split: str, styles, size: int) -> Faces:
    check_drawn(size)
    count, seed = DRAWN[split], list(DRAWN).index(split)
    return Faces(
        images=np.concatenate([draw_faces(count, seed, style, size) for style in styles]),
        labels=np.repeat(np.arange(len(styles), dtype=np.int32), count),
        names=tuple(f"{style} {split} {i}" for style in styles for i in range(count)),
        classes=tuple(styles) if len(styles) > 1 else (),
        # Not of the pixels: machines may differ by one grey level and yet draw the same set.
        digest=f"synthetic-1 {' '.join(styles)} {split} {count}",
    )
