"""Room on the disk that is kept back for what must still be said when the disk is full."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

NAME = "ballast"
FULL = (errno.ENOSPC, errno.EDQUOT)
_LOW_SHARE = 0.05
_LOW_BYTES = 1 << 30


def spare(path: Path) -> int:
    """Return the bytes that are free where `path` is or will be, beyond what should stay free.

    That is a twentieth of the disk, at most 1 GiB; less than that is left if it is below 0.
    """
    folder = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    found = os.statvfs(folder)
    kept_free = min(found.f_blocks * found.f_frsize * _LOW_SHARE, _LOW_BYTES)
    return found.f_bavail * found.f_frsize - int(kept_free)


class Room:
    """The ballast file in `folder`, `size` bytes; 0 means that none is kept."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._path, self._size = folder, folder / NAME, size

    def low(self) -> bool:
        """Tell whether less than a twentieth of the disk (at most 1 GiB) is left."""
        return spare(self._folder) < 0

    def take(self) -> bool:
        """Take the room for the ballast if there is plenty; tell whether it is taken.

        Never raises: without ballast the log only stops earlier.
        """
        with suppress(OSError):
            if self._size == 0 or self._path.exists():
                return True
            if self._free() >= 4 * self._size:
                fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(fd, 0, self._size)
                    return True
                except OSError:
                    self._path.unlink()
                finally:
                    os.close(fd)
        return False

    def give(self) -> bool:
        """Give the ballast's room back; tell whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _free(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize
