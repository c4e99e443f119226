"""The events of a window beside their labels, out of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from agent.labels.ids import highest
from agent.labels.rows import OutcomeRows
from agent.labels.sample import cut_of
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState
from agent.labels.table import Row
from agent.labels.texts import MISSING
from agent.labels.wire import NO_TIME, Records, formats, joined
from collectors.batch import Categorical, Flags, Floats, Ints

MICROSECONDS = 1_000_000


class Gathered(NamedTuple):
    """A window's sampled events of all versions: their stored form, and the label that holds."""

    body: Records
    label: Any
    cut: int


class Labelled(NamedTuple):
    """How far a window's predictions have labels: counts of the sample."""

    predictions: int
    labelled: int
    sampling: float


def gather(settings: LabelSettings, state: LabelState, start: int, end: int) -> Gathered:
    """Read a window's rows; which label holds does not depend on the order in which they came."""
    cut = cut_of(state.sample, start, end)
    ranks = _origin_ranks(state)
    bodies: list[Records] = []
    labels: list[Any] = []
    form = formats(len(settings.attributes), numeric=settings.numeric)
    for chunk in _whole_events(state.table.window(state.number, start, end, highest(cut))):
        body, label = _resolve(settings, ranks, chunk)
        bodies.append(body)
        labels.append(label)
    if not bodies:
        empty = np.zeros(0, form.body)
        return Gathered(empty, empty["prediction"], cut)
    return Gathered(np.concatenate(bodies), np.concatenate(labels), cut)


def outcome_rows(
    settings: LabelSettings,
    state: LabelState,
    gathered: Gathered,
    *,
    version: str | None,
    mature: bool,
) -> OutcomeRows:
    """Return the rows of one model version (None: of all) in an order made of their content."""
    body, label = gathered.body, gathered.label
    if version is not None:
        chosen = body["version"] == state.texts.code(version)
        body, label = body[chosen], label[chosen]
    prediction: Categorical | Floats
    actual: Categorical | Floats
    if settings.numeric:
        prediction, actual = body["prediction"].astype(np.float64), label.astype(np.float64)
        sorted_by: list[Any] = [actual, prediction]
    else:
        prediction, actual = state.texts.decode(body["prediction"], label)
        sorted_by = [actual.codes, prediction.codes]
    score = body["score"].astype(np.float64)
    groups = {
        name: state.texts.decode(body["groups"][:, place])[0]
        for place, name in enumerate(settings.attributes)
    }
    order = np.lexsort([g.codes for g in groups.values()] + [score, *sorted_by])
    return OutcomeRows(
        n=len(order),
        prediction=_ordered(prediction, order),
        label=_ordered(actual, order),
        score=score[order],
        groups={name: Categorical(g.codes[order], g.values) for name, g in groups.items()},
        sampling=0.5**gathered.cut,
        mature=mature,
    )


def labelled(rows: OutcomeRows) -> Labelled:
    """Return how many of the rows have a label; each has a prediction."""
    label = rows.label
    known = label.codes >= 0 if isinstance(label, Categorical) else ~np.isnan(label)
    return Labelled(rows.n, int(known.sum()), rows.sampling)


def _ordered(column: Categorical | Floats, order: Ints) -> Categorical | Floats:
    if isinstance(column, Categorical):
        return Categorical(column.codes[order], column.values)
    return column[order]


def _origin_ranks(state: LabelState) -> Ints:
    """Return each text's place among all: the order of origins must not hang on who came first."""
    names = state.texts.texts
    ranks = np.zeros(len(names) + 1, np.int64)
    ranks[[i + 1 for i in sorted(range(len(names)), key=names.__getitem__)]] = np.arange(len(names))
    return ranks


