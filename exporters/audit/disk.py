"""Small durable writes: what is said to be written survives a power cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the creation, renaming and removal of entries in `directory` durable."""
    with descriptor(directory, os.O_RDONLY | os.O_DIRECTORY) as fd:
        os.fsync(fd)


def sync_tree(directory: Path) -> None:
    """Make the entries of `directory` and of all directories below it durable."""
    with os.scandir(directory) as entries:
        below = sorted(e.path for e in entries if e.is_dir(follow_symlinks=False))
    sync_directory(directory)
    for path in below:
        sync_tree(Path(path))


def make_directory(directory: Path, mode: int = 0o755) -> None:
    """Create `directory` and its parents where they are missing, durably."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=mode, exist_ok=True)
    sync_directory(directory.parent)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` to `path` so that a reader sees the old or the new file, never a part."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode) as fd:
            write_all(fd, content, 0)
            os.fsync(fd)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


class Differs(Exception):
    """A file that is written once and for ever is there already, with other content."""


def create(path: Path, content: bytes, mode: int = 0o444) -> None:
    """Write `content` to `path`, once: nobody ever sees a part of it, and nothing is replaced.

    The same content again is fine.  The caller makes the entry durable by `sync_directory`.
    Raises `Differs` if `path` holds something else, or OSError.
    """
    if path.exists():
        _require_same(path, content)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode) as fd:
            write_all(fd, content, 0)
            os.fsync(fd)
        _link(temporary, path)
    except FileExistsError:
        _require_same(path, content)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        # A file system without hard links; the lock keeps other writers away.
        temporary.replace(path)


def _require_same(path: Path, content: bytes) -> None:
    if path.read_bytes() != content:
        raise Differs(f"{path} is there already and differs from what belongs there")


def write_all(fd: int, content: bytes, offset: int) -> None:
    """Write all of `content` at `offset`; a short write is continued."""
    view = memoryview(content)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


@contextmanager
def descriptor(path: Path, flags: int, mode: int = 0o644) -> Iterator[int]:
    """Open `path` for the length of a `with` block."""
    fd = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield fd
    finally:
        os.close(fd)
