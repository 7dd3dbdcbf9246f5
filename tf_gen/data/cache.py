"""Room for decoded images: memory while they fit a budget, else a file."""

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from tf_gen.errors import UserError

GIB = 2**30


class Cache:
    """Hands out arrays of uint8, in memory up to ``gib`` in all, the others in files.

    The files have no names: nothing of them is left when the process ends, however it ends.

    Args: gib: default a quarter of the memory that is free.
    """

    def __init__(self, gib: float | None = None):
        self.left = free_memory() / 4 if gib is None else gib * GIB

    def array(self, shape: tuple[int, ...], place: Path) -> np.ndarray:
        """An array of this shape; where it does not fit, a memory map of a file in the folder
        ``place``, or, if that cannot be written, in the system's folder for temporary files.

        Raises: UserError if neither has room.
        """
        size = int(np.prod(shape, dtype=np.int64))
        if size <= self.left:
            self.left -= size
            return np.empty(shape, np.uint8)
        reasons = []
        for folder in (place, Path(tempfile.gettempdir())):
            try:
                return _mapped(folder, shape, size)
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror or error}")
        raise UserError(
            f"{size / GIB:.1f} GiB of decoded images are more than the cache has memory "
            f"for, and there is no file for them ({'; '.join(reasons)}): free space, or give the "
            "cache more memory"
        )


def _mapped(folder: Path, shape, size: int) -> np.memmap:
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # a disk that fills up later would be a SIGBUS
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, np.uint8, "r+", shape=shape)


def arrange(array: np.ndarray, rows) -> np.ndarray:
    """Move row ``rows[i]`` to place i, for all i, without a second array; the others are lost.

    Returns: ``array[: len(rows)]``.
    """
    chosen = np.asarray(rows, np.int64)
    order = np.concatenate([chosen, np.setdiff1d(np.arange(len(array)), chosen)])
    moved = order == np.arange(len(array))
    for start in np.flatnonzero(~moved):
        if moved[start]:
            continue
        first, place = array[start].copy(), start
        while order[place] != start:  # along the cycle that leads back to the start
            array[place], moved[place] = array[order[place]], True
            place = order[place]
        array[place], moved[place] = first, True
    forget(array)
    return array[: len(chosen)]


def forget(array: np.ndarray) -> None:
    """Take a memory map's pages out of this process' memory; they stay in the file, and in the
    system's cache as long as that has room. Nothing is done to other arrays."""
    mapped = getattr(array, "_mmap", None)
    if hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)


def free_memory() -> int:
    """Bytes that this process could still take, by the system and by its control group."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if (meminfo := Path("/proc/meminfo")).exists():
        lines = dict(
            line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines()
        )
        limits.append(int(lines["MemAvailable"].split()[0]) * 1024)
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text() for name in ("memory.max", "memory.current"))
        limits.append(int(limit) - int(used))
    except (OSError, ValueError):  # no such group, or "max"
        pass
    return max(0, min(limits))
