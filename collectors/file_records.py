"""From the bytes of a file to its records, each with the line on which it starts."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple, Protocol

from collectors.decoders.base import MAX_RECORD_BYTES


class Source(Protocol):
    """Where the bytes come from."""

    problem: str | None
    """Why reading ended before the end, if it did; what was begun then is not whole."""

    def read(self) -> bytes | None:
        """Return the next bytes, empty for "none at present", None if there are no more."""
        ...


class _State(Enum):
    OPEN = auto()
    CLOSED = auto()
    BROKEN = auto()


class Part(NamedTuple):
    """Some consecutive records, and the line (from 1) on which each starts.

    A part without records means that there are none at present.
    """

    records: list[bytes]
    lines: list[int]


def lines_of(source: Source) -> Iterator[list[bytes]]:
    """Yield the lines without their ends, in lists; an empty list where nothing is there yet.

    The last line needs no end, unless reading failed before it.  A line longer than a record may
    be is cut, to be rejected.
    """
    rest = b""
    while (chunk := source.read()) is not None:
        if not chunk:
            yield []
            continue
        data = rest + chunk
        found = data.split(b"\n")
        rest = found.pop()[: MAX_RECORD_BYTES + 2]
        if b"\r" in data:
            found = [line.removesuffix(b"\r") for line in found]
        if found:
            yield found
    if rest and source.problem is None:
        yield [rest.removesuffix(b"\r")]


def line_records(source: Source) -> Iterator[Part]:
    """Yield the records of a file that has one a line; blank lines are none."""
    number = 1
    for lines in lines_of(source):
        numbers = list(range(number, number + len(lines)))
        number += len(lines)
        if all(lines) and not any(map(bytes.isspace, lines)):
            yield Part(lines, numbers)
            continue
        kept = [(a, b) for a, b in zip(lines, numbers, strict=True) if a and not a.isspace()]
        if kept or not lines:
            yield Part([line for line, _ in kept], [number for _, number in kept])


def csv_records(source: Source, delimiter: str) -> Iterator[Part]:
    """Yield the records of a CSV file, of which a quoted cell may run over several lines.

    A quote that is never closed would swallow the rest of the file: where a record gets longer
    than one may be, or the file ends first, its first line is a record by itself, to be rejected,
    and reading goes on with the next line.
    """
    splitter = _CsvSplitter(delimiter)
    number = 1
    for lines in lines_of(source):
        part = Part([], [])
        for line in lines:
            splitter.add(line, number, part)
            number += 1
        if part.records or not lines:
            yield part
    if source.problem is not None:
        return
    part = Part([], [])
    splitter.end(part)
    if part.records:
        yield part


def batched(parts: Iterable[Part], size: Callable[[], int]) -> Iterator[Part]:
    """Yield the same records in parts of `size()`, asked before each; a pause flushes."""
    records: list[bytes] = []
    lines: list[int] = []
    for part in parts:
        records += part.records
        lines += part.lines
        start, wanted = 0, size()
        while len(records) - start >= wanted or (not part.records and start < len(records)):
            yield Part(records[start : start + wanted], lines[start : start + wanted])
            start, wanted = start + wanted, size()
        del records[:start], lines[:start]
        if not part.records:
            yield part
    while records:
        wanted = size()
        yield Part(records[:wanted], lines[:wanted])
        del records[:wanted], lines[:wanted]


class _CsvSplitter:
    """Joins lines to records, by whether a quote is open at a line's end."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._open: list[tuple[bytes, int]] = []
        self._size = 0

    def add(self, line: bytes, number: int, part: Part) -> None:
        """Take the next line; put what is complete into `part`."""
        if not self._open and not line.count(b'"') & 1:
            if line and not line.isspace():
                part.records.append(line)
                part.lines.append(number)
            return
        self._join(deque([(line, number)]), part)

    def end(self, part: Part) -> None:
        """Take the end of the file."""
        while self._open:
            self._join(deque(self._give_up(part)), part)

    def _join(self, waiting: deque[tuple[bytes, int]], part: Part) -> None:
        while waiting:
            line, number = waiting.popleft()
            odd = bool(line.count(b'"') & 1)
            if not self._open and not odd:
                self.add(line, number, part)
                continue
            self._open.append((line, number))
            self._size += len(line) + 1
            state = self._state() if odd else _State.OPEN
            if state is _State.CLOSED:
                part.records.append(b"\n".join(text for text, _ in self._open))
                part.lines.append(self._open[0][1])
                self._open, self._size = [], 0
            elif state is _State.BROKEN or self._size > MAX_RECORD_BYTES:
                waiting.extendleft(reversed(self._give_up(part)))

    def _give_up(self, part: Part) -> list[tuple[bytes, int]]:
        """Make a record of the first open line; return the others, to be read again."""
        (line, number), *again = self._open
        part.records.append(line)
        part.lines.append(number)
        self._open, self._size = [], 0
        return again

    def _state(self) -> _State:
        """Read the open lines as one record."""
        text = b"\n".join(line for line, _ in self._open).decode("utf-8", "replace")
        try:
            list(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            return _State.OPEN if "unexpected end of data" in str(error) else _State.BROKEN
        return _State.CLOSED
