"""Where encoded images come from: folders and archives, read where they lie.

A source has ``path``; ``place``, the folder beside it where a cache may lie; ``names`` of its
images, paths with ``/`` in natural order; ``passed_over``, names of its other files; and
``items(names)``, which yields ``(name, read)`` in the quickest order, ``read() -> bytes``.
"""

import contextlib
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from tf_gen.errors import UserError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
KINDS = "JPEG, PNG, BMP, GIF, WebP"
MAX_BYTES = 2**28  # of one encoded image: a member of an archive can claim more than memory has
MAX_HEADER = 2**20  # of what a tar file says of a member, such as a long name
# what the standard library raises for damaged archives
BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(OSError, ValueError, LookupError, ArithmeticError, RuntimeError, MemoryError),
)
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
                raise UserError(f"{self.path}: {found}; give --data a folder of images")
            self.closed = {self.path.resolve(), *self.path.resolve().parents}
            if leave_out:
                self.closed.add(leave_out.resolve())
            files = list(self._below(self.path, set()))
        except OSError as error:
            raise UserError(f"{error.filename or path}: {error.strerror or error}") from error
        self.names = tuple(name for name in files if _is_image(name))
        self.passed_over = tuple(name for name in files if not _is_image(name))

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


class Archive:
    """The members of a zip or (compressed) tar file below its folder ``root``; nothing is unpacked.

    Raises: UserError for a damaged archive, and for one with a member that unpacking could take out
        of its folder: an absolute path, one with ``..``, a link or a device.
    """

    def __init__(self, path, root: str = ""):
        self.path, self.place, self.root = Path(path), Path(path).parent, PurePosixPath(root)
        with self._told():
            members = sorted(self._members(), key=natural_key)
        files = dict.fromkeys(name for name in map(self._below_root, members) if name)
        self.names = tuple(name for name in files if _is_image(name))
        self.passed_over = tuple(name for name in files if not _is_image(name))

    def items(self, names: Iterable[str]) -> Items:
        """(name, what reads it) of each name; of a tar file in the order of the archive."""
        with self._told():
            yield from (self._zipped if self._is_zip() else self._tarred)(set(names))

    @contextlib.contextmanager
    def _told(self):
        """One line for whatever a damaged archive makes the standard library raise."""
        try:
            yield
        except UserError:
            raise
        except BROKEN as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
            raise UserError(
                f"{self.path}: a damaged or incomplete archive ({reason}); "
                "remove it and fetch it again"
            ) from error

    def _is_zip(self) -> bool:
        """By its start: zipfile.is_zipfile also takes a tar file with a zip file in it for one."""
        with self.path.open("rb") as file:
            return file.read(4) in (b"PK\3\4", b"PK\5\6")

    def _members(self) -> Iterator[str]:
        if self._is_zip():
            with zipfile.ZipFile(self.path) as archive:
                for member in archive.infolist():
                    link = member.external_attr >> 28 == 0o12  # S_IFLNK, as Unix writes it
                    if not member.is_dir():
                        yield self._safe(member.filename, not link)
            return
        for _, member in _walk(self.path):
            if not member.isdir():
                yield self._safe(member.name, member.isfile())

    def _safe(self, name: str, is_file: bool) -> str:
        parts = re.split(r"[/\\]", name)
        if not is_file or ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0]:
            kind = "path" if is_file else "link or device"
            raise UserError(
                f"{self.path}: its member {name!r} is a {kind} that could lead out of the folder "
                "where it is unpacked; this is not the published archive, fetch that"
            )
        return name

    def _below_root(self, member: str) -> str | None:
        path = PurePosixPath(member)
        if not path.is_relative_to(self.root) or any(p.startswith(".") for p in path.parts):
            return None
        return path.relative_to(self.root).as_posix()

    def _zipped(self, wanted: set[str]) -> Items:
        archive = zipfile.ZipFile(self.path)  # no `with`: it is read when the last name is out
        for member in archive.infolist():
            if (name := self._below_root(member.filename)) in wanted:
                wanted.remove(name)
                yield name, lambda name=name, member=member: _unzip(archive, member, name)

    def _tarred(self, wanted: set[str]) -> Items:
        for archive, member in _walk(self.path):
            if member.isfile() and (name := self._below_root(member.name)) in wanted:
                wanted.remove(name)
                yield name, _bounded(archive.extractfile(member), name, member.size)


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
            raise _too_large(name, size)
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


def _is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _too_large(name: str, size: int) -> Unreadable:
    return Unreadable(f"{name}: {size:,} bytes is more than the {MAX_BYTES:,} that are read")


class _Header(tarfile.TarInfo):
    """``tarfile`` takes every damaged header but the first for the end of the archive, and reads
    what is said of a member at any length."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.type in (b"x", b"g", b"X", b"L", b"K") and header.size > MAX_HEADER:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header


def _walk(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """(the open archive, member) of each member, on to the checksum behind the last."""
    with tarfile.open(path, tarinfo=_Header) as archive:
        last = -1
        for member in archive:
            # negative sizes lead back, and tarfile goes round in circles in a damaged sparse map
            if member.offset <= last or member.issparse():
                raise tarfile.ReadError(f"damaged at its member {member.name!r}")
            last = member.offset
            yield archive, member
            archive.members = []  # it would keep all it has seen
        while archive.fileobj.read(2**20):
            pass


def _bounded(stream, name: str, size: int) -> Callable[[], bytes]:
    """What gives a tar member's bytes, read now, as long as the stream stands there."""
    data = stream.read() if size <= MAX_BYTES else None

    def read():
        if data is None:
            raise _too_large(name, size)
        return data

    return read


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    if member.file_size > MAX_BYTES:
        raise _too_large(name, member.file_size)
    try:
        with archive.open(member) as stream:  # archive.read() unpacks more than it claims to hold
            return stream.read(member.file_size)
    except BROKEN as error:  # also an encrypted one, or of an odd compression
        raise Unreadable(f"{name}: not readable in {archive.filename} ({error})") from error
