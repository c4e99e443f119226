"""A disk that forgets what was not flushed: a shadow of what was, and what is left after a cut.

While it is installed, `fsync` and `fdatasync` note what they make durable: a file's bytes, or a
directory's names.  `cut` then builds what a machine finds once its power is back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

Keeps = Literal["nothing", "names"]
"""What a cut leaves of what was not flushed.

`nothing`: neither bytes nor names, so a file that was removed or renamed is where it was.  A rename
from one directory to another is one step, as every journal has it: never half of it.  `names`:
every name and length, but no bytes: zeros stand where they were, as after delayed allocation.
"""


class Move(msgspec.Struct, frozen=True):
    """A rename from one directory to another: the inodes of both and of what was moved."""

    left: int
    old: str
    into: int
    new: str
    inode: int


class Shadow(msgspec.Struct):
    """What is durable below `root`: bytes and names, by inode.

    Nothing that was removed loses its inode before the cut: it goes to `gone`, beside the root.
    """

    base: str
    held: str
    content: dict[int, bytes] = {}
    names: dict[int, dict[str, int]] = {}
    moves: list[Move] = []

    @classmethod
    def of(cls, root: Path, gone: Path) -> Shadow:
        """Return the shadow of a folder that is durable as it is."""
        gone.mkdir()
        shadow = cls(str(root), str(gone))
        for path in (root, *root.rglob("*")):
            shadow.note(path)
        return shadow

    @property
    def root(self) -> Path:
        """The folder that is watched."""
        return Path(self.base)

    @property
    def gone(self) -> Path:
        """Where removed files are held."""
        return Path(self.held)

    def note(self, path: Path | int) -> None:
        """Note that what is there now is durable: a file's bytes, or a directory's names."""
        found = _fstat(path) if isinstance(path, int) else _lstat(path)
        where = f"/proc/self/fd/{path}" if isinstance(path, int) else str(path)
        if stat.S_ISDIR(found.st_mode):
            with _scandir(where) as entries:
                self.names[found.st_ino] = {entry.name: entry.inode() for entry in entries}
            self._settle_moves(found.st_ino)
        elif stat.S_ISREG(found.st_mode):
            self.content[found.st_ino] = _content(where)

    @contextlib.contextmanager
    def installed(self) -> Iterator[Shadow]:
        """Watch the calls of this process, for a `with` block."""
        replaced = ("fsync", "fdatasync", "unlink", "remove", "rmdir", "rename", "replace")
        kept = {name: getattr(os, name) for name in replaced}
        try:
            for name, function in kept.items():
                setattr(os, name, self._watched(name, function))
            yield self
        finally:
            for name, function in kept.items():
                setattr(os, name, function)

    def _settle_moves(self, directory: int) -> None:
        for move in [m for m in self.moves if directory in (m.left, m.into)]:
            self.moves.remove(move)
            left, into = self.names.get(move.left, {}), self.names.setdefault(move.into, {})
            if left.get(move.old) == move.inode:
                del left[move.old]
            into.setdefault(move.new, move.inode)

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def syncing(fd: int) -> None:
            function(fd)
            self.note(fd)

        def removing(path: Any, *, dir_fd: int | None = None) -> None:
            self._hold(path, dir_fd)
            function(path, dir_fd=dir_fd)

        def renaming(source: Any, target: Any) -> None:
            self._hold(target, None)
            moved = _stat(source, follow_symlinks=False).st_ino
            function(source, target)
            old, new = Path(source), Path(target)
            left, into = _lstat(old.parent).st_ino, _lstat(new.parent).st_ino
            if left != into:
                self.moves.append(Move(left, old.name, into, new.name, moved))

        if name in ("fsync", "fdatasync"):
            return syncing
        return renaming if name in ("rename", "replace") else removing

    def _hold(self, path: Any, dir_fd: int | None) -> None:
        """Keep the inode of what is about to go, so that no new file gets its number."""
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            found = _stat(path, dir_fd=dir_fd, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                _link(path, self.gone / str(found.st_ino), src_dir_fd=dir_fd)

    # The cut.

    def cut(self, target: Path, keeps: Keeps, untouched: tuple[str, ...]) -> None:
        """Build at `target` what is left; `untouched` at its top are the test's own files."""
        if keeps == "nothing":
            known = self._inodes()
            self._build(target, _lstat(self.root).st_ino, known)
        else:
            shutil.copytree(self.root, target)
            for path in self.root.rglob("*"):
                if path.is_file():
                    found = _lstat(path)
                    durable = self.content.get(found.st_ino, b"")[: found.st_size]
                    left = target / path.relative_to(self.root)
                    left.chmod(0o600)
                    left.write_bytes(durable.ljust(found.st_size, b"\0"))
                    left.chmod(stat.S_IMODE(found.st_mode))
        for name in untouched:
            if (self.root / name).exists():
                shutil.copy(self.root / name, target / name)

    def _build(self, target: Path, inode: int, known: dict[int, os.stat_result]) -> None:
        target.mkdir()
        for name, number in self.names.get(inode, {}).items():
            path, found = target / name, known.get(number)
            if number in self.names or (found is not None and stat.S_ISDIR(found.st_mode)):
                self._build(path, number, known)
            else:
                path.write_bytes(self.content.get(number, b""))
                if found is not None:
                    path.chmod(stat.S_IMODE(found.st_mode))

    def _inodes(self) -> dict[int, os.stat_result]:
        places = [*self.root.rglob("*"), *self.gone.iterdir()]
        return {found.st_ino: found for found in map(_lstat, places)}


def _content(where: str) -> bytes:
    fd = _open(where, os.O_RDONLY)
    try:
        return _pread(fd, _fstat(fd).st_size, 0)
    finally:
        _close(fd)


_open, _close, _pread, _link = os.open, os.close, os.pread, os.link
_stat, _lstat, _fstat, _scandir = os.stat, os.lstat, os.fstat, os.scandir
"""The real ones: what the shadow looks at is not counted, and no fault happens to it."""
