"""The account of a run's data: where they are from, how they differ from the published set, and
what became of each file."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.launch.errors import UsageError
from experiments.launch.markdown import inline
from tf_gen.data.faces import FaceSplits
from tf_gen.data.pairs import Pairs, files_of
from tf_gen.data.published import sets as published
from tf_gen.data.sources import Folder, Merged

LEAST_DRAWN = 16  # pixels
SHOWN = 20  # files not used that the run's README names; data.csv names all


class Account(NamedTuple):
    """What is said of the data: ``data_source`` of metrics.json, how they differ from the published
    set, and (file, use, reason) of each file that was read."""

    source: str
    note: str = ""
    files: Sequence[tuple[str, str, str]] = ()


def account_of(comparisons, files) -> Account:
    """The account of files that were read; prints what is worth knowing of it.

    Args: comparisons: ``published.compare`` of each published set; [] of other folders.
    """
    say_unused(files)
    if not comparisons:
        return Account("folder", files=files)
    note = "; ".join(note for _, note in comparisons)
    print(f"data: {note}")
    same = all(same for same, _ in comparisons)
    return Account("report" if same else "not the report's", note, files)


def source_of(config, sets: dict):
    """The folder given by ``--data``, or the published sets: {class: PublishedSet}.

    Raises: UsageError if a set is neither here nor to be had.
    """
    if config.data != "report":
        return Folder(config.data)
    data_dir = config.data_dir or published.default_data_dir()
    try:
        found = {
            name: published.obtain(one, published.places(data_dir), data_dir / "downloads")
            for name, one in sets.items()
        }
    except published.NotFound as error:
        raise UsageError(f"{error}; or go without it: --data synthetic") from error
    return Merged(found) if len(found) > 1 else found.popitem()[1]


def pair_files(source, splits: dict[str, Pairs]) -> list[tuple[str, str, str]]:
    """(file, use, reason) of the files of pairs."""
    told = [
        *((name, split, "") for split, pairs in splits.items() for name in pairs.names),
        *((name, "unreadable", why) for pairs in splits.values() for name, why in pairs.skipped),
    ]
    return _with_others(source, [(file, *of) for name, *of in told for file in files_of(name)])


def face_files(source, splits: FaceSplits) -> list[tuple[str, str, str]]:
    """(file, use, reason) of the files of faces."""
    told = [
        *((name, "train", "") for name in splits.train.names),
        *((name, "val", "") for name in splits.val.names),
        *((name, "unreadable", why) for name, why in splits.skipped),
        *((name, "duplicate", f"of {first}") for name, first in splits.duplicates),
        *((name, "left out", "to balance the classes") for name in splits.left_out),
    ]
    return _with_others(source, told)


def _with_others(source, told):
    """And all others of the source, passed over."""
    known = {name for name, _, _ in told}
    outside = (name for name in source.names if name not in known)
    return [
        *told,
        *((name, "passed over", "not in one of the folders that are read") for name in outside),
        *((name, "passed over", "not the name of an image") for name in source.passed_over),
    ]


def check_drawn(size: int) -> None:
    """Raise UsageError for a size at which nothing can be drawn."""
    if size < LEAST_DRAWN:
        raise UsageError(
            f"--image-size: drawn images have at least {LEAST_DRAWN} pixels, not {size}; give "
            "more, or --data FOLDER"
        )


def write_files(path: Path, files: list[tuple[str, str, str]]) -> None:
    """All of them as CSV; names that are no text are escaped."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        csv.writer(file).writerows([("file", "use", "reason"), *files])


def files_summary(files: list[tuple[str, str, str]]) -> list[str]:
    """Lines of Markdown: how many files came to which use, and those that were not used."""
    uses = ", ".join(f"{count:,} {use}" for use, count in Counter(f[1] for f in files).items())
    others = [file for file in files if file[1] not in ("train", "val")]
    lines = [f"Files: {uses}; each is listed in [data.csv](data.csv).", ""]
    lines += [f"- `{inline(name)}`: {use}, {inline(why)}" for name, use, why in others[:SHOWN]]
    if len(others) > SHOWN:
        lines.append(f"- and {len(others) - SHOWN:,} more")
    return [*lines, ""] if others else lines


def say_unused(files: list[tuple[str, str, str]]) -> None:
    """Print each unreadable file, and how many were not used for another reason."""
    for _, _, reason in (file for file in files if file[1] == "unreadable"):
        print(f"skipped {inline(reason)}")
    counts = Counter(use for _, use, _ in files)
    for use, said in (
        ("unreadable", "unreadable images"),
        ("duplicate", "exact duplicates"),
        ("left out", "images to balance the classes"),
        ("passed over", "files that are no images, or not in one of the folders that are read"),
    ):
        if counts[use]:
            print(f"left out {counts[use]} {said}")
