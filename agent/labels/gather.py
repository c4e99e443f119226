"""The events of a window beside their labels, out of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, overload

import numpy as np

from agent.labels.ids import highest
from agent.labels.kinds import REVIEWS
from agent.labels.rows import OutcomeRows
from agent.labels.sample import cut_of
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState
from agent.labels.table import Row
from agent.labels.texts import MISSING, Small
from agent.labels.wire import NO_TIME, Records, formats, joined
from collectors.batch import Categorical, Flags, Floats, Ints

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Gathered:
    """A window's sampled events of all versions, each with the label that holds.

    `version` holds codes of the system's texts.  The rows stand in an order made of their content.
    """

    version: Small
    rows: OutcomeRows


class Labelled(NamedTuple):
    """How far a window's predictions have labels: counts of the sample."""

    predictions: int
    labelled: int
    sampling: float


_Columns = dict[str, Any]
"""Columns of one length: `version`, `prediction`, `score`, `label` and one per attribute."""


def gather(settings: LabelSettings, state: LabelState, start: int, end: int) -> Gathered:
    """Read a window's rows; which label holds does not depend on the order in which they came.

    A million rows of a classification with two attributes take 18 MB.
    """
    cut = cut_of(state.sample, start, end)
    ranks = _origin_ranks(state)
    top = highest(cut)
    most = state.table.rows_of(state.number, start, end, top)
    # Filled in place: pieces put together at the end would be there twice.
    columns = _columns(settings, most)
    n = 0
    for chunk in _whole_events(state.table.window(state.number, start, end, top)):
        body, label, unnamed = _resolve(settings, ranks, chunk)
        place = slice(n, n + len(body))
        for name in ("version", "prediction", "score"):
            columns[name][place] = body[name]
        columns["label"][place] = label
        if settings.kind == REVIEWS:
            columns["unnamed"][place] = unnamed
        for i in range(len(settings.attributes)):
            columns[_group(i)][place] = body["groups"][:, i]
        n = place.stop
    columns = {name: column[:n] for name, column in columns.items()}
    _decode(settings, state, columns)
    order = _order(settings, columns)
    for name, column in columns.items():
        columns[name] = _taken(column, order)
    version = columns.pop("version")
    return Gathered(
        version,
        OutcomeRows(
            n=len(version),
            prediction=columns["prediction"],
            label=columns["label"],
            score=columns["score"],
            groups={name: columns[_group(i)] for i, name in enumerate(settings.attributes)},
            sampling=0.5**cut,
            unnamed=columns.get("unnamed"),
        ),
    )


def outcome_rows(
    state: LabelState, gathered: Gathered, *, version: str | None, mature: bool
) -> OutcomeRows:
    """Return the rows of one model version (None: of all) in an order made of their content."""
    rows = gathered.rows
    if version is not None:
        chosen = gathered.version == state.texts.code(version)
        if not chosen.all():
            rows = _chosen(rows, chosen)
    return replace(rows, mature=mature)


def labelled(rows: OutcomeRows) -> Labelled:
    """Return how many of the rows have a label; each has a prediction."""
    label = rows.label
    known = label.codes >= 0 if isinstance(label, Categorical) else ~np.isnan(label)
    return Labelled(rows.n, int(known.sum()), rows.sampling)


def _columns(settings: LabelSettings, n: int) -> _Columns:
    """Return room for what is looked at of rows, each column by itself."""
    body = formats(len(settings.attributes), numeric=settings.numeric).body
    kinds = {name: body[name] for name in ("version", "prediction", "score")}
    kinds |= {"label": body["prediction"]}
    kinds |= {_group(i): body["version"] for i in range(len(settings.attributes))}
    if settings.kind == REVIEWS:
        kinds["unnamed"] = np.dtype(np.bool_)
    return {name: np.empty(n, kind) for name, kind in kinds.items()}


def _group(place: int) -> str:
    return f"group {place}"


def _decode(settings: LabelSettings, state: LabelState, columns: _Columns) -> None:
    """Put columns with their texts in the place of codes."""
    for i in range(len(settings.attributes)):
        columns[_group(i)] = state.texts.decode(columns[_group(i)])[0]
    if not settings.numeric:
        both = state.texts.decode(columns["prediction"], columns["label"])
        columns["prediction"], columns["label"] = both


def _order(settings: LabelSettings, columns: _Columns) -> Ints:
    """Return the places of the rows in order; equal ones are equal in everything but version."""
    groups = [_group(i) for i in range(len(settings.attributes))]
    keys = [columns[name] for name in (*groups, "score", "label", "prediction")]
    order: Ints = np.lexsort([k.codes if isinstance(k, Categorical) else k for k in keys])
    return order


def _chosen(rows: OutcomeRows, chosen: Flags) -> OutcomeRows:
    """Return some of the rows, their columns with the texts that these use."""
    groups = {name: _compact(_taken(g, chosen))[0] for name, g in rows.groups.items()}
    prediction, label = _taken(rows.prediction, chosen), _taken(rows.label, chosen)
    if isinstance(prediction, Categorical) and isinstance(label, Categorical):
        prediction, label = _compact(prediction, label)
    return replace(
        rows,
        n=int(chosen.sum()),
        prediction=prediction,
        label=label,
        score=rows.score[chosen],
        groups=groups,
        unnamed=None if rows.unnamed is None else rows.unnamed[chosen],
    )


def _compact(*columns: Categorical) -> tuple[Categorical, ...]:
    """Return columns that share their values without those that no row uses."""
    values = columns[0].values
    used = np.zeros(len(values) + 1, np.bool_)
    for column in columns:
        # The last place takes the rows without a value.
        used[np.unique(column.codes)] = True
    table = np.full(len(values) + 1, -1, columns[0].codes.dtype)
    kept = np.flatnonzero(used[:-1])
    table[kept] = np.arange(len(kept))
    texts = tuple(values[code] for code in kept.tolist())
    return tuple(Categorical(table[column.codes], texts) for column in columns)


@overload
def _taken(column: Categorical, rows: Any) -> Categorical: ...
@overload
def _taken(column: Categorical | Floats, rows: Any) -> Categorical | Floats: ...
def _taken(column: Categorical | Floats, rows: Any) -> Categorical | Floats:
    if isinstance(column, Categorical):
        return Categorical(column.codes[rows], column.values)
    numbers: Floats = column[rows]
    return numbers


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


def _resolve(
    settings: LabelSettings, ranks: Ints, rows: Sequence[Row]
) -> tuple[Records, Any, Flags]:
    """Return the bodies of a chunk's events, the label that holds of each, and its place's bit."""
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
    chosen, bit = _winners(settings, ranks, candidates, len(records))
    many = np.array(copies, np.int64)[at]
    if (many > 1).any():
        return np.repeat(records, many), np.repeat(chosen, many), np.repeat(bit, many)
    return records, chosen, bit


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
) -> tuple[Any, Flags]:
    """Return the label of each event: the one recorded last, then the one that stands last.

    With it the lowest bit of its place, which tells something of a review.

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
    bit = np.zeros(n, np.bool_)
    bit[event[order]] = (np.concatenate([c.place for c in candidates])[order] & 1).astype(np.bool_)
    return chosen, bit
