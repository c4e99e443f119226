"""The file system calls of this process, counted, and one of them made to fail or to kill.

What strace's injection does from outside, at a hundredth of its price: Python's own functions are
replaced, so only calls made through them are seen.  `test_audit_every_call.py` holds the counted
calls against what strace sees.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGING = frozenset(
    (
        *("open to write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate"),
        *("link", "rename", "unlink", "unlinkat", "mkdir", "rmdir", "flock"),
    )
)
"""Calls after which the disk may not be what it was before, and the lock."""
GROWING = frozenset(
    (
        *("open to write", "pwrite64", "fsync", "fdatasync", "fallocate"),
        *("link", "rename", "mkdir"),
    )
)
"""Calls that may find no room."""
READING = frozenset(
    ("open to read", "read", "pread64", "getdents64", "newfstatat", "statfs", "close")
)


class Kind(NamedTuple):
    """A fault: the calls that it can happen at, and what it does there.

    `error` is what the call fails with (0: it does not fail).  `short`: half of what was to be
    written is written before.  `kill`: the process ends.  `stays`: every later call of `calls`
    fails as well.
    """

    calls: frozenset[str]
    error: int = 0
    short: bool = False
    kill: bool = False
    stays: bool = False


KINDS = {
    "KILL": Kind(CHANGING, kill=True),
    "KILL in a write": Kind(frozenset(("pwrite64",)), short=True, kill=True),
    "EIO": Kind(CHANGING, errno.EIO),
    "EIO from here on": Kind(CHANGING, errno.EIO, stays=True),
    "EIO reading": Kind(READING, errno.EIO),
    "ENOSPC": Kind(GROWING, errno.ENOSPC),
    "ENOSPC from here on": Kind(GROWING, errno.ENOSPC, stays=True),
    "short write": Kind(frozenset(("pwrite64",)), short=True),
    "ENOSPC in a write": Kind(frozenset(("pwrite64",)), errno.ENOSPC, short=True),
}


class Fault(NamedTuple):
    """A fault at call number `at`, counted from 1; `told` gets the call's name before."""

    kind: Kind
    at: int
    told: Callable[[str], None]


