"""A disk so small that a test can fill it."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.real.components import missing


class SmallDisk:
    """A mounted file system of a few megabytes; `fill` takes all room, `free` gives it back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no room, not even for one byte more."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def full(self) -> bool:
        """Tell whether not even a page can be written."""
        try:
            with (self.path / "probe").open("wb") as file:
                file.write(b"x")
        except OSError as error:
            return error.errno == errno.ENOSPC
        (self.path / "probe").unlink()
        return False

    def free(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink()


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int = 2) -> Iterator[SmallDisk]:
    """Mount a tmpfs at `path`; ends the test as `missing` does where that is not permitted."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("a tmpfs of one's own", "run as root, with the right to mount")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)
