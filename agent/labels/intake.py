"""Taking events and labels of a batch into the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from agent.labels.gather import MICROSECONDS, in_time
from agent.labels.ids import highest, rank, row_ids, stored
from agent.labels.sample import ENDLESS, HOUR, Cut, admit, close, relieve, tighten
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState
from agent.labels.table import Known
from agent.labels.texts import numbers_of, texts_of
from agent.labels.wire import NO_TIME, formats, pieces
from agent.outcomes import audit_column, present
from agent.windows import containing
from collectors.batch import NO_ID, Categorical, Column, EventBatch, Flags, Ints

OUTCOMES = ("joined", "waiting", "repeated", "superseded", "late", "orphan", "not_sampled")
"""What can become of a label, for metrics.

`joined`: its event is known. `waiting`: it came first. `repeated`: the same was known.
`superseded`: another one was known, and the order of contract C9 decides. `late`: recorded or come
when it could not count any more. `orphan`: no event came. `not_sampled`: its id is not in the
sample.
"""

UNJOINABLE = "unjoinable"
"""Name of a count: predictions that no label can be joined to."""

GRACE = 86_400
"""Seconds for which rows stay after their last window, so that a label for them is told as late."""


@dataclass
class LabelCounts:
    """What became of labels, by the names of `OUTCOMES`, and how long after their events they came.

    `delays` are seconds.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)

    def add(self, other: LabelCounts) -> None:
        """Count what another part of the batch counted, too."""
        self.outcomes.update(other.outcomes)
        self.delays += other.delays


class _Label(NamedTuple):
    id: int
    recorded: int
    place: int
    value: float
    at: int


def expiry(settings: LabelSettings, second: int) -> int:
    """Return when no window that holds this second is in waiting any more."""
    return max(containing(second, length).end for length in settings.lengths) + settings.horizon


def take_events(
    settings: LabelSettings,
    state: LabelState,
    batch: EventBatch,
    rows: Ints,
    versions: Sequence[str],
    codes: Ints,
    counts: LabelCounts,
) -> Flags:
    """Keep the predictions among accepted rows whose label may come or is there.

    `versions[codes[i]]` is the model version of `rows[i]`.  Returns which of `rows` are
    predictions that no label can ever be joined to: without an id, and without a label of their
    own.
    """
    if batch.prediction is None:
        return np.zeros(len(rows), np.bool_)
    predicted = present(batch.prediction)[rows]
    own = np.zeros(batch.n, np.bool_) if batch.label is None else present(batch.label)
    joinable = (batch.event_id[rows] != NO_ID) | own[rows]
    chosen = predicted & joinable
    ids = row_ids(batch, rows[chosen])
    panes = batch.event_time[rows[chosen]] // (settings.pane * MICROSECONDS) * settings.pane
    keep, removed = admit(state.sample, panes, rank(ids), _most_per_pane(settings))
    _remove(state, removed)
    kept, kept_codes = rows[chosen][keep], codes[chosen][keep]
    if len(kept):
        _add(settings, state, batch, kept, ids[keep], [versions[c] for c in kept_codes.tolist()])
        counts.outcomes["joined"] += int(own[kept].sum())
        state.dirty = True
    _remove(state, relieve(state.sample, settings.max_pending))
    lone: Flags = predicted & ~joinable
    return lone


