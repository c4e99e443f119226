"""From a window's fold to its report: coverage, signals, verdicts; and from findings to alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from agent.close import Due
from agent.heard import heard
from agent.labels.intake import UNJOINABLE
from agent.labels.room import Waiting
from agent.plan import Plan
from agent.relabel import (
    Gates,
    Joined,
    Look,
    gates_of,
    held_of,
    hold,
    joined_of,
    names_of,
    with_joined,
)
from agent.signals.context import SignalContext
from agent.signals.disclosure import Signals
from agent.signals.resolution import OLDEST, UNCORRECTED
from agent.signals.table import compute
from agent.silence import NAME, fold
from agent.state import HISTORY, SystemState
from agent.summary import (
    CONFLICTS,
    DUPLICATES,
    EVENTS,
    LATE,
    LOST,
    REJECTED,
    REJECTED_LABELS,
    Summary,
    same,
)
from agent.waiting import open_findings, waiting
from policies.alerts import Judged
from policies.engine import evaluate, judging_of, not_any_more
from policies.model import (
    ALL_VERSIONS,
    Alert,
    Coverage,
    Partitions,
    Report,
    Signal,
    signal_order,
    unmeasured,
    verdict_order,
)

_OF_THE_SYSTEM = (NAME, OLDEST, UNCORRECTED)
"""Signals that say the same of each version, and so would alert once for each."""


class JudgedWindow(NamedTuple):
    """A report, and its findings for the alerts.

    `withheld` goes with the report to the audit log and is kept nowhere else.
    """

    report: Report
    judged: Judged
    withheld: tuple[Signal, ...] = ()

    def told(self) -> Report:
        """Return the report as it goes out, to be stripped for everybody but the audit log."""
        return msgspec.structs.replace(self.report, withheld=self.withheld)


def judge_window(
    plan: Plan,
    state: SystemState,
    due: Due,
    look: Look,
    now: float,
    silence: int | None = None,
) -> JudgedWindow | None:
    """Return the report of a window that is due, remembering what the next ones need.

    None for one that something joined has touched and that says the same as before.  `silence`:
    minutes without an event, see `agent.silence`.
    """
    key = (due.version, due.window.length)
    if due.summary is None:
        return judge_again(plan, state, due, look, now)
    history = state.history.get(key, [])
    joined = joined_of(plan, state, due, look)
    unjoinable = due.summary.counts.get(UNJOINABLE, 0)
    coverage = coverage_of(plan, state, due.summary)
    coverage = with_joined(coverage, state, due, joined, unjoinable)
    context = SignalContext(
        layout=plan.layout,
        summary=due.summary,
        reference=plan.reference,
        window=due.window,
        settings=plan.settings,
        history=tuple(history),
        outcomes=joined.labels,
        reviews=joined.reviews,
        silence=silence,
        open_findings=open_findings(state.causes),
        waiting=waiting(state.causes, reviews_later=plan.reviews is not None),
    )
    signals = _known(context, look.measured) or compute(context)
    look.measured.append((context, signals))
    if due.version != ALL_VERSIONS:
        signals = _of_one_version(signals)
    gates = gates_of(plan, due, joined, coverage)
    judged = _judged(plan, state, due, gates, coverage, signals)
    _remember(state, judged.report, history)
    hold(state, due, due.summary, judged.report)
    return judged


def judge_again(
    plan: Plan, state: SystemState, due: Due, look: Look, now: float
) -> JudgedWindow | None:
    """Return the report of a window in waiting by what is joined now; None: no change.

    What does not hang on it stays as it was said, and so does what was decided on a kind that has
    been mature: it was decided then, and has alerted.
    """
    room = state.room
    key = (due.version, due.window.length, due.window.start)
    if room is None or key not in room.waiting:
        return None
    waiting = room.waiting[key]
    held = held_of(plan, room, due, waiting)
    if held is None:
        raise RuntimeError(f"the window {key} in waiting is not in the store")
    names = names_of(waiting.awaits)
    before = held.report
    kept = [s for s in before.signals if s.name not in names]
    joined = Joined()
    if held.summary is None:
        coverage = msgspec.structs.replace(
            before.coverage, complete=False, incomplete_because="state_lost"
        )
        signals = Signals([s for s in before.signals if s.name in names], [])
    else:
        joined = joined_of(plan, state, due, look, waiting.awaits)
        coverage = with_joined(before.coverage, state, due, joined, held.unjoinable)
        context = SignalContext(
            layout=plan.layout,
            summary=held.summary,
            reference=plan.reference,
            window=due.window,
            settings=plan.settings,
            outcomes=joined.labels,
            reviews=joined.reviews,
        )
        signals = _known(context, look.again) or compute(context, names)
        look.again.append((context, signals))
    gates = gates_of(plan, due, joined, coverage, waiting.awaits)
    judged = _judged(plan, state, due, gates, coverage, signals)
    others = {rule.id for rule in plan.policy.rules if rule.signal not in names}
    said = [v for v in before.verdicts if v.rule in others]
    if before.coverage.complete and not coverage.complete:
        said = [not_any_more(v, coverage, due.window) for v in said]
    report = msgspec.structs.replace(
        judged.report,
        signals=tuple(sorted([*kept, *judged.report.signals], key=signal_order)),
        verdicts=tuple(
            sorted(
                [*said, *judged.report.verdicts],
                key=verdict_order,
            )
        ),
    )
    if not due.mature and _same_content(report, before):
        waiting.touched = False
        room.wait(key, waiting)
        return None
    if not due.final:
        left = tuple(kind for kind in waiting.awaits if kind not in due.mature)
        room.wait(key, Waiting(waiting.end, due.revision, now, lost=waiting.lost, awaits=left))
    hold(state, due, held.summary, report)
    newest = state.latest.get(key[:2])
    if newest is not None and newest.window == due.window:
        state.latest[key[:2]] = report
        state.dirty.latest.add(key[:2])
    return judged._replace(report=report)


def _same_content(report: Report, before: Report) -> bool:
    return (report.signals, report.verdicts, report.coverage) == (
        before.signals,
        before.verdicts,
        before.coverage,
    )


def _judged(
    plan: Plan,
    state: SystemState,
    due: Due,
    gates: Gates,
    coverage: Coverage,
    signals: Signals,
) -> JudgedWindow:
    longest = due.window.length == plan.lengths[-1]
    is_watched = due.version == ALL_VERSIONS and due.window.length == plan.lengths[0]
    evaluation = evaluate(
        plan.policy,
        model_version=due.version,
        window=due.window,
        signals=signals.published,
        hidden=signals.hidden,
        coverage=coverage,
        memory=state.memory,
        longest=longest,
        labels=gates.labels,
        reviews=gates.reviews,
    )
    report = Report(
        system=plan.system,
        model_version=due.version,
        window=due.window,
        revision=due.revision,
        final=due.final,
        coverage=coverage,
        signals=tuple(sorted(signals.published, key=signal_order)),
        verdicts=evaluation.verdicts,
        judging=judging_of(
            plan.policy,
            longest=longest,
            labels=gates.labels,
            reviews=gates.reviews,
            between=(NAME,) if is_watched else (),
        ),
    )
    state.memory.update(evaluation.memory)
    state.dirty.memory.update(evaluation.memory)
    findings = Judged(
        model_version=due.version, findings=evaluation.findings, signals=report.signals
    )
    of_rules = {rule.signal for rule in plan.policy.rules}
    withheld = sorted((s for s in signals.sealed if s.name in of_rules), key=signal_order)
    return JudgedWindow(report, findings, tuple(withheld))


def _known(
    context: SignalContext, measured: Sequence[tuple[SignalContext, Signals]]
) -> Signals | None:
    """Return the signals of an equal window: the pool's are those of a version that runs alone."""
    for other, signals in measured:
        if (
            other.window == context.window
            and other.history == context.history
            and (other.outcomes is None) == (context.outcomes is None)
            and (other.reviews is None) == (context.reviews is None)
            and same(other.summary, context.summary)
        ):
            return signals
    return None


