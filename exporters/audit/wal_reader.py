"""Reads durable records back from the write-ahead log while it is being appended to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporters.audit.frames import HEADER_SIZE, Good, frame_size, scan
from exporters.audit.wal import WalError, segments


class _Mark(NamedTuple):
    """Where the frame of record `number` begins."""

    number: int
    path: Path
    offset: int


class WalReader:
    """Yields records by number.  It remembers where it was, so going on costs no search."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mark: _Mark | None = None

    def read(self, first: int, end: int) -> Iterator[bytes]:
        """Yield records `[first, end)`; only what an `append` returned for may be asked for.

        Raises `WalError` if one of them cannot be read, OSError.
        """
        number = first
        while number < end:
            here = self._find(number)
            count = 0
            for payload in self._from(here, end - number):
                count += 1
                yield payload
            if count == 0:
                raise WalError(f"{here.path}: record {number} cannot be read back")
            number += count

    def _find(self, number: int) -> _Mark:
        """Return where a record is: in the last segment that does not begin after it."""
        found = [(n, path) for n, path in segments(self._directory) if n <= number]
        if not found:
            raise WalError(f"{self._directory}: record {number} is not there")
        first, path = found[-1]
        mark = self._mark
        if mark is not None and mark.path == path and mark.number == number:
            return mark
        here = _Mark(first, path, HEADER_SIZE)
        for _ in self._from(here, number - first):
            pass
        mark = self._mark
        if number > first and (mark is None or mark.number != number):
            raise WalError(f"{path}: record {number} cannot be read back")
        return here if number == first or mark is None else mark

    def _from(self, mark: _Mark, count: int) -> Iterator[bytes]:
        """Yield up to `count` records of one segment from `mark` on, moving the mark."""
        number, path, offset = mark
        if count == 0:
            return
        with path.open("rb") as file:
            for found in scan(file, path.stat().st_size, offset):
                if not isinstance(found, Good):
                    return
                number, offset = number + 1, found.offset + frame_size(found.payload)
                self._mark = _Mark(number, path, offset)
                yield found.payload
                if number - mark.number == count:
                    return
