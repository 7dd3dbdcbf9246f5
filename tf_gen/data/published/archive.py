"""A published archive read where it lies: nothing is unpacked."""

import contextlib
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from tf_gen.data.sources import MAX_BYTES, Items, Unreadable, is_image, natural_key, too_large
from tf_gen.errors import UserError

MAX_HEADER = 2**20  # of what a tar file says of a member, such as a long name
# what the standard library raises for damaged archives
BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(OSError, ValueError, LookupError, ArithmeticError, RuntimeError, MemoryError),
)


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
        self.names = tuple(name for name in files if is_image(name))
        self.passed_over = tuple(name for name in files if not is_image(name))

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
            raise too_large(name, size)
        return data

    return read


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    if member.file_size > MAX_BYTES:
        raise too_large(name, member.file_size)
    try:
        with archive.open(member) as stream:  # archive.read() unpacks more than it claims to hold
            return stream.read(member.file_size)
    except BROKEN as error:  # also an encrypted one, or of an odd compression
        raise Unreadable(f"{name}: not readable in {archive.filename} ({error})") from error
