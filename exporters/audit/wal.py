"""The write-ahead log of one epoch: an append is durable when it returns.

Segments `<first seq, 20 digits>.wal` in one directory, framed as in `frames.py`.  One writer: the
caller holds the lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from exporters.audit import disk
from exporters.audit.frames import (
    HEADER_SIZE,
    Bad,
    Good,
    decode_header,
    encode_frame,
    encode_header,
    origin_hash,
    scan,
)

SEGMENT_BYTES = 64 << 20
TAIL_BYTES = 128 << 20
"""Recovery reads at least the two newest segments, and as many more as fit in this."""


class WalError(Exception):
    """A write-ahead log that cannot be continued: where, and why."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found on disk.

    `size` is the number of the record after the last good one.  `cut_bytes` of a torn last frame
    were moved to quarantine.  `corrupt` says what is wrong before the end, None if nothing is; the
    log must not be continued then.
    """

    size: int
    cut_bytes: int
    corrupt: str | None


Visit = Callable[[int, bytes], str | None]
"""Called for each recovered record with its number; returns what is wrong with it, or None."""


def segments(directory: Path) -> list[tuple[int, Path]]:
    """Return the segments in `directory` with the number of their first record, in order."""
    return sorted((int(path.stem), path) for path in directory.glob(f"{'[0-9]' * 20}.wal"))


def recover(
    directory: Path, origin: str, quarantine: Path, visit: Visit, published: int = 0
) -> Recovered:
    """Read the newest segments, cut a torn last frame, and say where the log ends.

    What was read is durable then.  Records below `published` are in the tree and need not be here.
    Older segments are not read: `verify` does that.  Raises OSError.
    """
    cut = _drop_headless(directory, quarantine)
    everything = segments(directory)
    chosen = _newest(everything)
    _flush([path for _, path in chosen])
    size = chosen[0][0] if chosen else 0
    if chosen == everything and size > published:
        return Recovered(size, cut, f"records {published} to {size - 1} are gone")
    for index, (first, path) in enumerate(chosen):
        if first != size:
            return Recovered(size, cut, f"{path.name} should begin with record {size}")
        last = index == len(chosen) - 1
        size, torn, corrupt = _recover_segment(path, first, origin, visit, last=last)
        if corrupt:
            return Recovered(size, cut, f"{path.name}: {corrupt}")
        if torn:
            cut += torn.end - torn.offset
            _cut(path, torn.offset, quarantine)
    return Recovered(size, cut, None)


def drop_published(directory: Path, published: int) -> int:
    """Delete the segments that hold only records below `published`; return how many.

    The two newest stay: they say which records are in the log already.  Raises OSError.
    """
    found = segments(directory)
    old = [path for (_, path), (end, _) in pairwise(found[:-1]) if end <= published]
    for path in old:
        path.unlink()
    return len(old)


def _recover_segment(
    path: Path, first: int, origin: str, visit: Visit, *, last: bool
) -> tuple[int, Bad | None, str | None]:
    """Return the next record number, the torn end if there is one, and what is corrupt."""
    size = first
    with path.open("rb") as file:
        header = decode_header(file.read(HEADER_SIZE))
        if header is None or header.first != first or header.origin_hash != origin_hash(origin):
            return size, None, f"its header is not that of record {first} of {origin}"
        for found in scan(file, path.stat().st_size):
            if isinstance(found, Good):
                wrong = visit(size, found.payload)
                if wrong:
                    return size, None, f"offset {found.offset}: {wrong}"
                size += 1
            elif found.last and last:
                return size, found, None
            else:
                return size, None, f"offset {found.offset}: {found.reason}"
    return size, None, None


def _flush(paths: Sequence[Path]) -> None:
    """Make durable what a killed writer had written: only the kernel may have it as yet.

    Its records count as being in the log from here on, and are acknowledged without another write.
    """
    for path in paths:
        with disk.descriptor(path, os.O_RDONLY) as fd:
            os.fsync(fd)
    for directory in {path.parent for path in paths}:
        disk.sync_directory(directory)


def _newest(found: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    chosen: list[tuple[int, Path]] = []
    total = 0
    for first, path in reversed(found):
        total += path.stat().st_size
        if len(chosen) >= 2 and total > TAIL_BYTES:
            break
        chosen.insert(0, (first, path))
    return chosen


def _drop_headless(directory: Path, quarantine: Path) -> int:
    """Put away a last segment that was cut off before its header was written."""
    found = segments(directory)
    if not found:
        return 0
    path = found[-1][1]
    size = path.stat().st_size
    if size >= HEADER_SIZE:
        return 0
    _cut(path, 0, quarantine)
    path.unlink()
    disk.sync_directory(directory)
    return size


def _cut(path: Path, offset: int, quarantine: Path) -> None:
    """Move the bytes from `offset` on to the quarantine, then truncate."""
    disk.make_directory(quarantine, 0o700)
    with path.open("rb") as file:
        file.seek(offset)
        torn = file.read()
    if torn:
        kept = quarantine / f"{path.parent.name}-{path.stem}-{offset}.torn"
        disk.write_whole(kept, torn, 0o600)
    with disk.descriptor(path, os.O_RDWR) as fd:
        os.ftruncate(fd, offset)
        os.fsync(fd)


@dataclass(slots=True)
class _Segment:
    """The file being appended to: `first` is its first record, `end` where the next frame goes."""

    path: Path
    first: int
    end: int


class Wal:
    """Appends to one epoch's log, from where `recover` says it ends."""

    def __init__(
        self, directory: Path, origin: str, size: int, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.size = size
        self.directory = directory
        self._origin, self._segment_bytes = origin, segment_bytes
        self._fd: int | None = None
        self._suspect = False
        newest = segments(directory)[-1:]
        self._segment = next((_Segment(p, n, p.stat().st_size) for n, p in newest), None)

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write the records as one batch and make them durable, all or none.

        Raises OSError; then the log is as before and the same call may be tried again, and
        WalError if what was durable cannot be read back.
        """
        fd, segment = self._open()
        data = b"".join(map(encode_frame, payloads))
        try:
            disk.write_all(fd, data, segment.end)
        except OSError:
            self._roll_back(fd, segment)
            raise
        try:
            os.fdatasync(fd)
        except OSError:
            # The kernel may have dropped the pages and marked them clean: what this file says
            # from now on proves nothing, so it is left and never written to again.
            self._abandon()
            raise
        segment.end += len(data)
        self.size += len(payloads)

    def close(self) -> None:
        """Close the file; what was appended is durable already."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _open(self) -> tuple[int, _Segment]:
        """Return the file to append to: the open one, a reopened one, or a new segment."""
        segment = self._segment
        if segment and self._suspect:
            self._restore(segment)
            segment = None
        if segment is None or segment.end >= self._segment_bytes:
            self.close()
            return self._create()
        if self._fd is None:
            self._fd = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        return self._fd, segment

    def _create(self) -> tuple[int, _Segment]:
        path = self.directory / f"{self.size:020d}.wal"
        header = encode_header(self._origin, self.size)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        try:
            disk.write_all(fd, header, 0)
            os.fsync(fd)
            disk.sync_directory(self.directory)
        except OSError:
            os.close(fd)
            with suppress(OSError):
                path.unlink()
            raise
        self._fd, self._segment = fd, _Segment(path, self.size, len(header))
        return fd, self._segment

    def _roll_back(self, fd: int, segment: _Segment) -> None:
        """Take back a half-written batch."""
        try:
            os.ftruncate(fd, segment.end)
        except OSError:
            self._abandon()

    def _abandon(self) -> None:
        self._suspect = True
        with suppress(OSError):
            self.close()

    def _restore(self, segment: _Segment) -> None:
        """Cut the suspect segment to what was durable, read it back, and leave it."""
        path = segment.path
        with disk.descriptor(path, os.O_RDWR) as fd:
            os.ftruncate(fd, segment.end)
            os.fsync(fd)
        size, torn, corrupt = _recover_segment(
            path, segment.first, self._origin, _anything, last=True
        )
        if torn or corrupt or size != self.size:
            reason = corrupt or f"{size} of {self.size} records can be read"
            raise WalError(f"{path}: after a failed flush, {reason}")
        if size == segment.first:
            path.unlink()
        self._segment, self._suspect = None, False


def _anything(_number: int, _payload: bytes) -> None:
    return None
