"""What labels and reviews add to a report: rows for signals, coverage, when verdicts are made."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np

from agent.close import Due
from agent.joins import Join, joins
from agent.labels.gather import Gathered, gather, labelled, outcome_rows
from agent.labels.ids import highest
from agent.labels.intake import UNJOINABLE
from agent.labels.kinds import LABELS, REVIEWS, Kind
from agent.labels.room import Room, Waiting
from agent.labels.rows import OutcomeRows
from agent.labels.sample import cut_of
from agent.labels.state import LabelState
from agent.plan import Plan
from agent.signals.context import SignalContext
from agent.signals.disclosure import Signals
from agent.signals.label_based import REVIEW_BASED
from agent.signals.table import label_based
from agent.state import SystemState
from agent.summary import Summary, decode, encode
from collectors.batch import Categorical
from policies.engine import LabelGate
from policies.model import ALL_VERSIONS, Coverage, Report, Window


@dataclass
class Look:
    """What was computed for windows that end together, for others of them to use.

    `measured` are whole windows, `again` the signals of windows judged again.
    """

    measured: list[tuple[SignalContext, Signals]] = field(default_factory=list)
    again: list[tuple[SignalContext, Signals]] = field(default_factory=list)
    gathered: dict[Kind, tuple[Window, Gathered]] = field(default_factory=dict)


class Joined(NamedTuple):
    """A window's events beside what was joined to them, of each kind; None: not of this kind."""

    labels: OutcomeRows | None = None
    reviews: OutcomeRows | None = None


class Held(NamedTuple):
    """What is kept of a window in waiting.  `summary` None: it was made by another layout."""

    summary: Summary | None
    unjoinable: int
    report: Report


def joined_of(
    plan: Plan, state: SystemState, due: Due, look: Look, kinds: Container[Kind] = (LABELS, REVIEWS)
) -> Joined:
    """Return a window's events beside their labels and reviews, of these kinds."""
    found = {j.kind: _rows_of(j, due, look) for j in joins(plan, state) if j.kind in kinds}
    return Joined(**found)


def _rows_of(join: Join, due: Due, look: Look) -> OutcomeRows:
    window, known = look.gathered.get(join.kind, (None, None))
    if known is None or window != due.window:
        # One at a time: windows that end together may be large.
        look.gathered.pop(join.kind, None)
        known = gather(join.settings, join.state, due.window.start, due.window.end)
        look.gathered[join.kind] = (due.window, known)
    version = None if due.version == ALL_VERSIONS else due.version
    return outcome_rows(join.state, known, version=version, mature=join.kind in due.mature)


def with_joined(
    coverage: Coverage, state: SystemState, due: Due, joined: Joined, unjoinable: int
) -> Coverage:
    """Return the coverage with what is known of labels (contract C11); counts are the sample's."""
    if joined.reviews is not None and state.reviews is not None:
        orphans = msgspec.structs.replace(
            coverage.orphans, review=_orphans(state.reviews, due, before=0)
        )
        sampling = joined.reviews.sampling
        coverage = msgspec.structs.replace(coverage, orphans=orphans, sampling=sampling)
    rows, labels = joined.labels, state.labels
    if rows is None or labels is None:
        return coverage
    known = labelled(rows)
    predictions = known.predictions + unjoinable * known.sampling
    sampling = known.sampling
    if state.reviews is not None:
        sampling = min(sampling, coverage.sampling)
    orphans = msgspec.structs.replace(
        coverage.orphans, label=_orphans(labels, due, before=coverage.orphans.label)
    )
    return msgspec.structs.replace(
        coverage,
        labelled=known.labelled,
        label_coverage=known.labelled / predictions if predictions else None,
        sampling=sampling,
        orphans=orphans,
    )


def _orphans(known: LabelState, due: Due, *, before: int) -> int:
    """Return the window's labels or reviews that no event came for; told of the pool alone."""
    if due.version != ALL_VERSIONS:
        return before
    window = due.window
    cut = cut_of(known.sample, window.start, window.end)
    return known.table.orphans(known.number, window.start, window.end, highest(cut))


def names_of(kinds: Container[Kind]) -> frozenset[str]:
    """Return the names of the signals that are made from what is joined, of these kinds."""
    labels = label_based() if LABELS in kinds else frozenset[str]()
    return labels | REVIEW_BASED if REVIEWS in kinds else labels


class Gates(NamedTuple):
    """When verdicts on what is joined are made in a window; None: like all others."""

    labels: LabelGate | None = None
    reviews: LabelGate | None = None


def gates_of(
    plan: Plan, due: Due, joined: Joined, coverage: Coverage, again: Container[Kind] | None = None
) -> Gates:
    """Return the gates of a window; `again`: it is judged again, for these kinds alone."""
    only = again is not None
    kinds: Container[Kind] = (LABELS, REVIEWS) if again is None else again
    labels = reviews = None
    if plan.labels is not None and LABELS in kinds:
        labels = gate_of(plan, due, joined.labels, coverage, only=only)
    if plan.reviews is not None and REVIEWS in kinds:
        reviews = LabelGate(
            signals=REVIEW_BASED,
            mature=REVIEWS in due.mature,
            coverage=None,
            needed=0.0,
            only=only,
        )
    return Gates(labels, reviews)


def gate_of(
    plan: Plan, due: Due, rows: OutcomeRows | None, coverage: Coverage, *, only: bool = False
) -> LabelGate | None:
    """Return when verdicts on labels are made in this window; None: like all others."""
    if plan.labels is None:
        return None
    share, of = coverage.label_coverage, "predictions"
    favourable = None if rows is None else _of_favourable(plan, rows)
    if rows is not None and plan.settings.label_observed == "favourable_only":
        # Of the others no outcome can ever become known.
        share, of, favourable = favourable, "favourable predictions", None
    return LabelGate(
        signals=label_based(),
        mature=LABELS in due.mature,
        coverage=share,
        needed=plan.labels.min_coverage,
        of=of,
        favourable=favourable,
        only=only,
    )


def _of_favourable(plan: Plan, rows: OutcomeRows) -> float | None:
    prediction, label = rows.prediction, rows.label
    if not isinstance(prediction, Categorical) or not isinstance(label, Categorical):
        return None
    codes = [i for i, text in enumerate(prediction.values) if text in plan.layout.favourable]
    chosen = np.isin(prediction.codes, codes)
    total = int(chosen.sum())
    return int((label.codes[chosen] >= 0).sum()) / total if total else None


def hold(state: SystemState, due: Due, summary: Summary | None, report: Report) -> None:
    """Keep what a window said on disk, until nothing joined can change it any more."""
    room = state.room
    if room is None:
        return
    key = (due.version, due.window.length, due.window.start)
    if due.final:
        if key in room.waiting:
            room.release(key)
        return
    if summary is not None:
        parts = (encode(summary), summary.counts.get(UNJOINABLE, 0), msgspec.json.encode(report))
        body = msgspec.msgpack.encode(parts)
        room.table.add("held", [(room.number, *key, body)])


def held_of(plan: Plan, room: Room, due: Due, waiting: Waiting) -> Held | None:
    """Return what is kept of a window in waiting."""
    body = room.table.held(room.number, (due.version, due.window.length, due.window.start))
    if body is None:
        return None
    summary, unjoinable, report = msgspec.msgpack.decode(body, type=tuple[bytes, int, bytes])
    return Held(
        None if waiting.lost else decode(plan.layout, summary),
        unjoinable,
        msgspec.json.decode(report, type=Report),
    )
