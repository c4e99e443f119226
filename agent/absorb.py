"""Taking a batch in: lateness, duplicates, and the panes that its events belong to.

Nothing here closes a window or looks at a clock other than the `now` it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from agent.beside import beside, count_beside
from agent.joins import Join, joins
from agent.labels.cuts import cut, pieces
from agent.labels.intake import UNJOINABLE, LabelCounts, recorded_of, take_events, take_labels
from agent.labels.kinds import LABELS, REVIEWS, Kind
from agent.labels.reviews import as_labels, review_records, with_feedback
from agent.labels.sample import ENDLESS
from agent.outcomes import label_records
from agent.plan import Plan
from agent.state import NO_VERSION, PaneKey, SystemState, partition_key
from agent.store import Quarantined
from agent.summarise import summarise_by
from agent.summary import (
    CONFLICTS,
    DUPLICATES,
    LATE,
    LOST,
    REJECTED,
    REJECTED_LABELS,
    Summary,
    add,
    empty,
)
from agent.unsure import UNREVIEWABLE, count_name, count_unsure, is_unsure
from agent.watermark import BEFORE_ALL, MICROSECONDS, Judged, Partition, advance, judge, wake
from agent.windows import LENGTHS
from collectors.batch import NO_ID, EventBatch, Flags, Ints
from collectors.decoders.columns import DECIDED_AT, DECISION
from policies.model import ALL_VERSIONS

_BESIDE = 0x6265_7369_6465_0001
"""Sets the ids of feedback and decisions apart from those of the predictions they speak of."""

_PANE_BITS = 34
"""Bits that a pane's start (seconds / pane length) takes in a combined key."""


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a batch did: numbers for metrics, entries for the quarantine."""

    events: int
    late: int
    duplicates: int
    conflicts: int
    rejected: dict[str, int]
    quarantined: list[Quarantined]
    labels: LabelCounts
    reviews: LabelCounts = field(default_factory=LabelCounts)
    anew: bool = False


def joined(parts: Sequence[Absorbed]) -> Absorbed:
    """Return what the parts of a batch did together."""
    if len(parts) == 1:
        return parts[0]
    labels, reviews = LabelCounts(), LabelCounts()
    rejected: Counter[str] = Counter()
    for part in parts:
        rejected.update(part.rejected)
        labels.add(part.labels)
        reviews.add(part.reviews)
    return Absorbed(
        events=sum(p.events for p in parts),
        late=sum(p.late for p in parts),
        duplicates=sum(p.duplicates for p in parts),
        conflicts=sum(p.conflicts for p in parts),
        rejected=dict(rejected),
        quarantined=[one for p in parts for one in p.quarantined],
        labels=labels,
        reviews=reviews,
        anew=any(p.anew for p in parts),
    )


class _Apart(NamedTuple):
    """Rows that are about an event rather than one: `labels`, `reviews`.

    `still` are those of them that move no window: all but those with feedback, which counts at its
    own time.
    """

    labels: Flags
    reviews: Flags
    still: Flags


def _apart(plan: Plan, batch: EventBatch) -> _Apart:
    labels = label_records(batch, predicted=plan.labels is not None)
    if plan.reviews is None:
        return _Apart(labels, np.zeros(batch.n, dtype=bool), labels)
    reviews = review_records(batch)
    return _Apart(labels, reviews, labels | (reviews & ~with_feedback(batch)))


def parts_of(plan: Plan, state: SystemState, batch: EventBatch, now: float) -> list[EventBatch]:
    """Return a batch in the parts between which a window may close.

    Where labels or reviews can come later, one that stands behind the record that closes a window
    is not in its first report, so the size of batches would show.
    """
    if plan.labels is None and plan.reviews is None:
        return [batch]
    latest = int((now + plan.time.future_skew) * MICROSECONDS)
    still = _apart(plan, batch).still | (batch.event_time > latest)
    times = np.where(still, BEFORE_ALL, batch.event_time)
    partition = state.partitions.get(partition_key(batch.source, batch.partition))
    newest = None if partition is None else partition.newest
    at = pieces(batch, times, newest, LENGTHS[plan.lengths[0]], plan.time.lateness)
    return list(cut(batch, at)) if at else [batch]


def absorb(plan: Plan, state: SystemState, batch: EventBatch, now: float) -> Absorbed:
    """Add the batch to the open panes and move its partition to `batch.next_offset`."""
    partition = state.partitions.setdefault(
        partition_key(batch.source, batch.partition), Partition(active_at=now)
    )
    latest = int((now + plan.time.future_skew) * MICROSECONDS)
    apart = _apart(plan, batch)
    still = apart.still
    if not still.all():
        wake(state.partitions.values(), now=now, idle=plan.time.idle)
    times = np.where(still, BEFORE_ALL, batch.event_time) if still.any() else batch.event_time
    judged = judge(partition, times, lateness=plan.time.lateness * MICROSECONDS, latest=latest)
    accepted, late = _not_closed(plan, state, judged, times)
    if times is not batch.event_time:
        # A label record is not an event: it is never late, and moves no window.
        accepted, late = accepted & ~still, late & ~still
    aside = beside(batch)
    if not (still | aside | judged.future).all():
        # Neither labels nor complaints are predictions: a service may be silent while they come.
        partition.arrived_at = now
    others = accepted & aside
    events = accepted & ~others
    duplicate, conflict = _repeats(state, batch, events)
    events = events & ~duplicate
    others &= ~_repeats_beside(state, batch, others)

    counts = {join.kind: LabelCounts() for join in joins(plan, state)}
    known = ENDLESS if state.newest is None else state.newest
    _add_events(plan, state, batch, events, counts)
    if state.reservoir is not None:
        state.reservoir.add(batch, events, state.next_start)
    _count_told(plan, state, batch, events, others, apart.reviews)
    for name, flags in ((DUPLICATES, duplicate), (CONFLICTS, conflict)):
        _count_rows(plan, state, batch, np.flatnonzero(flags), batch.event_time, name)
    arrived = _arrival_panes(plan, state, judged, partition, times)
    if counts and batch.prediction is None and known != ENDLESS:
        # A source of labels or reviews alone has no event time of its own.
        arrived = np.where(arrived < 0, _open_pane(plan, state, known), arrived)
        _count_at(plan, state, partition, _panes_of_rejected(batch, arrived), REJECTED_LABELS)
    _count_at(plan, state, partition, arrived[:-1][late], LATE)
    rejected = _count_rejected(plan, state, partition, batch, times, judged.future, arrived)
    for join in joins(plan, state):
        records = apart.labels if join.kind == LABELS else apart.reviews
        if records.any():
            seen = _seen(plan, join, batch)
            _take(join, partition, seen, records, judged, latest, known, counts[join.kind])

    advance(partition, judged, times, now)
    partition.next_offset, partition.identity = batch.next_offset, batch.identity
    state.dirty.core = True
    return Absorbed(
        events=int(events.sum()),
        late=int(late.sum()),
        duplicates=int(duplicate.sum()),
        conflicts=int(conflict.sum()),
        rejected=rejected,
        quarantined=_quarantine(plan.system, batch, judged.future, now),
        labels=counts.get(LABELS) or LabelCounts(),
        reviews=counts.get(REVIEWS) or LabelCounts(),
        anew=batch.anew,
    )


def _seen(plan: Plan, join: Join, batch: EventBatch) -> EventBatch:
    """Return the batch with what is joined in the place of labels."""
    if join.kind == LABELS:
        return batch
    return as_labels(batch, decided_at=DECIDED_AT in plan.layout.mapped)


def _count_told(
    plan: Plan, state: SystemState, batch: EventBatch, events: Flags, others: Flags, joined: Flags
) -> None:
    """Count what people said and decided, and which events were unsure."""
    told = count_beside(batch, plan.layout.meanings, events, others, joined=joined)
    if DECISION in plan.layout.mapped:
        told += count_unsure(batch, plan.settings.uncertain, events)
    for name, rows in told:
        _note_times(state, batch.event_time[rows] // MICROSECONDS)
        _count_rows(plan, state, batch, rows, batch.event_time, name)


def _take(
    join: Join,
    partition: Partition,
    batch: EventBatch,
    records: Flags,
    judged: Judged,
    latest: int,
    known: int,
    counts: LabelCounts,
) -> None:
    """Join the label records of a batch, or its review records, to their events."""
    rows = np.flatnonzero(records)
    # In a partition of labels alone event time is that of the others.
    arrived = np.where(
        judged.newest_before[rows] == BEFORE_ALL, known, judged.newest_before[rows] // MICROSECONDS
    )
    take_labels(join.settings, join.state, batch, rows, arrived, latest, counts)
    recorded = recorded_of(batch, rows, latest)
    timed = recorded[recorded != BEFORE_ALL]
    partition.note_read(join.kind, int(timed.max()) // MICROSECONDS if len(timed) else 0)


def count_lost(plan: Plan, state: SystemState, key: str, records: int | None) -> None:
    """Note that records of a partition are gone; the windows around them are incomplete.

    They may belong anywhere between the last event before the hole and the first one after it.
    """
    partition = state.partitions.setdefault(key, Partition())
    amount = max(1, records or 1)
    if partition.newest is not None:
        pane = _open_pane(plan, state, partition.newest // MICROSECONDS)
        _count(plan, state, PaneKey(NO_VERSION, pane), LOST, amount)
    partition.pending[LOST] = partition.pending.get(LOST, 0) + amount
    state.dirty.core = True


def _not_closed(
    plan: Plan, state: SystemState, judged: Judged, event_time: Ints
) -> tuple[Flags, Flags]:
    """Move events that no open or restatable window can take from accepted to late."""
    if state.closed_to is None:
        return judged.accepted, judged.late
    floor = (state.closed_to - plan.time.restate_horizon) * MICROSECONDS
    gone = judged.accepted & (event_time < floor)
    return judged.accepted & ~gone, judged.late | gone


def _repeats(state: SystemState, batch: EventBatch, events: Flags) -> tuple[Flags, Flags]:
    duplicate = np.zeros(batch.n, dtype=bool)
    conflict = np.zeros(batch.n, dtype=bool)
    rows = np.flatnonzero(events & (batch.event_id != NO_ID))
    if len(rows):
        repeats = state.dedup.observe(
            batch.event_id[rows], batch.body[rows], batch.event_time[rows]
        )
        duplicate[rows] = repeats.duplicate
        conflict[rows] = repeats.conflict
    return duplicate, conflict


def _repeats_beside(state: SystemState, batch: EventBatch, others: Flags) -> Flags:
    """Tell which feedback and decisions repeat an earlier one, of the same id and content."""
    repeated = np.zeros(batch.n, dtype=bool)
    rows = np.flatnonzero(others & (batch.event_id != NO_ID))
    if len(rows):
        # An id of its own: it must not pass for the prediction that it speaks of, and two
        # complaints that say different things are two.
        ids = batch.event_id[rows] ^ (batch.body[rows].astype(np.uint64) << np.uint64(32))
        ids ^= np.uint64(_BESIDE)
        seen = state.dedup.observe(ids, batch.body[rows], batch.event_time[rows])
        repeated[rows] = seen.duplicate
    return repeated


def _note_times(state: SystemState, seconds: Ints) -> None:
    low, high = int(seconds.min()), int(seconds.max())
    state.first = low if state.first is None else min(state.first, low)
    state.newest = high if state.newest is None else max(state.newest, high)


def _add_events(
    plan: Plan,
    state: SystemState,
    batch: EventBatch,
    events: Flags,
    counts: Mapping[Kind, LabelCounts],
) -> None:
    rows = np.flatnonzero(events)
    if not len(rows):
        return
    seconds = batch.event_time[rows] // MICROSECONDS
    _note_times(state, seconds)
    versions, codes = _versions(plan, state, batch, rows)
    keys = (codes << _PANE_BITS) | (seconds // plan.time.pane)
    for key, summary in summarise_by(plan.layout, batch, rows, keys).items():
        start = (key & ((1 << _PANE_BITS) - 1)) * plan.time.pane
        pane = PaneKey(versions[key >> _PANE_BITS], start)
        add(_pane(plan, state, pane), summary)
    for join in joins(plan, state):
        seen, told = _seen(plan, join, batch), counts[join.kind]
        lone = rows[take_events(join.settings, join.state, seen, rows, versions, codes, told)]
        for name, which in _unjoinable(plan, join.kind, batch, lone):
            _count_rows(plan, state, batch, which, batch.event_time, name)


def _unjoinable(
    plan: Plan, kind: Kind, batch: EventBatch, lone: Ints
) -> Iterator[tuple[str, Ints]]:
    """Give what predictions are counted as to which nothing of a kind can be joined."""
    if kind == LABELS:
        yield UNJOINABLE, lone
        return
    yield UNREVIEWABLE, lone
    if batch.score is not None:
        low = plan.settings.uncertain
        yield count_name(UNREVIEWABLE, low), lone[is_unsure(batch.score[lone], low)]


def _versions(
    plan: Plan, state: SystemState, batch: EventBatch, rows: Ints
) -> tuple[tuple[str, ...], Ints]:
    """Return the version names and each row's index into them.

    At most `plan.max_versions` names are kept apart; what comes beyond counts in the pool only, so
    that a field full of noise taken for a version cannot fill the memory.  So does a version that
    is called like the pool itself: its events would otherwise be in there twice.
    """
    if batch.model_version is None:
        return (NO_VERSION,), np.zeros(len(rows), dtype=np.int64)
    codes = batch.model_version.codes[rows].astype(np.int64)
    names = batch.model_version.values
    known: list[str] = [NO_VERSION]
    table = np.zeros(len(names) + 1, dtype=np.int64)
    for code in np.unique(codes[codes >= 0]).tolist():
        name = names[code]
        if name == ALL_VERSIONS:
            continue
        if name in state.versions or len(state.versions) < plan.max_versions:
            state.versions.add(name)
            table[code] = len(known)
            known.append(name)
    return tuple(known), table[codes]


def _pane(plan: Plan, state: SystemState, key: PaneKey) -> Summary:
    """Return the open pane, made empty if need be, and mark it as changed."""
    summary = state.panes.get(key)
    if summary is None:
        summary = state.panes[key] = empty(plan.layout)
    state.dirty.panes.add(key)
    return summary


def _count(plan: Plan, state: SystemState, key: PaneKey, name: str, amount: int) -> None:
    counts = _pane(plan, state, key).counts
    counts[name] = counts.get(name, 0) + amount


def _count_rows(
    plan: Plan, state: SystemState, batch: EventBatch, rows: Ints, times: Ints, name: str
) -> None:
    """Count rows in the panes of their own event time and version."""
    if not len(rows):
        return
    versions, codes = _versions(plan, state, batch, rows)
    keys = (codes << _PANE_BITS) | (times[rows] // (plan.time.pane * MICROSECONDS))
    found, amounts = np.unique(keys, return_counts=True)
    for key, amount in zip(found.tolist(), amounts.tolist(), strict=True):
        start = (key & ((1 << _PANE_BITS) - 1)) * plan.time.pane
        _count(plan, state, PaneKey(versions[key >> _PANE_BITS], start), name, amount)


def _arrival_panes(
    plan: Plan, state: SystemState, judged: Judged, partition: Partition, times: Ints
) -> Ints:
    """Return, for each row and for the end of the batch, the pane of the newest event before it.

    -1 where no event came before.  Never a closed pane.
    """
    newest = np.empty(len(times) + 1, dtype=np.int64)
    newest[:-1] = judged.newest_before
    last = np.where(judged.future, np.iinfo(np.int64).min, times)
    newest[-1] = max(
        last.max(initial=np.iinfo(np.int64).min),
        np.iinfo(np.int64).min if partition.newest is None else partition.newest,
    )
    panes = newest // (plan.time.pane * MICROSECONDS) * plan.time.pane
    if state.closed_to is not None:
        panes = np.maximum(panes, state.closed_to)
    return np.where(newest == np.iinfo(np.int64).min, -1, panes)


def _open_pane(plan: Plan, state: SystemState, second: int) -> int:
    pane = second - second % plan.time.pane
    return pane if state.closed_to is None else max(pane, state.closed_to)


def _count_at(plan: Plan, state: SystemState, partition: Partition, panes: Ints, name: str) -> None:
    """Count one per pane given; -1 waits for the partition's first event."""
    if not len(panes):
        return
    values, amounts = np.unique(panes, return_counts=True)
    for pane, amount in zip(values.tolist(), amounts.tolist(), strict=True):
        if pane < 0:
            partition.pending[name] = partition.pending.get(name, 0) + amount
        else:
            _count(plan, state, PaneKey(NO_VERSION, pane), name, amount)


