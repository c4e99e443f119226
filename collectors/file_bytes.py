"""The bytes of a file, plain or gzip, to its end or for as long as it grows."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from pathlib import Path
from typing import IO

from collectors.base import CollectorError

CHUNK_BYTES = 1 << 20

_GZIP = 16 + zlib.MAX_WBITS
_GZIP_HEAD = 1 << 16
"""How much of a .gz is looked at for its first bytes."""


class FileBytes:
    """Reads one file forwards.

    `problem` is set when the file could not be read to its end: a gzip stream that is cut off or
    damaged, a disk error, a followed file that was replaced or cut.  Raises `CollectorError` on
    opening a file that is not there, is a directory or may not be read.
    """

    def __init__(self, path: Path, *, follow: bool = False) -> None:
        self.problem: str | None = None
        self._path = path
        self._follow = follow
        self._file, self._stream = _open(path)

    def read(self) -> bytes | None:
        """Return the next bytes; empty: none at present (`follow`); None: there are no more."""
        try:
            chunk = self._stream.read1(CHUNK_BYTES)  # type: ignore[attr-defined]
        except (EOFError, zlib.error, OSError) as error:
            self.problem = _gzip_problem(error) if self._path.suffix == ".gz" else str(error)
            return None
        if chunk:
            return bytes(chunk)
        if self._follow and not self._was_replaced():
            return b""
        return None

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._file.close()

    def head(self, length: int) -> bytes:
        """Return the first bytes, of a .gz uncompressed; fewer where there are no more."""
        if self._path.suffix != ".gz":
            return os.pread(self._file.fileno(), length, 0)
        try:
            packed = os.pread(self._file.fileno(), _GZIP_HEAD, 0)
            return zlib.decompressobj(wbits=_GZIP).decompress(packed, length)
        except zlib.error:
            # Reading on tells what is wrong with it.
            return b""

    def read_to(self) -> int:
        """Return how far the file was read; of a .gz 0, since it may be compressed again."""
        return 0 if self._path.suffix == ".gz" else self._file.tell()

    def size(self) -> int:
        """Return the size of the file that is open, whatever its name leads to by now."""
        return os.fstat(self._file.fileno()).st_size

    def _was_replaced(self) -> bool:
        """Tell whether a followed path no longer leads to what was read so far."""
        try:
            now = self._path.stat()
            then = self._file.tell()
            if now.st_ino == self._inode() and now.st_size >= then:
                return False
        except FileNotFoundError:
            pass
        self.problem = "the file was replaced or cut while it was followed"
        return True

    def _inode(self) -> int:
        return os.fstat(self._file.fileno()).st_ino


def _open(path: Path) -> tuple[IO[bytes], IO[bytes]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise CollectorError(
            f"{path}: there is no such file; correct its path (collectors[].path or --input)"
        ) from None
    except IsADirectoryError:
        raise CollectorError(f"{path}: is a directory; name one file in it") from None
    except OSError as error:
        raise CollectorError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise CollectorError(f"{path}: is not a regular file; write the records to one first")
    if path.suffix != ".gz":
        return file, file
    head = file.read(2)
    file.seek(0)
    if head not in (b"", b"\x1f\x8b"):
        file.close()
        raise CollectorError(
            f"{path}: is not gzip although its name ends in .gz; compress it or rename it"
        )
    return file, gzip.GzipFile(fileobj=file)  # type: ignore[return-value]


def _gzip_problem(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the gzip stream is cut off"
    return f"the gzip stream is damaged: {error}"