def take_labels(
    settings: LabelSettings,
    state: LabelState,
    batch: EventBatch,
    rows: Ints,
    arrived: Ints,
    latest: int,
    counts: LabelCounts,
) -> None:
    """Join the label records among a batch's rows.

    `arrived` (seconds, by row of `rows`) is how far event time had come, `ENDLESS` before the first
    event.  A time beyond `latest` (microseconds) is none.
    """
    if not len(rows) or batch.label is None:
        return
    ids = batch.event_id[rows]
    sampled = rank(ids) >= state.sample.least
    counts.outcomes["not_sampled"] += int((~sampled).sum())
    rows, wanted, arrived = rows[sampled], stored(ids[sampled]), arrived[sampled]
    recorded = recorded_of(batch, rows, latest)
    values = _coded(settings, state, batch.label, rows)
    at = np.where(recorded == NO_TIME, arrived, recorded // MICROSECONDS)
    origin = state.texts.code(_origin(batch))
    labels = [
        _Label(*one)
        for one in zip(
            wanted.tolist(),
            recorded.tolist(),
            batch.offset[rows].tolist(),
            values.tolist(),
            at.tolist(),
            strict=True,
        )
    ]
    _join(settings, state, labels, origin, counts)
    state.dirty = True


def recorded_of(batch: EventBatch, rows: Ints, latest: int) -> Ints:
    """Return when labels were recorded, in microseconds: by their own time, else the record's."""
    times = batch.event_time[rows]
    if batch.recorded_time is not None:
        own = batch.recorded_time[rows]
        times = np.where(own == NO_TIME, times, own)
    return np.where(times > latest, NO_TIME, times)


def close_panes(
    settings: LabelSettings,
    state: LabelState,
    closed_to: int,
    span: tuple[int, int],
    *,
    end_of_input: bool = False,
) -> Counter[str]:
    """Settle what closes before a second: the sample, and labels whose event did not come.

    `span` is that of the events so far; an orphan counts within it.
    """
    outcomes: Counter[str] = Counter()
    ready = sorted(p for p in state.sample.panes if p + settings.pane <= closed_to)
    for start in ready:
        removed = close(
            state.sample, start, settings.max_pending, lambda hour: expiry(settings, hour)
        )
        _remove(state, removed)
        state.dirty = True
    to = closed_to - settings.pair_horizon
    _settle_early(settings, state, ENDLESS + 1 if end_of_input else to, span, outcomes)
    return outcomes


def expire(settings: LabelSettings, state: LabelState, matured_to: int) -> None:
    """Let rows go that belong to no window in waiting; `matured_to` as for windows."""
    # By the hour: it is the whole table that is looked through.
    before = (matured_to - settings.horizon - GRACE) // HOUR * HOUR
    before = min(containing(before, length).start for length in settings.lengths)
    if before > state.expired_to:
        state.table.expire(state.number, before)
        state.expired_to = before
        state.sample.forget(before)
        state.dirty = True


def _most_per_pane(settings: LabelSettings) -> int:
    return max(1, settings.max_pending // (settings.lateness // settings.pane + 2))


def _remove(state: LabelState, removed: Iterable[Cut]) -> None:
    for one in removed:
        state.table.cut(state.number, one.start, one.end, highest(one.rank))
        if one.end == ENDLESS:
            state.table.cut_labels(state.number, highest(state.sample.least))


def _add(
    settings: LabelSettings,
    state: LabelState,
    batch: EventBatch,
    rows: Ints,
    ids: Any,
    versions: Sequence[str],
) -> None:
    form = formats(len(settings.attributes), numeric=settings.numeric)
    body = np.zeros(len(rows), form.body)
    codes = {version: state.texts.code(version) for version in set(versions)}
    body["version"] = [codes[version] for version in versions]
    body["origin"] = state.texts.code(_origin(batch))
    if batch.prediction is not None:
        body["prediction"] = _coded(settings, state, batch.prediction, rows)
    body["score"] = np.nan if batch.score is None else batch.score[rows]
    for place, attribute in enumerate(settings.attributes):
        column = audit_column(batch, attribute)
        if column is not None:
            body["groups"][:, place] = state.texts.column(column, rows)
    owns = _own(settings, state, batch, rows)
    seconds = batch.event_time[rows] // MICROSECONDS
    state.table.add(
        "outcome",
        [
            (state.number, second, one, 1, raw, own)
            for second, one, raw, own in zip(
                seconds.tolist(), stored(ids).tolist(), pieces(body), owns, strict=True
            )
        ],
    )


def _own(
    settings: LabelSettings, state: LabelState, batch: EventBatch, rows: Ints
) -> list[bytes | None]:
    """Return the labels that the events themselves carry."""
    if batch.label is None:
        return [None] * len(rows)
    form = formats(len(settings.attributes), numeric=settings.numeric)
    own = np.zeros(len(rows), form.own)
    own["recorded"] = NO_TIME if batch.recorded_time is None else batch.recorded_time[rows]
    own["place"] = batch.offset[rows]
    own["label"] = _coded(settings, state, batch.label, rows)
    having = present(batch.label)[rows].tolist()
    return [raw if has else None for raw, has in zip(pieces(own), having, strict=True)]


def _coded(settings: LabelSettings, state: LabelState, column: Column, rows: Ints) -> Any:
    """Return a prediction's or label's values as they are stored."""
    if settings.numeric:
        numbers = numbers_of(column) if isinstance(column, Categorical) else column
        return numbers[rows]
    return state.texts.column(column if isinstance(column, Categorical) else texts_of(column), rows)


def _origin(batch: EventBatch) -> str:
    return f"{batch.source}/{batch.partition}"


def _join(
    settings: LabelSettings,
    state: LabelState,
    labels: Sequence[_Label],
    origin: int,
    counts: LabelCounts,
) -> None:
    wanted = list({label.id for label in labels})
    events: dict[int, list[int]] = {}
    for one, second in state.table.find(state.number, wanted):
        if second >= state.expired_to:
            events.setdefault(one, []).append(second)
    known: dict[int, list[Known]] = {}
    for stored_label in state.table.known(state.number, wanted):
        known.setdefault(stored_label.id, []).append(stored_label)
    told: dict[str, list[_Label]] = {name: [] for name in OUTCOMES}
    for label in labels:
        outcome = _outcome(settings, state, label, events.get(label.id), known.get(label.id, ()))
        told[outcome].append(label)
        if outcome not in ("late", "orphan", "not_sampled"):
            known.setdefault(label.id, []).append(
                Known(label.id, label.recorded, origin, label.place, label.value)
            )
    counts.outcomes.update({name: len(found) for name, found in told.items()})
    kept = [*told["joined"], *told["waiting"], *told["repeated"], *told["superseded"]]
    state.table.add(
        "label", [(state.number, k.id, k.recorded, origin, k.place, k.value) for k in kept]
    )
    state.table.add("early", [(state.number, w.at, w.id) for w in told["waiting"]])
    _add_orphans(settings, state, [(o.at, o.id) for o in told["orphan"]])
    _touch(settings, state, {second for k in kept for second in events.get(k.id, ())})
    counts.delays += [
        j.recorded / MICROSECONDS - max(events[j.id])
        for j in told["joined"]
        if j.recorded != NO_TIME
    ]
    state.labels += len(kept)
    if state.labels > 2 * settings.max_pending:
        _bound_labels(settings, state)


def _outcome(
    settings: LabelSettings,
    state: LabelState,
    label: _Label,
    seconds: Sequence[int] | None,
    known: Sequence[Known],
) -> str:
    if seconds is not None:
        when = np.array(seconds, np.int64)
        counts = in_time(settings, when, np.full(len(when), label.recorded))
        open_to = any(expiry(settings, second) > state.matured_to for second in seconds)
        if not counts.any() or not open_to:
            return "late"
    for other in known:
        if other.value != label.value:
            return "superseded"
        if other.recorded == label.recorded:
            return "repeated"
    if seconds is not None or known:
        return "joined" if seconds is not None else "repeated"
    if label.at >= state.settled_to:
        return "waiting"
    return "orphan" if label.id <= highest(state.sample.largest) else "not_sampled"


def _touch(settings: LabelSettings, state: LabelState, seconds: Iterable[int]) -> None:
    """Mark the windows in waiting that hold these seconds."""
    minutes = {second - second % 60 for second in seconds}
    state.room.touch(
        {
            (length, containing(minute, length).start)
            for minute in minutes
            for length in settings.lengths
        }
    )


def _settle_early(
    settings: LabelSettings,
    state: LabelState,
    to: int,
    span: tuple[int, int],
    outcomes: Counter[str],
) -> None:
    """Count labels as orphans whose event can come no more."""
    if to <= state.settled_to:
        return
    waiting = state.table.early(state.number, state.settled_to, to)
    state.settled_to = to
    state.dirty = True
    if not waiting:
        return
    found = {one for one, _ in state.table.find(state.number, [one for _, one in waiting])}
    lost = [(at, one) for at, one in waiting if one not in found]
    kept = highest(state.sample.largest)
    first, newest = span
    orphans = [(min(max(at, first), newest), one) for at, one in lost if one <= kept]
    _add_orphans(settings, state, orphans)
    outcomes["orphan"] += len(orphans)
    outcomes["not_sampled"] += len(lost) - len(orphans)
    state.table.forget_early(state.number, to, [one for _, one in lost])


def _add_orphans(
    settings: LabelSettings, state: LabelState, orphans: Sequence[tuple[int, int]]
) -> None:
    """Keep orphans by their own time; the same one twice is one."""
    state.table.add("orphan", [(state.number, at, one) for at, one in orphans])
    _touch(settings, state, {at for at, _ in orphans})


def _bound_labels(settings: LabelSettings, state: LabelState) -> None:
    """Sample more sparsely when labels themselves are too many, such as those of unknown ids."""
    state.labels = sum(state.table.count(t, state.number) for t in ("label", "orphan"))
    if state.labels > 2 * settings.max_pending:
        _remove(state, [tighten(state.sample, settings.max_pending)])
        state.labels //= 2


__all__ = [
    "OUTCOMES",
    "UNJOINABLE",
    "LabelCounts",
    "close_panes",
    "expire",
    "expiry",
    "take_events",
    "take_labels",
]