def _count_rejected(
    plan: Plan,
    state: SystemState,
    partition: Partition,
    batch: EventBatch,
    times: Ints,
    future: Flags,
    arrived: Ints,
) -> dict[str, int]:
    """Count rejected records in the window of the newest event read before them (C11)."""
    rejected: dict[str, list[int]] = {}
    for one in batch.rejected:
        rejected.setdefault(one.reason, []).append(int(arrived[one.row]))
    if future.any():
        rejected.setdefault("future", []).extend(arrived[:-1][future].tolist())
    for reason, panes in rejected.items():
        _count_at(plan, state, partition, np.array(panes, dtype=np.int64), f"{REJECTED}{reason}")
    _settle_pending(plan, state, partition, times, future)
    return {reason: len(panes) for reason, panes in rejected.items()}


def _panes_of_rejected(batch: EventBatch, arrived: Ints) -> Ints:
    return arrived[np.array([one.row for one in batch.rejected], dtype=np.int64)]


def _settle_pending(
    plan: Plan, state: SystemState, partition: Partition, times: Ints, future: Flags
) -> None:
    """Give counts that waited for an event to the pane of the first one."""
    timed = np.flatnonzero(~future & (times != BEFORE_ALL))
    if not partition.pending or not len(timed):
        return
    pane = _open_pane(plan, state, int(times[timed[0]]) // MICROSECONDS)
    if LOST in partition.pending:
        _count_hole(plan, state, partition, pane)
    for name, amount in partition.pending.items():
        _count(plan, state, PaneKey(NO_VERSION, pane), name, amount)
    partition.pending = {}


def _count_hole(plan: Plan, state: SystemState, partition: Partition, pane: int) -> None:
    """Note that what was lost may belong to any window between the last event and `pane`.

    As far as they are reported: of windows without events that is a bounded number.
    """
    if partition.newest is None:
        return
    begin = _open_pane(plan, state, partition.newest // MICROSECONDS)
    step = LENGTHS[plan.lengths[0]]
    for start in islice(range(begin - begin % step + step, pane, step), plan.max_empty_windows):
        _count(plan, state, PaneKey(NO_VERSION, start), LOST, 1)


def _quarantine(system: str, batch: EventBatch, future: Flags, now: float) -> list[Quarantined]:
    at = int(now)
    entries = [
        Quarantined(at, system, batch.source, batch.partition, r.offset, r.reason, r.detail)
        for r in batch.rejected
    ]
    for row in np.flatnonzero(future).tolist():
        place = int(batch.offset[row])
        entries.append(Quarantined(at, system, batch.source, batch.partition, place, "future", ""))
    return entries