def _of_one_version(signals: Signals) -> Signals:
    """Leave to the pool what is of the whole system: no version is silent when all are."""
    reason = f"published_at:{ALL_VERSIONS}"
    published = [
        unmeasured(s.name, {}, "insufficient_data", reason, n=s.n, method=s.method)
        if s.name in _OF_THE_SYSTEM and s.status == "ok"
        else s
        for s in signals.published
    ]
    return signals._replace(published=published)


def fold_alerts(plan: Plan, state: SystemState, judged: Sequence[Judged]) -> list[Alert]:
    """Return the alerts that change by these windows, which end together."""
    return fold(plan.system, plan.policy, state, heard(judged, state.causes))


def coverage_of(plan: Plan, state: SystemState, summary: Summary) -> Coverage:
    """Return how much of what happened in a window its report saw (contract C11)."""
    counts = summary.counts
    rejected = {
        name.removeprefix(REJECTED): amount
        for name, amount in sorted(counts.items())
        if name.startswith(REJECTED)
    }
    partitions = state.coverage_of_partitions()
    events, late = counts.get(EVENTS, 0), counts.get(LATE, 0)
    # A bad label takes no event from the window.
    lost = sum(rejected.values()) - counts.get(REJECTED_LABELS, 0)
    why = _incomplete(plan, state, events, late, lost, counts, partitions)
    return Coverage(
        events=events,
        duplicates=counts.get(DUPLICATES, 0),
        conflicts=counts.get(CONFLICTS, 0),
        late_dropped=late,
        rejected=rejected,
        partitions=partitions,
        complete=why is None,
        incomplete_because=why,
    )


def _incomplete(
    plan: Plan,
    state: SystemState,
    events: int,
    late: int,
    rejected: int,
    counts: dict[str, int],
    partitions: Partitions,
) -> str | None:
    """Return why a window's report cannot be relied on, or None."""
    received = events + counts.get(DUPLICATES, 0) + late + rejected
    if counts.get(LOST, 0):
        return "state_lost"
    if state.input_failed:
        return "input_failed"
    if partitions.assigned < partitions.total:
        return "partial_assignment"
    if state.degraded is not None:
        return state.degraded
    if rejected > plan.max_lost_share * received:
        return "rejected"
    if late > plan.max_lost_share * received:
        return "late"
    return None


def _remember(state: SystemState, report: Report, history: list[int]) -> None:
    key = (report.model_version, report.window.length)
    if report.revision == 0:
        # An incomplete window says nothing about the usual volume.
        if report.coverage.complete:
            state.history[key] = [*history, report.coverage.events][-HISTORY:]
        state.dirty.core = True
    newest = state.latest.get(key)
    if newest is None or report.window.end >= newest.window.end:
        state.latest[key] = report
        state.dirty.latest.add(key)
