"""What the agent's own metrics and its log tell of batches, states and reports."""

from __future__ import annotations

from collections.abc import Set

import structlog

from agent.absorb import Absorbed
from agent.joins import joins
from agent.labels.kinds import LABELS
from agent.labels.room import Room
from agent.labels.sample import unclosed
from agent.plan import Plan
from agent.running import LOG_NAME, Input, Running
from agent.state import SystemState, source_of
from agent.watermark import MICROSECONDS
from exporters.agent_metrics import AgentMetrics
from policies.model import Report

_log = structlog.get_logger(LOG_NAME)


def count(metrics: AgentMetrics, source: Input, absorbed: Absorbed) -> None:
    """Count what a batch did."""
    system = source.system
    metrics.events(source.source, absorbed.events)
    metrics.queued(source.source, source.channel.queued())
    for name, amount in (
        (metrics.late, absorbed.late),
        (metrics.duplicates, absorbed.duplicates),
        (metrics.conflicts, absorbed.conflicts),
    ):
        if amount:
            name(system, amount)
    for reason, amount in absorbed.rejected.items():
        metrics.rejected(source.source, reason, amount)
    if absorbed.anew:
        metrics.read_anew(source.source)
    metrics.labels(system, absorbed.labels.outcomes)
    if absorbed.labels.delays:
        metrics.label_delays(system, absorbed.labels.delays)
    metrics.reviews(system, absorbed.reviews.outcomes)


def gauge(metrics: AgentMetrics, plan: Plan, state: SystemState, sources: Set[str]) -> None:
    """Tell how a system stands, which reads these sources."""
    if state.room is not None:
        _gauge_joins(metrics, plan, state, state.room)
    metrics.dedup(plan.system, len(state.dedup))
    read = (p for key, p in state.partitions.items() if source_of(key) in sources)
    newest = [p.newest for p in read if p.newest is not None]
    if newest:
        metrics.watermark(plan.system, min(newest) / MICROSECONDS)


def _gauge_joins(metrics: AgentMetrics, plan: Plan, state: SystemState, room: Room) -> None:
    for join in joins(plan, state):
        known = join.state
        count_settled, store = (
            (metrics.labels, metrics.label_store)
            if join.kind == LABELS
            else (metrics.reviews, metrics.review_store)
        )
        count_settled(plan.system, known.settled)
        known.settled.clear()
        sample = known.sample
        store(plan.system, rows=sample.rows + unclosed(sample), sampling=0.5**sample.cut)
    metrics.windows_waiting(plan.system, len(room.waiting))


def log_skipped(running: Running, state: SystemState) -> None:
    """Say when a hole in event time was too long to report each of its empty windows."""
    if state.skipped > running.skipped:
        _log.warning(
            "empty_windows_skipped",
            system=running.system,
            windows=state.skipped - running.skipped,
        )
        running.skipped = state.skipped


def log_window(report: Report) -> None:
    """Say that a window was reported."""
    states = [v.state for v in report.verdicts]
    _log.info(
        "window_closed",
        system=report.system,
        model_version=report.model_version,
        window=report.window.length,
        end=report.window.end,
        revision=report.revision,
        events=report.coverage.events,
        complete=report.coverage.complete,
        **{state: states.count(state) for state in sorted(set(states))},
    )
