"""One system's pipeline: batches and the passing of time in, reports and alerts out.

`take`, `tick` and `finish` are deterministic in the state, the input and the `now` they are given:
the same input gives the same reports, however it is cut into batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import groupby

from agent.absorb import Absorbed, absorb, count_lost, joined, parts_of
from agent.awaited import Awaited
from agent.close import Due, due_at_end, due_by_time
from agent.evidence.cite import Found, cite
from agent.joins import joins
from agent.labels.intake import expire
from agent.plan import Plan
from agent.relabel import Look
from agent.report import coverage_of, fold_alerts, judge_window
from agent.retire import retire_versions
from agent.silence import is_due, minutes, watch
from agent.state import Source, SystemState, partition_key, source_of
from agent.summary import empty
from agent.watermark import Partition
from collectors.base import SourceStatus
from collectors.batch import EventBatch
from policies.model import Outgoing, Report

ASSIGNED_WITHIN = 60
"""Seconds after a start that windows wait for every source to tell what it reads.

A Kafka group gives the partitions of a member that was killed to another one after 45 by default.
Silence is looked at for the first time after as many.
"""


@dataclass
class Outcome:
    """What came of one step: outgoing items in order of emission."""

    items: list[Outgoing] = field(default_factory=list)
    absorbed: Absorbed | None = None
    closings: list[tuple[int, int]] = field(default_factory=list)
    """Begin and end of judging each of the reports, Unix nanoseconds: for traces only."""
    samples: list[Found] = field(default_factory=list)
    """Samples of the windows that were closed, where such are kept."""

    def reports(self) -> list[Report]:
        """Return the reports among the items."""
        return [item for item in self.items if isinstance(item, Report)]


def take(plan: Plan, state: SystemState, batch: EventBatch, now: float) -> Outcome:
    """Take a batch in and report the windows that this closes."""
    return _together(take_by_step(plan, state, batch, now))


def take_by_step(
    plan: Plan, state: SystemState, batch: EventBatch, now: float
) -> Iterator[Outcome]:
    """Do the same in steps, so that not all reports of a long batch are held at once.

    All steps are to be gone through.  The last one has `absorbed`.
    """
    done = []
    # A source that tells of no partitions at all is one that is read, too.
    state.awaited.told(batch.source)
    for part in parts_of(plan, state, batch, now):
        done.append(absorb(plan, state, part, now))
        yield from _tick(plan, state, now)
    yield Outcome(absorbed=joined(done))


def skim(plan: Plan, state: SystemState, batch: EventBatch, now: float) -> None:
    """Take a batch in and close windows without judging them, for what only `state.dedup` says."""
    for part in parts_of(plan, state, batch, now):
        absorb(plan, state, part, now)
        due_by_time(plan, state, now)


def tick(plan: Plan, state: SystemState, now: float) -> Outcome:
    """Report the windows that can close: by the partitions' progress, or because all are idle."""
    return _together(_tick(plan, state, now))


def finish(plan: Plan, state: SystemState, now: float) -> Outcome:
    """Report everything that is open: the input has ended."""
    return _together(finish_by_step(plan, state, now))


def finish_by_step(plan: Plan, state: SystemState, now: float) -> Iterator[Outcome]:
    """Do the same in steps, which are all to be gone through."""
    return _report(plan, state, due_at_end(plan, state, now), now)


def expect(state: SystemState, sources: Set[str], now: float) -> None:
    """Begin anew: these sources are about to be read, and what they read is not known yet.

    No window closes until each of them has told it or has ended, for `ASSIGNED_WITHIN` at most.
    """
    state.awaited = Awaited.of(sources, now + ASSIGNED_WITHIN)
    state.sources = {
        name: Source(total=known.total) for name, known in state.sources.items() if name in sources
    }
    for key, partition in state.partitions.items():
        if source_of(key) not in sources:
            # It is not configured any more; where it was read to counts again if it comes back.
            partition.caught_up = True


def observe_status(plan: Plan, state: SystemState, status: SourceStatus, now: float) -> None:
    """Take in what a collector tells about its partitions.

    Once it is back from being away, they have their idle time anew: who writes to them could not
    either, and tries again, and what comes of that must not be late.
    """
    before = state.sources.get(status.source, Source())
    is_back = before.away and status.connected
    state.sources[status.source] = Source(
        assigned=len(status.assigned), total=status.total, away=not status.connected
    )
    for name, records in status.lost.items():
        count_lost(plan, state, partition_key(status.source, name), records)
    for name in status.assigned:
        key = partition_key(status.source, name)
        partition = state.partitions.setdefault(key, Partition(active_at=now))
        partition.caught_up = name in status.caught_up
        if is_back:
            partition.active_at = now
    if status.assigned or (status.connected and status.total == 0):
        state.awaited.told(status.source)
    if 0 < status.total == len(status.assigned):
        for join in joins(plan, state):
            join.state.awaited.told(status.source)
    prefix = partition_key(status.source, "")
    for key, partition in state.partitions.items():
        if key.startswith(prefix) and key.removeprefix(prefix) not in status.assigned:
            # Somebody else reads it now; it must not hold this agent's windows open.
            partition.caught_up = True
    state.dirty.core = True


def _tick(plan: Plan, state: SystemState, now: float) -> Iterator[Outcome]:
    yield from _report(plan, state, due_by_time(plan, state, now), now)
    if is_due(state, now):
        coverage = coverage_of(plan, state, empty(plan.layout))
        shortest = plan.lengths[0]
        told = watch(plan.system, plan.policy, shortest, state, now, coverage)
        yield Outcome(items=[*told])


def _report(plan: Plan, state: SystemState, due: Sequence[Due], now: float) -> Iterator[Outcome]:
    """Report what is due; windows that end together share one look at what alerts stand."""
    silence = minutes(state, now)
    for end, together in groupby(due, key=lambda one: one.window.end):
        outcome = Outcome()
        look = Look()
        judged = []
        for one in together:
            began = time.time_ns()
            found = judge_window(plan, state, one, look, now, silence)
            if found is not None:
                judged.append(found)
                outcome.closings.append((began, time.time_ns()))
        reports = [one.told() for one in judged]
        alerts = fold_alerts(plan, state, [one.judged for one in judged])
        if state.reservoir is not None:
            reports, alerts, samples = cite(state.reservoir, reports, alerts)
            outcome.samples += samples
        outcome.items += reports
        outcome.items += alerts
        outcome.items += retire_versions(plan, state, end)
        yield outcome
    for join in joins(plan, state):
        expire(join.settings, join.state, join.state.matured_to)


def _together(steps: Iterable[Outcome]) -> Outcome:
    whole = Outcome()
    for step in steps:
        whole.items += step.items
        whole.closings += step.closings
        whole.samples += step.samples
        whole.absorbed = step.absorbed
    return whole