def _whole_events(chunks: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """Yield the rows in chunks again, all rows of one event in the same."""
    rest: list[Row] = []
    for chunk in chunks:
        rows = rest + chunk
        last = rows[-1][:2]
        keep = len(rows)
        while keep and rows[keep - 1][:2] == last:
            keep -= 1
        rest = rows[keep:]
        if keep:
            yield rows[:keep]
    if rest:
        yield rest


def _resolve(settings: LabelSettings, ranks: Ints, rows: Sequence[Row]) -> tuple[Records, Any]:
    """Return the bodies of a chunk's events and the label that holds of each."""
    form = formats(len(settings.attributes), numeric=settings.numeric)
    second, _, copies, body, own, *joined_labels = zip(*rows, strict=True)
    seconds = np.array(second, np.int64)
    first = np.ones(len(rows), np.bool_)
    identity = [row[:2] for row in rows]
    first[1:] = [a != b for a, b in zip(identity[1:], identity[:-1], strict=True)]
    event = np.cumsum(first) - 1
    at = np.flatnonzero(first)
    records = joined([body[i] for i in at.tolist()], form.body)
    candidates = [_own_labels(form.own, own, at, records)]
    for recorded, origin, place, value in (joined_labels[:4], joined_labels[4:]):
        candidates.append(
            _joined_labels(settings, records, event, seconds, recorded, origin, place, value)
        )
    chosen = _winners(settings, ranks, candidates, len(records))
    many = np.array(copies, np.int64)[at]
    if (many > 1).any():
        return np.repeat(records, many), np.repeat(chosen, many)
    return records, chosen


class _Candidates(NamedTuple):
    """Labels for events: which event, and what decides between several."""

    event: Ints
    recorded: Ints
    away: Flags
    origin: Ints
    place: Ints
    value: Any


def _own_labels(
    form: np.dtype[Any], own: Sequence[bytes | None], at: Ints, records: Records
) -> _Candidates:
    having = [i for i, place in enumerate(at.tolist()) if own[place] is not None]
    event = np.array(having, np.int64)
    found = joined([own[at[i]] or b"" for i in having], form)
    return _Candidates(
        event,
        found["recorded"],
        np.zeros(len(event), np.bool_),
        records["origin"][event].astype(np.int64),
        found["place"],
        found["label"],
    )


def _joined_labels(
    settings: LabelSettings,
    records: Records,
    event: Ints,
    seconds: Ints,
    recorded: Sequence[int | None],
    origin: Sequence[int | None],
    place: Sequence[int | None],
    value: Sequence[float | None],
) -> _Candidates:
    rows = [i for i, moment in enumerate(recorded) if moment is not None]
    kept = np.array(rows, np.int64)
    moment = np.array([recorded[i] for i in rows], np.int64)
    counts = in_time(settings, seconds[kept], moment)
    kept, moment = kept[counts], moment[counts]
    chosen = kept.tolist()
    origins = np.array([origin[i] for i in chosen], np.int64)
    values = np.array([value[i] for i in chosen], np.float64)
    return _Candidates(
        event[kept],
        moment,
        origins != records["origin"][event[kept]],
        origins,
        np.array([place[i] for i in chosen], np.int64),
        values if settings.numeric else values.astype(np.uint16),
    )


def in_time(settings: LabelSettings, seconds: Ints, recorded: Ints) -> Flags:
    """Tell which labels count for an event of that second; one without a time always does."""
    moment = recorded // MICROSECONDS
    early = moment < seconds - settings.pair_horizon
    late = moment > seconds + settings.horizon
    counts: Flags = (recorded == NO_TIME) | ~(early | late)
    return counts


def _winners(
    settings: LabelSettings, ranks: Ints, candidates: Sequence[_Candidates], n: int
) -> Any:
    """Return the label of each event: the one recorded last, then the one that stands last.

    Of labels recorded at the same time one from elsewhere than its event corrects one from the
    event's own partition; between other partitions their names decide.
    """
    missing: Any = np.nan if settings.numeric else MISSING
    chosen = np.full(n, missing, np.float64 if settings.numeric else np.uint16)
    event = np.concatenate([c.event for c in candidates])
    order = np.lexsort(
        [
            np.concatenate([c.place for c in candidates]),
            ranks[np.concatenate([c.origin for c in candidates])],
            np.concatenate([c.away for c in candidates]),
            np.concatenate([c.recorded for c in candidates]),
            event,
        ]
    )
    # Of several assignments to one place the last one stays.
    chosen[event[order]] = np.concatenate([c.value for c in candidates])[order]
    return chosen
