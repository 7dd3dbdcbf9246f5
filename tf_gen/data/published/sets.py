"""The report's published sets: where they lie or come from, and whether they are what they say."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from tf_gen.data.sources import Folder
from tf_gen.errors import UserError

from .archive import Archive
from .download import fetch


@dataclasses.dataclass(frozen=True)
class PublishedSet:
    """What is known of a published set (the report, "The published data sets").

    Attributes:
        folders, archives: names that it goes by, unpacked and packed, the usual one first.
        root: the folder in the archive that stands for the unpacked one.
        page: where a person finds it.
        urls, size: where it is fetched from, and the archive's bytes, where known.
        counts: {split: numbers of images or pairs that it is published with}.
        digests: {split: ``tf_gen.data.reading.digest`` of its files}, where known.
    """

    title: str
    folders: tuple[str, ...]
    archives: tuple[str, ...]
    page: str
    counts: Mapping[str, tuple[int, ...]]
    root: str = ""
    urls: tuple[str, ...] = ()
    size: int | None = None
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)


_MAPS_URL = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz"
MAPS = PublishedSet(
    title="the maps of pix2pix",
    folders=("maps",),
    archives=("maps.tar.gz",),
    page=_MAPS_URL,
    counts={"train": (1096,), "val": (1098,)},
    root="maps",
    urls=(_MAPS_URL,),
    size=250_242_400,
    digests={
        "train": "2e2cdb768f63b762fdecd61bd32a62c3d197ed9bf8dc82e8342392a00c9dfe4a",
        "val": "612e6c2e2b912d5e202f25972e17e0d9b47fa951ab3c4b111a80a64410b859b4",
    },
)
_CARTOON_URL = "https://storage.cloud.google.com/cartoonset_public_files/cartoonset10k.tgz"
CARTOON_FACES = PublishedSet(
    title="the Cartoon Set",
    folders=("cartoonset10k",),
    archives=("cartoonset10k.tgz", "cartoonset10k.tar.gz"),
    page="https://google.github.io/cartoonset/download.html",
    counts={"": (10_000,)},
    root="cartoonset10k",
    urls=(  # the mirror first: the publisher's link may ask for a login
        "https://huggingface.co/datasets/cgarciae/cartoonset/resolve/1.0.0/data/cartoonset10k.tgz",
        _CARTOON_URL,
    ),
)
ANIME_FACES = PublishedSet(
    title="the anime faces",
    folders=("animefacedataset", "anime-faces", "anime_faces"),
    archives=("animefacedataset.zip", "anime-faces.zip", "archive.zip"),
    page="https://www.kaggle.com/datasets/splcher/animefacedataset (or "
    "https://www.kaggle.com/datasets/soumikrakshit/anime-faces; both ask for an account)",
    counts={"": (63_565, 21_551)},
)


class NotFound(UserError):
    """A published set is neither here nor can it be fetched."""


def default_data_dir() -> Path:
    """Where TensorFlow Datasets keeps its own, without importing it."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def places(data_dir: Path) -> list[Path]:
    """The folders in which a set may lie: as the user laid it there, or as it was fetched."""
    return [data_dir, data_dir / "downloads" / "manual", data_dir / "downloads"]


def obtain(published: PublishedSet, folders: list[Path], downloads: Path):
    """The set as a source of images: found in one of the folders, else fetched to ``downloads``.

    Raises: NotFound, one message with the file to fetch, from where and to where, if it can
        neither be found nor fetched; UserError for a damaged archive.
    """
    if found := _find(published, folders):
        return found
    archive, reason = downloads / published.archives[0], "there is no public address to fetch it"
    if published.urls:
        try:
            fetch(
                published.urls, archive, size=published.size, check=lambda p: _check(published, p)
            )
            return _open(published, archive)
        except UserError as error:
            reason = error
        except OSError as error:  # the folder of downloads cannot be made or written
            reason = f"{error.filename or downloads}: {error.strerror or error}"
    raise NotFound(
        f"{published.title}: not in {', '.join(map(str, folders))}, and {reason}. Fetch it from "
        f"{published.page} and put {published.archives[0]}, or its unpacked folder "
        f"{published.folders[0]}, in {folders[0]}"
    )


def _find(published: PublishedSet, folders: list[Path]):
    if folders[0].name in published.folders and (source := _images(folders[0])):
        return source
    for folder in folders:
        for name in published.folders:
            if (folder / name).is_dir() and (source := _images(folder / name)):
                return source
        for name in published.archives:
            if (folder / name).is_file():
                return _open(published, folder / name)
    return None


def _images(folder: Path) -> Folder | None:
    """A folder with images; not, say, one that TensorFlow Datasets keeps under the same name."""
    source = Folder(folder) if folder.is_dir() else None
    return source if source and source.names else None


def _open(published: PublishedSet, path: Path) -> Archive:
    archive = Archive(path, published.root)
    if not archive.names:
        below = f" below {published.root}/" if published.root else ""
        raise UserError(f"{path}: no images{below} in it; this is not the published archive")
    return archive


def _check(published: PublishedSet, path: Path) -> None:
    """Of a download, which is deleted if it is none."""
    try:
        _open(published, path)
    except UserError as error:
        raise UserError(f"what came is not the archive ({error})") from error


def compare(published: PublishedSet, counts: Mapping[str, int], digests: Mapping[str, str]):
    """(Whether nothing differs from the published set, what was found) of files that were read.

    Args: counts, digests: by split; digests of the splits whose published one is known.
    """
    same, said = True, []
    for split, known in published.counts.items():
        count, published_counts = counts[split], " or ".join(f"{n:,}" for n in known)
        name = f"{split}: " if split else ""
        if count not in known:
            same = False
            said.append(f"{name}{count:,}, where the published set has {published_counts}")
        elif split not in published.digests:
            said.append(f"{name}{count:,}, as many as published (no digest of them is known)")
        elif digests[split] == published.digests[split]:
            said.append(f"{name}the published {count:,}, by their digest")
        else:
            same = False
            said.append(f"{name}{count:,}, as many as published, but not the same by their digest")
    return same, f"{published.title}: {'; '.join(said)}"
