"""Where encoded images come from: folders, and several sources as one, read where they lie.

A source has ``path``; ``place``, the folder beside it where a cache may lie; ``names`` of its
images, paths with ``/`` in natural order; ``passed_over``, names of its other files; and
``items(names)``, which yields ``(name, read)`` in the quickest order, ``read() -> bytes``. An
archive is one, too: ``tf_gen.data.published.archive``.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from tf_gen.errors import UserError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
KINDS = "JPEG, PNG, BMP, GIF, WebP"
MAX_BYTES = 2**28  # of one encoded image: a member of an archive can claim more than memory has
Items = Iterator[tuple[str, Callable[[], bytes]]]


class Unreadable(UserError):
    """A file that is no image, or a damaged one; the message names it."""


class Folder:
    """The files at any depth of a folder, hidden ones left out. Links are followed.

    Args: leave_out: a folder in it that is not looked into.
    Raises: UserError if there is no such folder, or a folder in it cannot be looked into.
    """

    def __init__(self, path, leave_out: Path | None = None):
        self.path = self.place = Path(path)
        try:
            if not self.path.is_dir():
                found = "is a file, not a folder" if self.path.exists() else "no such folder"
                raise UserError(f"{self.path}: {found}; give a folder of images")
            self.closed = {self.path.resolve(), *self.path.resolve().parents}
            if leave_out:
                self.closed.add(leave_out.resolve())
            files = list(self._below(self.path, set()))
        except OSError as error:
            raise UserError(f"{error.filename or path}: {error.strerror or error}") from error
        self.names = tuple(name for name in files if is_image(name))
        self.passed_over = tuple(name for name in files if not is_image(name))

    def _below(self, folder: Path, seen: set[Path]) -> Iterator[str]:
        """Links may lead in a circle: below each folder of the first level no directory is entered
        twice, nor one that the whole lies in."""
        for path in sorted(folder.iterdir(), key=lambda path: _natural(path.name)):
            if path.name.startswith("."):
                continue
            if not path.is_dir():
                yield path.relative_to(self.path).as_posix()
                continue
            if folder == self.path:
                seen = set(self.closed)
            if (real := path.resolve()) not in seen:
                seen.add(real)
                yield from self._below(path, seen)

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises: Unreadable if the system refuses them."""
        return read_bytes(self.path / name, name)

    def items(self, names: Iterable[str]) -> Items:
        """(name, what reads it) of each name."""
        for name in names:
            yield name, lambda name=name: self.read(name)


class Merged:
    """Several sources as one: each is a folder of the first level."""

    def __init__(self, sources: dict):
        self.sources = sources
        first = next(iter(sources.values()))
        self.path, self.place = " and ".join(str(s.path) for s in sources.values()), first.place
        self.names, self.passed_over = (
            tuple(f"{key}/{name}" for key, s in sources.items() for name in getattr(s, kind))
            for kind in ("names", "passed_over")
        )

    def items(self, names: Iterable[str]) -> Items:
        """(name, what reads it) of each name."""
        wanted = {key: [] for key in self.sources}
        for name in names:
            key, _, below = name.partition("/")
            wanted[key].append(below)
        for key, below in wanted.items():
            for name, read in self.sources[key].items(below):
                yield f"{key}/{name}", read


def read_bytes(path: Path, name: str) -> bytes:
    """A file's bytes. Raises: Unreadable if the system refuses them."""
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            raise Unreadable(f"{name}: {'not a file' if path.exists() else 'No such file'}")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise too_large(name, size)
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from error


def natural_key(path: str):
    """A sort key of a path with ``/``, under which numbers in names count as numbers: 2.jpg comes
    before 10.jpg."""
    return [_natural(name) for name in path.split("/")]


def _natural(name: str):
    def numbered(text):  # words at even places, numbers at odd ones
        parts = re.split(r"0*([0-9]+)", text)
        return [(len(p), p) if i % 2 else p for i, p in enumerate(parts)]

    return numbered(PurePosixPath(name).stem), numbered(name), name


def is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def too_large(name: str, size: int) -> Unreadable:
    return Unreadable(f"{name}: {size:,} bytes is more than the {MAX_BYTES:,} that are read")
