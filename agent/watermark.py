"""Event-time progress of partitions: lateness is judged per partition, the watermark is theirs.

Times of events are microseconds, as in `EventBatch`; clock times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from agent.labels.kinds import LABELS, Kind
from collectors.batch import Flags, Ints

MICROSECONDS = 1_000_000
BEFORE_ALL = int(np.iinfo(np.int64).min)
"""The time of a record that is no event."""


class Partition(msgspec.Struct):
    """What the agent knows of one partition of one source.

    `identity`: `EventBatch.identity` of what `next_offset` is a position in.
    `newest`: largest event time accepted or late, in microseconds, None before the first event.
    `active_at`: clock time of the last event, or of the agent's start.  `arrived_at`: clock time of
    the last prediction whatever the start, None before the first.  `pending`: counts that belong to
    the window of the first event, which has not come yet.  `labelled_to`: when the newest of its
    label records was recorded, 0 if they bear no time, None before the first of them;
    `reviewed_to` likewise of its review records.
    """

    next_offset: int = 0
    newest: int | None = None
    active_at: float = 0.0
    arrived_at: float | None = None
    caught_up: bool = False
    pending: dict[str, int] = msgspec.field(default_factory=dict)
    labelled_to: int | None = None
    reviewed_to: int | None = None
    identity: str = ""

    def read_to(self, kind: Kind) -> int | None:
        """Return `labelled_to` or `reviewed_to`."""
        return self.labelled_to if kind == LABELS else self.reviewed_to

    def note_read(self, kind: Kind, second: int) -> None:
        """Note that records of a kind were read, the newest of them recorded at `second`."""
        newest = max(second, self.read_to(kind) or 0)
        if kind == LABELS:
            self.labelled_to = newest
        else:
            self.reviewed_to = newest


class Judged(NamedTuple):
    """Each row of a batch is exactly one of the three; `newest_before` is the running maximum."""

    accepted: Flags
    late: Flags
    future: Flags
    newest_before: Ints


def judge(partition: Partition, event_time: Ints, *, lateness: int, latest: int) -> Judged:
    """Tell which events are accepted, late or in the future; does not change `partition`.

    An event is in the `future` above `latest` (microseconds), and then moves nothing.  It is
    `late` when it lies more than `lateness` microseconds below the newest event read before it in
    its partition.  The outcome for a row depends on the rows before it only, so it does not depend
    on how rows are cut into batches.
    """
    future = event_time > latest
    newest = np.where(future, BEFORE_ALL, event_time) if future.any() else event_time
    carried = BEFORE_ALL if partition.newest is None else partition.newest
    before = np.empty_like(event_time)
    if len(event_time):
        before[0] = carried
        before[1:] = np.maximum(np.maximum.accumulate(newest)[:-1], carried)
    # A difference could overflow where nothing came before, so the floor is moved, not the event.
    floor = np.where(before == BEFORE_ALL, BEFORE_ALL, before - lateness)
    late = (event_time < floor) & ~future
    return Judged(~(late | future), late, future, before)


def advance(partition: Partition, judged: Judged, event_time: Ints, now: float) -> None:
    """Move `partition` past a judged batch."""
    seen = event_time[~judged.future & (event_time != BEFORE_ALL)]
    if len(seen):
        newest = int(seen.max())
        partition.newest = newest if partition.newest is None else max(partition.newest, newest)
        partition.active_at = now


def is_idle(partition: Partition, *, now: float, idle: float) -> bool:
    """Tell whether a partition has nothing to read and had no event for `idle` seconds."""
    return partition.caught_up and now - partition.active_at >= idle


def wake(partitions: Iterable[Partition], *, now: float, idle: float) -> None:
    """Let no partition count as idle when the first event comes after all were.

    A burst reaches one partition first.  What is known of the others is a moment old, so they get
    `idle` seconds anew to bring their part of it; else it would be late.
    """
    known = list(partitions)
    if all(is_idle(partition, now=now, idle=idle) for partition in known):
        for partition in known:
            partition.active_at = now


def closing_point(
    partitions: Iterable[Partition], *, now: float, idle: float, lateness: int
) -> int | None:
    """Return the event time, in microseconds, before which nothing more is waited for.

    That is `lateness` below the watermark, which is the minimum of `newest` over the partitions
    that are not idle.  A partition is idle when it has nothing to read and had no event for `idle`
    seconds; one that still has records to read is never idle, however slow.  When all are idle,
    windows close as the clock goes on, `lateness` behind it.  None: nothing is known yet.
    """
    known = list(partitions)
    if not known:
        return None
    awake = [p.newest for p in known if not is_idle(p, now=now, idle=idle)]
    if not awake:
        return int(now * MICROSECONDS) - lateness
    newest = [n for n in awake if n is not None]
    return min(newest) - lateness if len(newest) == len(awake) else None
