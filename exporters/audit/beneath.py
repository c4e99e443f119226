"""Reads files of a folder that somebody else may have written: regular files in it, and no others.

The folder itself may be reached by a link, or be a mount.  What a link inside it leads to is not
of the log; a pipe would never end, and a device or a file full of holes would fill the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath

NO_FILE = (errno.EINVAL, errno.ELOOP, errno.EFBIG)
"""The numbers of errors that come of what is there, but is not read: no file, a link, too large."""
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def read(root: Path, path: str, most: int) -> bytes:
    """Return the content of the regular file at `path` in `root`, of at most `most` bytes.

    Raises OSError with what is wrong for a person; FileNotFoundError if there is none.
    """
    with opened(root, path, most) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise _too_large(most, root / path)
    return content


@contextmanager
def opened(root: Path, path: str, most: int) -> Iterator[BufferedReader]:
    """Open the regular file at `path` in `root` for reading; raises what `read` does."""
    fd = _open(root, PurePosixPath(path).parts)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(root / path))
        if found.st_size > most:
            raise _too_large(most, root / path)
    except OSError:
        os.close(fd)
        raise
    with os.fdopen(fd, "rb") as file:
        yield file


def _open(root: Path, parts: tuple[str, ...]) -> int:
    """Go from folder to folder, so that no link is followed even if one is made meanwhile."""
    at = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for number, part in enumerate(parts):
            try:
                inner = os.open(part, _FLAGS, dir_fd=at)
            except OSError as error:
                where = str(root.joinpath(*parts[: number + 1]))
                if error.errno == errno.ELOOP:
                    text = "it is a symbolic link, which is not followed in a log"
                    raise OSError(error.errno, text, where) from error
                raise type(error)(error.errno, error.strerror, where) from error
            os.close(at)
            at = inner
    except OSError:
        os.close(at)
        raise
    return at


def _too_large(most: int, path: Path) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most} bytes", str(path))
