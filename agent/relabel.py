"""What labels add to a report: rows for signals, coverage, and when verdicts on them are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np

from agent.close import Due
from agent.labels.gather import Gathered, gather, labelled, outcome_rows
from agent.labels.ids import highest
from agent.labels.intake import UNJOINABLE
from agent.labels.rows import OutcomeRows
from agent.labels.sample import cut_of
from agent.labels.state import LabelState, Waiting
from agent.plan import Plan
from agent.signals.context import SignalContext
from agent.signals.disclosure import Signals
from agent.signals.table import label_based
from agent.state import SystemState
from agent.summary import Summary, decode, encode
from collectors.batch import Categorical
from policies.engine import LabelGate
from policies.model import ALL_VERSIONS, Coverage, Report, Window


@dataclass
class Look:
    """What was computed for windows that end together, for others of them to use.

    `measured` are whole windows, `again` the label-based signals of windows judged again.
    """

    measured: list[tuple[SignalContext, Signals]] = field(default_factory=list)
    again: list[tuple[SignalContext, Signals]] = field(default_factory=list)
    gathered: dict[Window, Gathered] = field(default_factory=dict)


class Held(NamedTuple):
    """What is kept of a window in waiting.  `summary` None: it was made by another layout."""

    summary: Summary | None
    unjoinable: int
    report: Report


def outcomes_of(plan: Plan, state: SystemState, due: Due, look: Look) -> OutcomeRows | None:
    """Return a window's events beside their labels, None where the system has no labels."""
    if plan.labels is None or state.labels is None:
        return None
    gathered = look.gathered.get(due.window)
    if gathered is None:
        # One at a time: windows that end together may be large.
        look.gathered.clear()
        gathered = gather(plan.labels, state.labels, due.window.start, due.window.end)
        look.gathered[due.window] = gathered
    version = None if due.version == ALL_VERSIONS else due.version
    return outcome_rows(state.labels, gathered, version=version, mature=due.mature)


def with_labels(
    coverage: Coverage,
    state: SystemState,
    due: Due,
    rows: OutcomeRows | None,
    unjoinable: int,
) -> Coverage:
    """Return the coverage with what is known of labels (contract C11); counts are the sample's."""
    labels = state.labels
    if rows is None or labels is None:
        return coverage
    known = labelled(rows)
    predictions = known.predictions + unjoinable * known.sampling
    orphans = coverage.orphans.label
    if due.version == ALL_VERSIONS:
        window = due.window
        cut = cut_of(labels.sample, window.start, window.end)
        orphans = labels.table.orphans(labels.number, window.start, window.end, highest(cut))
    return msgspec.structs.replace(
        coverage,
        labelled=known.labelled,
        label_coverage=known.labelled / predictions if predictions else None,
        sampling=known.sampling,
        orphans=msgspec.structs.replace(coverage.orphans, label=orphans),
    )


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
        mature=due.mature,
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
    """Keep what a window said on disk, until no label can change it any more."""
    labels = state.labels
    if labels is None:
        return
    key = (due.version, due.window.length, due.window.start)
    if due.mature:
        if key in labels.waiting:
            labels.release(key)
        return
    if summary is not None:
        parts = (encode(summary), summary.counts.get(UNJOINABLE, 0), msgspec.json.encode(report))
        body = msgspec.msgpack.encode(parts)
        labels.table.add("held", [(labels.number, *key, body)])


def held_of(plan: Plan, labels: LabelState, due: Due, waiting: Waiting) -> Held | None:
    """Return what is kept of a window in waiting."""
    body = labels.table.held(labels.number, (due.version, due.window.length, due.window.start))
    if body is None:
        return None
    summary, unjoinable, report = msgspec.msgpack.decode(body, type=tuple[bytes, int, bytes])
    return Held(
        None if waiting.lost else decode(plan.layout, summary),
        unjoinable,
        msgspec.json.decode(report, type=Report),
    )
