"""A file from the web: whole and checked, or not there; a download that broke off is gone on with.

A download lies in ``PATH.part`` until it is whole, and in ``PATH.part.json`` is which version of
which URL it is of, so that parts of two files are never put together.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tf_gen import file_lock
from tf_gen.errors import UserError
from tf_gen.progress import progress

BLOCK = 2**18
PAUSE = 0.5  # seconds, times the attempts in vain, before the next one


class _NextUrl(Exception):
    """This URL does not have the file; the message says why."""


class _Broken(Exception):
    """The connection failed or broke off, which may go better next time."""


class _Stale(Exception):
    """What is there cannot be gone on with: it is not the beginning of what is offered now."""


def fetch(
    urls: Iterable[str],
    path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    check: Callable[[Path], object] | None = None,
    timeout: float = 30.0,
    attempts: int = 3,
) -> Path:
    """Download a file to ``path`` from the first URL that has it; one that is there is left alone.

    Args:
        size, sha256: what the file must have, where known.
        check: called with the downloaded file (under another name); raises UserError if damaged.
        timeout: seconds without a byte after which a connection counts as broken.
        attempts: at a URL that fail in a row without a new byte, before the next URL.

    Raises: UserError, one line with what was wrong with each URL, or if another process is
        downloading the file; OSError if it cannot be written.
    """
    path = Path(path)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    errors = {}
    with _Part(path).opened() as part:
        if path.exists():  # another process has just finished it
            return path
        for url in urls:
            if not sys.stdout.isatty():  # a log says where it came from
                print(f"fetching {url}", flush=True)
            try:
                _download(url, part, size, timeout, attempts)
                _verify(part, size, sha256, check)
            except (_NextUrl, _Broken) as error:
                errors[url] = error
            except UserError as error:
                errors[url] = error
                part.clear()
            else:
                part.finish()
                return path
        reasons = [f"{url}: {error}{part.left(url, error)}" for url, error in errors.items()]
    text = " ".join("; ".join(reasons).split()) or "no address is known"
    raise UserError(f"cannot fetch {path.name}: {text}")


class _Part:
    """The bytes that came so far, which only one process writes, and what they are part of."""

    def __init__(self, goal: Path):
        self.goal = goal
        self.path, self.side = (goal.with_name(goal.name + end) for end in (".part", ".part.json"))

    @contextlib.contextmanager
    def opened(self) -> Iterator["_Part"]:
        """Afterwards nothing is left of an empty part, nor beside the whole file."""
        with open(self.path, "ab", buffering=0) as self.file:
            if not file_lock.lock(self.file, self.path) and not self.goal.exists():
                raise UserError(f"{self.goal} is being downloaded by another process")
            try:
                yield self
            finally:
                if self.goal.exists() or not self.size:
                    self._close_on_windows()
                    self.path.unlink(missing_ok=True)
                    self.side.unlink(missing_ok=True)

    def _close_on_windows(self) -> None:
        """Where an open file can neither be moved nor deleted; elsewhere it stays locked."""
        if not file_lock.fcntl:
            self.file.close()

    @property
    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    @property
    def origin(self) -> dict:
        """url, etag, last_modified and total of the file that this is a part of, if known."""
        try:
            origin = json.loads(self.side.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return origin if isinstance(origin, dict) else {}

    def size_of(self, url: str) -> int:
        """How many bytes of this URL are there."""
        return self.size if self.origin.get("url") == url else 0

    def left(self, url: str, error: Exception) -> str:
        """Where another try goes on after an error, in words; "" if it does not."""
        if not isinstance(error, _Broken) or not self.size_of(url):
            return ""
        total = self.origin.get("total")
        of = "" if total is None else f" of {total:,}"
        return f" at {self.size:,}{of} bytes; another try goes on from there"

    def begin(self, origin: dict) -> None:
        self.file.truncate(0)  # first: the bytes are never taken for another file's
        self.side.write_text(json.dumps(origin), "utf-8")

    def write(self, block: bytes) -> None:
        while block:  # when the disk gets full, a part of it is written
            block = block[self.file.write(block) :]

    def clear(self) -> None:
        self.file.truncate(0)
        self.side.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give it its name."""
        os.fsync(self.file.fileno())  # or the name could outlive a power cut without the bytes
        self._close_on_windows()
        os.replace(self.path, self.goal)


def _download(url, part, size, timeout, attempts) -> None:
    best, in_vain = part.size_of(url), 0
    while True:
        try:
            try:
                return _receive(url, part, size, timeout)
            except _Stale:
                part.clear()
                return _receive(url, part, size, timeout)
        except _Broken:
            done = part.size_of(url)
            best, in_vain = max(best, done), 0 if done > best else in_vain + 1
            if in_vain >= attempts:
                raise
        time.sleep(PAUSE * max(in_vain, 1))


