"""A lock that a file stands for, and that ends with the process that has it."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class FileLock:
    """An exclusive lock. Where there are none (Windows, some file systems) all acquire it."""

    def __init__(self, path):
        self.path = Path(path)

    def acquire(self) -> bool:
        """Whether it is had now; never waits."""
        self.file = open(self.path, "ab", buffering=0)  # noqa: SIM115 -- held
        if lock(self.file, self.path):
            return True
        self.file.close()
        return False

    def release(self) -> None:
        """Give it back, and remove its file."""
        if not fcntl:
            self.file.close()  # an open file cannot be deleted there
        self.path.unlink(missing_ok=True)
        self.file.close()


def lock(file, path) -> bool:
    """Lock an open file, if that can be had at once. False, too, if the file no longer has the
    name: who had the lock before may have moved or deleted it since it was opened."""
    if fcntl:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