class FileCalls:
    """Counts, and strikes once it is told to."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.seen: list[str] = []
        self._fault = fault
        self._no_room_left = 0

    def hit(self, call: str, partly: Callable[[], int] | None = None) -> int | None:
        """Count a call.  Returns what the call is to return instead of being made, or None.

        Raises OSError if it is to fail; `partly` does half of it.
        """
        self.seen.append(call)
        fault, error = self._fault, self._no_room_left
        self._no_room_left = 0
        if error and call == "pwrite64":
            raise OSError(error, os.strerror(error))
        if fault is None or len(self.seen) < fault.at:
            return None
        kind = fault.kind
        if len(self.seen) > fault.at:
            if kind.stays and call in kind.calls:
                raise OSError(kind.error, os.strerror(kind.error))
            return None
        fault.told(call)
        done = partly() if kind.short and partly is not None else None
        if kind.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind.error and done is None:
            raise OSError(kind.error, os.strerror(kind.error))
        # Half was written; that there is no room for the rest, the next write is told.
        self._no_room_left = kind.error
        return done

    @contextlib.contextmanager
    def installed(self) -> Iterator[FileCalls]:
        """Replace the functions through which files are reached, for a `with` block."""
        kept = [(module, name, getattr(module, name)) for module, name in _REPLACED]
        try:
            self._replace()
            yield self
        finally:
            for module, name, function in kept:
                setattr(module, name, function)

    def _replace(self) -> None:
        for module, name, call in _SIMPLE:
            setattr(module, name, self._counted(getattr(module, name), call))
        for name in ("unlink", "remove", "rmdir"):
            setattr(os, name, self._removing(getattr(os, name), name))
        replacements: list[tuple[Any, str, Callable[[Any], Any]]] = [
            (os, "open", self._opening),
            (os, "pwrite", self._writing),
            (os, "listdir", self._listing),
            (os, "scandir", self._scanning),
            (io, "open", self._reading),
        ]
        for module, name, replacement in replacements:
            setattr(module, name, replacement(getattr(module, name)))

    def _counted(self, function: Callable[..., Any], call: str) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.hit(call)
            return function(*arguments, **named)

        return counted

    def _removing(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        alone = "rmdir" if name == "rmdir" else "unlink"

        def removing(path: Any, *, dir_fd: int | None = None) -> None:
            self.hit(alone if dir_fd is None else "unlinkat")
            function(path, dir_fd=dir_fd)

        return removing

    def _opening(self, function: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            self.hit("open to write" if flags & WRITES else "open to read")
            return function(path, flags, mode, dir_fd=dir_fd)

        return opening

    def _writing(self, function: Callable[..., int]) -> Callable[..., int]:
        def writing(fd: int, data: Any, offset: int) -> int:
            half = memoryview(data)[: max(1, len(data) // 2)]
            instead = self.hit("pwrite64", lambda: function(fd, half, offset))
            return function(fd, data, offset) if instead is None else instead

        return writing

    def _listing(self, function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def listing(path: Any = ".") -> list[Any]:
            self.hit("open to read")
            found = function(path)
            self.hit("getdents64")
            self.hit("getdents64")
            return found

        return listing

    def _scanning(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def scanning(path: Any = ".") -> _Scan:
            if not isinstance(path, int):
                self.hit("open to read")
            with function(path) as entries:
                found = list(entries)
            return _Scan(found, self)

        return scanning

    def _reading(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def reading(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if mode != "rb":
                return function(file, mode, *arguments, **named)
            if not isinstance(file, int):
                self.hit("open to read")
            raw = _Counted(file, self, closefd=named.get("closefd", True))
            return io.BufferedReader(raw, buffer_size=_stat(raw.fileno()).st_blksize)

        return reading


class _Scan:
    """What `os.scandir` gives: entries, and the end of them."""

    def __init__(self, entries: list[os.DirEntry[str]], calls: FileCalls) -> None:
        self._entries, self._calls = iter(entries), calls
        self._begun = False

    def __iter__(self) -> _Scan:
        return self

    def __next__(self) -> os.DirEntry[str]:
        if not self._begun:
            self._begun = True
            self._calls.hit("getdents64")
        try:
            return next(self._entries)
        except StopIteration:
            self._calls.hit("getdents64")
            raise

    def __enter__(self) -> _Scan:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing: it was read to its end, and Python does not look how closing it ended."""


class _Counted(io.FileIO):
    """A file that is read through counted calls."""

    def __init__(self, path: Any, calls: FileCalls, *, closefd: bool) -> None:
        super().__init__(path, "rb", closefd=closefd)
        self._calls = calls

    def readinto(self, buffer: Any, /) -> int | None:
        self._calls.hit("read")
        return super().readinto(buffer)

    def readall(self) -> bytes:
        found, size = b"", _stat(self.fileno()).st_size
        while True:
            self._calls.hit("read")
            piece = os.read(self.fileno(), max(1, size + 1 - len(found)))
            if not piece:
                return found
            found += piece

    def close(self) -> None:
        if not self.closed:
            self._calls.hit("close")
        super().close()


_stat = os.fstat
_SIMPLE: list[tuple[Any, str, str]] = [
    (os, "fsync", "fsync"),
    (os, "fdatasync", "fdatasync"),
    (os, "ftruncate", "ftruncate"),
    (os, "posix_fallocate", "fallocate"),
    (os, "link", "link"),
    (os, "rename", "rename"),
    (os, "replace", "rename"),
    (os, "mkdir", "mkdir"),
    (os, "pread", "pread64"),
    (os, "stat", "newfstatat"),
    (os, "lstat", "newfstatat"),
    (os, "statvfs", "statfs"),
    (os, "close", "close"),
    (fcntl, "flock", "flock"),
]
_REPLACED = [(module, name) for module, name, _ in _SIMPLE] + [
    *((os, name) for name in ("unlink", "remove", "rmdir", "open", "pwrite", "listdir", "scandir")),
    (io, "open"),
]
