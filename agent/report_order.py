"""Telling the reports of a backtest in the order of contract C4, each as soon as it holds.

A report that is not final is told only where every revision is asked for.  It waits on disk then:
its last revision comes when the whole input has been read, and stands right behind it.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import msgspec

from agent.windows import LENGTHS
from policies.model import ALL_VERSIONS, Report

Tell = Callable[[Report], None]

Place = tuple[int, int, str, bool, str, int]
"""Where a report stands among the others; ascending."""


def place_of(report: Report) -> Place:
    """Return where a report stands: window end, length, version with the pool last, revision."""
    return (
        report.window.end,
        LENGTHS[report.window.length],
        report.system,
        report.model_version == ALL_VERSIONS,
        report.model_version,
        report.revision,
    )


class Teller:
    """Tells final reports, which come in order, and with `revisions` the others between them.

    A context manager.  `told` counts the reports told; the first `skip` are passed over.
    """

    def __init__(self, tell: Tell, *, revisions: bool, skip: int = 0) -> None:
        self._tell, self._skip = tell, skip
        self._shelf = _Shelf() if revisions else None
        self._held: deque[Report] = deque()
        self.told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shelf is not None:
            self._shelf.close()

    def take(self, report: Report) -> None:
        """Take the next report; reports of one kind, final or not, come in order."""
        if report.final:
            self._held.append(report)
        elif self._shelf is not None:
            self._shelf.put(report)

    def release(self, second: int | None) -> None:
        """Tell the final reports of windows that ended at or before `second`; None: of all."""
        while self._held and (second is None or self._held[0].window.end <= second):
            self._tell_one(self._held.popleft())

    def drop(self) -> None:
        """Forget what was taken and not told."""
        self._held.clear()

    def finish(self) -> None:
        """Tell everything that is left."""
        self.release(None)
        if self._shelf is not None:
            for report in self._shelf.before(None):
                self._count(report)

    def _tell_one(self, report: Report) -> None:
        if self._shelf is not None:
            for earlier in self._shelf.before(place_of(report)):
                self._count(earlier)
        self._count(report)

    def _count(self, report: Report) -> None:
        self.told += 1
        if self.told > self._skip:
            self._tell(report)


class _Shelf:
    """Reports in a file that nobody else sees, first in, first out."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its owner
        self._read_to = 0
        self._next: Report | None = None
        self._decoder = msgspec.json.Decoder(Report)

    def close(self) -> None:
        self._file.close()

    def put(self, report: Report) -> None:
        self._file.seek(0, 2)
        self._file.write(msgspec.json.encode(report) + b"\n")

    def before(self, place: Place | None) -> Iterator[Report]:
        """Take out the reports that stand before a place; None: all."""
        while (found := self._first()) is not None:
            if place is not None and place_of(found) >= place:
                return
            self._next = None
            yield found

    def _first(self) -> Report | None:
        if self._next is None:
            self._file.seek(self._read_to)
            line = self._file.readline()
            if line:
                self._read_to += len(line)
                self._next = self._decoder.decode(line)
        return self._next