def _receive(url, part, size, timeout) -> None:
    """One request, and its answer written to the part."""
    origin, start = part.origin, part.size_of(url)
    with _answer(url, _range(start, origin), timeout) as answer:
        total = _total(answer, start, origin)
        if size is not None and total not in (None, size):
            raise _NextUrl(f"the file there has {total:,} bytes, not {size:,}")
        if answer.status == 200:
            part.begin({"url": url, **_version(answer), "total": total})
        name = part.goal.name
        with progress(total, name, "B", unit_scale=True, initial=part.size) as shown:
            while block := _read(answer, timeout):
                part.write(block)
                shown.update(len(block))
                if size is not None and part.size > size:  # an unknown length may have no end
                    return
    if total is not None and part.size < total:
        raise _Broken("the connection broke off")


def _range(start: int, origin: dict) -> dict:
    """Headers that ask for what is missing, if the file is still the same."""
    if not start:
        return {}
    etag = origin.get("etag") or ""
    version = etag if etag.startswith('"') else origin.get("last_modified")  # W/"...": a weak one
    return {"Range": f"bytes={start}-", **({"If-Range": version} if version else {})}


def _version(answer) -> dict:
    return {"etag": answer.headers["ETag"], "last_modified": answer.headers["Last-Modified"]}


def _answer(url, headers, timeout):
    """What a URL answers, redirections followed, but only to http and https."""
    opener = urllib.request.OpenerDirector()  # the default one opens ftp:, file: and data: too
    for kind in (
        *(urllib.request.ProxyHandler, urllib.request.UnknownHandler),
        *(urllib.request.HTTPHandler, urllib.request.HTTPSHandler),
        *(urllib.request.HTTPRedirectHandler, urllib.request.HTTPDefaultErrorHandler),
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(kind())
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "tf_gen", **headers})
        return opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and headers:  # as long as the file, or longer
            raise _Stale from error
        kind = _Broken if error.code >= 500 else _NextUrl
        raise kind(f"{error.code} {error.msg}") from error
    except (ValueError, http.client.InvalidURL) as error:
        raise _NextUrl(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None)
        own = isinstance(error, urllib.error.URLError) and isinstance(reason, str)
        raise (_NextUrl if own else _Broken)(_in_words(error, timeout)) from error


def _total(answer, start: int, origin: dict) -> int | None:
    """How many bytes the whole file has, if the answer says so.

    Raises: _NextUrl if this is not a file; _Stale if it is not the rest that was asked for.
    """
    if answer.headers.get_content_type() == "text/html":
        raise _NextUrl("answered with a web page, not a file")
    if answer.status == 200:
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None
    if answer.status != 206 or not start:
        raise _NextUrl(f"answered with {answer.status} {answer.reason}, not with the file")
    first, total = _content_range(answer)
    known = {**_version(answer), "total": total}
    changed = any(origin.get(key) not in (None, known[key]) for key in known if known[key])
    if first != start or changed:
        raise _Stale
    return origin.get("total") if total is None else total


def _content_range(answer) -> tuple[int | None, int | None]:
    """(First byte of an answer, bytes of the whole file) as its header says, if it does."""
    text = answer.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d+)-\d+/(?:(\d+)|\*)", text.strip())
    return tuple(number and int(number) for number in found.groups()) if found else (None, None)


def _read(answer, timeout) -> bytes:
    """As much as is there: what came before a stall is not lost."""
    try:
        return answer.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(_in_words(error, timeout)) from error


def _in_words(error: Exception, timeout: float) -> str:
    if isinstance(error, urllib.error.URLError):
        error = error.reason
    match error:
        case TimeoutError():
            return f"no answer for {timeout:g} s"
        case socket.gaierror():
            return f"the name of the server is not found ({error.strerror})"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionError() | http.client.IncompleteRead():
            return "the connection broke off"
        case OSError():
            return error.strerror or str(error)
        case http.client.HTTPException():
            return f"no proper answer ({error})"
    return str(error)


def _verify(part, size, sha256, check) -> None:
    """Raises: UserError if a complete download is not the file that is wanted."""
    size = part.origin.get("total") if size is None else size
    if size not in (None, part.size):
        raise UserError(f"{part.size:,} bytes came, not {size:,}")
    if sha256 is not None:
        with open(part.path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256.lower():
            raise UserError(f"the SHA-256 of what came is {found}, not {sha256}")
    if check:
        check(part.path)
