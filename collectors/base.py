"""The collector's contract, and the bounded channel between a collector and the pipeline."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from collectors.batch import EventBatch
from collectors.schema import EventSchema


class CollectorError(Exception):
    """A source that cannot be read: a message for a person, saying what, where and what to do."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What a collector knows about its partitions; sent when it changes and about once a second.

    The first batch of a partition comes after a status that names it in `assigned`.  After a start
    no window of a system closes, for a minute at most, until each of its sources has told that it
    reads a partition, or that it has none at all (`total` 0).
    `caught_up` names the partitions that have nothing more to read at the moment: only these can
    become idle.  `lag` is records not yet read, by partition.  `lost` names partitions whose next
    records are gone (retention, a replaced topic), with the number of records lost if known.
    """

    source: str
    assigned: frozenset[str]
    total: int
    caught_up: frozenset[str]
    lag: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int | None] = field(default_factory=dict)
    connected: bool = True
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaResolved:
    """The event schema of this source, inferred where the configuration leaves it open.

    Precedes the first batch.
    """

    source: str
    schema: EventSchema
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """A finite source was read to its end (`error` is None) or gave up, saying why."""

    source: str
    error: str | None = None


Item = EventBatch | SourceStatus | SchemaResolved | EndOfInput


class Channel:
    """A queue bounded by events with one writer (a collector) and one reader (the pipeline).

    `put` never blocks, so a collector always finishes what it has in hand; it must not fetch more
    while `full()`.  `full` turns true above `high` queued events and false again below `low`.
    `wake`, if given, is set by every `put`.  Acknowledgements flow back through `acknowledge` and
    `take_acknowledged`: offsets whose effect is durable in the store and the audit log, by
    partition.
    """

    def __init__(
        self, high: int = 40_000, low: int = 15_000, wake: threading.Event | None = None
    ) -> None:
        self._high, self._low = high, low
        self._wake = wake
        self._items: deque[Item] = deque()
        self._events = 0
        self._paused = False
        self._acknowledged: dict[str, int] = {}
        self.begun = False
        """Whether anything was ever put."""
        self.status: SourceStatus | None = None
        """The last status put, for readers that only want to look."""
        self.replay_from: int | None = None
        """The last one acknowledged; see `Resume`."""
        self.traced = False
        """Whether the reader wants to know each batch's `journey`; set before anything is read."""
        self._condition = threading.Condition()

    def put(self, item: Item) -> None:
        """Append; called by the collector's thread.

        A status takes the place of one right before it that nobody has read yet, unless that one
        tells of a loss: a channel that is not read for days does not grow by them.
        """
        with self._condition:
            if isinstance(item, SourceStatus):
                self.status = item
                last = self._items[-1] if self._items else None
                if isinstance(last, SourceStatus) and not last.lost:
                    self._items.pop()
            self._items.append(item)
            self.begun = True
            if isinstance(item, EventBatch):
                self._events += item.n
                if self._events >= self._high:
                    self._paused = True
            self._condition.notify_all()
        if self._wake is not None:
            self._wake.set()

    def full(self) -> bool:
        """Tell whether the collector must stop fetching for now."""
        with self._condition:
            return self._paused

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until not `full`, at most `timeout` seconds; tell whether there is room."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._paused, timeout)

    def get(self, timeout: float) -> Item | None:
        """Take the oldest item, or None after `timeout` seconds; called by the pipeline."""
        with self._condition:
            if not self._condition.wait_for(lambda: bool(self._items), timeout):
                return None
            item = self._items.popleft()
            if isinstance(item, EventBatch):
                self._events -= item.n
                if self._paused and self._events <= self._low:
                    self._paused = False
                    self._condition.notify_all()
            return item

    def waiting(self) -> bool:
        """Tell whether anything is in the channel."""
        with self._condition:
            return bool(self._items)

    def queued(self) -> int:
        """Return the number of events waiting."""
        with self._condition:
            return self._events

    def acknowledge(self, offsets: Mapping[str, int], replay_from: int | None = None) -> None:
        """Say that everything before these offsets is durable; called by the pipeline's side.

        `replay_from`: as in `Resume`, as of these offsets; None leaves it as it was.
        """
        with self._condition:
            self._acknowledged.update(offsets)
            if replay_from is not None:
                self.replay_from = replay_from

    def take_acknowledged(self) -> dict[str, int]:
        """Return and clear the offsets acknowledged since the last call."""
        with self._condition:
            taken, self._acknowledged = self._acknowledged, {}
            return taken


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a collector starts.

    `positions`: next offset by partition, from the store.  `identities`: `EventBatch.identity` of
    the last batch before it, by partition, where that has one; `caught_up`: the partitions that had
    nothing more to read when last heard of.  `schema`: the schema pinned by an
    earlier run, to be used instead of inferring again.  `store_id` names the store in the metadata
    of Kafka's committed offsets; `replay_from` (epoch seconds) is the start of the oldest open
    window, kept in the same place, for an agent that finds its store gone.
    """

    positions: Mapping[str, int] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    caught_up: frozenset[str] = frozenset()
    schema: EventSchema | None = None
    store_id: str = ""
    replay_from: int | None = None


class Collector(Protocol):
    """Reads one source.  All methods but `stop` are called by the collector's own thread."""

    name: str
    """Unique within the agent; `EventBatch.source` of everything it reads."""

    def check(self) -> str:
        """Test the connection and return one line about it; raise `CollectorError` if it fails."""
        ...

    def run(self, channel: Channel, resume: Resume) -> None:
        """Read until the end or until `stop`.

        Puts `SchemaResolved` first, then batches and statuses, and for a finite source
        `EndOfInput` last.  Undecodable records go into `EventBatch.rejected`.  Never raises for
        input; a source that is away is retried, with `SourceStatus.connected` false meanwhile.
        Raises `CollectorError` for what a person must mend (no such file, wrong credentials).
        """
        ...

    def stop(self) -> None:
        """Ask `run` to return within about a second; called by another thread, idempotent."""
        ...
