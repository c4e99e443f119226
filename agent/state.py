"""What one system's pipeline remembers, and what of it changed since the last commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from agent.awaited import Awaited
from agent.dedup import DedupIndex
from agent.evidence.reservoir import Reservoir
from agent.labels.kinds import LABELS, REVIEWS, Kind
from agent.labels.room import Room
from agent.labels.state import LabelState
from agent.summary import Summary
from agent.watermark import Partition
from agent.windows import containing
from policies.alerts import Cause
from policies.memory import Memory
from policies.model import Partitions, Report

NO_VERSION = ""
"""Version of events that carry none, and of counts that belong to no event."""

HISTORY = 14
"""Earlier windows whose event counts are remembered, for `anomaly.volume`."""


class PaneKey(NamedTuple):
    """A slice of event time of one model version; `start` in epoch seconds."""

    version: str
    start: int


class WindowKey(NamedTuple):
    """The identity of a window within its system (contract C2)."""

    version: str
    length: str
    start: int


@dataclass(slots=True)
class OpenWindow:
    """The fold of a window's closed panes so far.

    `revision` is the last one reported, None before the first; `touched` says that a late pane was
    added since; `reported_at` is the clock time of the last report, for coalescing restatements.
    """

    summary: Summary
    revision: int | None = None
    touched: bool = False
    reported_at: float = 0.0


class Source(msgspec.Struct):
    """The partitions of one collector, as it last told; `away`: their broker is out of reach."""

    assigned: int = 0
    total: int = 0
    away: bool = False


@dataclass
class Dirty:
    """Keys whose stored document is behind the state."""

    panes: set[PaneKey] = field(default_factory=set)
    windows: set[WindowKey] = field(default_factory=set)
    memory: set[str] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    latest: set[tuple[str, str]] = field(default_factory=set)
    core: bool = False


@dataclass
class SystemState:
    """Everything that decides a system's future reports.  Owned by the pipeline's thread.

    Times are epoch seconds.  `closed_to`: event time before which panes are closed.  `first`:
    earliest event.  `next_start`: start of the next window to report, by length.  `empty_run`: how
    many windows before it were empty, by length.  `skipped`: empty windows not reported because a
    hole in event time was too long.  `degraded`: why nothing can be judged at present.  `labels`:
    what belongs to them, None where none can come; `reviews` likewise of human decisions that come
    later.  `opened_at`: clock time from
    which silence counts, None where no clock is looked at (backtest); `silence_told_at`: clock time
    of the last look at it.  `reservoir`: samples of the open windows, None where none are kept.
    `awaited`: sources that have not told since the start that they read anything; no window closes.
    `input_failed`: a source of events broke off since the start, so what closes is incomplete.
    """

    dedup: DedupIndex
    partitions: dict[str, Partition] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    panes: dict[PaneKey, Summary] = field(default_factory=dict)
    windows: dict[WindowKey, OpenWindow] = field(default_factory=dict)
    closed_to: int | None = None
    first: int | None = None
    newest: int | None = None
    next_start: dict[str, int] = field(default_factory=dict)
    empty_run: dict[str, int] = field(default_factory=dict)
    history: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    causes: dict[str, Cause] = field(default_factory=dict)
    latest: dict[tuple[str, str], Report] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    skipped: int = 0
    degraded: str | None = None
    labels: LabelState | None = None
    reviews: LabelState | None = None
    opened_at: float | None = None
    silence_told_at: float = 0.0
    reservoir: Reservoir | None = None
    awaited: Awaited = field(default_factory=Awaited)
    input_failed: bool = False
    dirty: Dirty = field(default_factory=Dirty)

    def oldest_open(self, lengths: Sequence[str]) -> int | None:
        """Return the start of the oldest window not yet reported, None before the first event."""
        if self.first is None:
            return None
        return min(
            self.next_start.get(length, containing(self.first, length).start) for length in lengths
        )

    @property
    def room(self) -> Room | None:
        """The windows in waiting, None where nothing can come later."""
        known = self.labels or self.reviews
        return None if known is None else known.room

    def partitions_of_events(self) -> list[Partition]:
        """Return the partitions whose events move event time: not those of labels alone."""
        apart = self._sources_of(LABELS) | self._sources_of(REVIEWS)
        return [p for key, p in self.partitions.items() if source_of(key) not in apart]

    def partitions_of(self, kind: Kind) -> list[Partition]:
        """Return the partitions of sources of labels alone, or of reviews alone.

        By configuration, or by what they bring.
        """
        sources = self._sources_of(kind)
        return [p for key, p in self.partitions.items() if source_of(key) in sources]

    def _sources_of(self, kind: Kind) -> set[str]:
        known = self.labels if kind == LABELS else self.reviews
        if known is None:
            return set()
        bringing = {source_of(k) for k, p in self.partitions.items() if p.read_to(kind) is not None}
        with_events = {source_of(k) for k, p in self.partitions.items() if p.newest is not None}
        return known.sources | (bringing - with_events)

    def coverage_of_partitions(self) -> Partitions:
        """Return how many partitions are read, of how many, over all sources."""
        if not self.sources:
            return Partitions()
        return Partitions(
            assigned=sum(s.assigned for s in self.sources.values()),
            total=sum(s.total for s in self.sources.values()),
        )


def partition_key(source: str, partition: str) -> str:
    """Return the name of a partition within a system."""
    return f"{source}/{partition}"


def source_of(key: str) -> str:
    """Return the source of a partition by its name within a system."""
    return key.rpartition("/")[0]
