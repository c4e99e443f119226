"""After a start: which sources are waited for, and which have to wait for them (ADR 36)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from agent.joins import joins
from agent.plan import Plan
from agent.running import LOG_NAME, Input, Running
from agent.state import SystemState
from agent.system import expect

_log = structlog.get_logger(LOG_NAME)


def begin(
    running: Running, plan: Plan, state: SystemState, inputs: Sequence[Input], now: float
) -> None:
    """Wait, from now on and not for ever, for what a system's sources have to tell."""
    expect(state, running.sources, now)
    for source in running.ended:
        state.awaited.told(source)
    for join in joins(plan, state):
        own = (i for i in inputs if i.system == running.system)
        join.state.expect({i.source for i in own if i.alone == join.kind}, now)


def is_early(
    running: Running, source: Input, inputs: Sequence[Input], now: Callable[[], float]
) -> bool:
    """Tell whether a source has to wait for the others of its system.

    One without events until the schema of the events is known, or their sources have all ended.
    Then every source that has told what it reads until all have, so that what is read meanwhile
    waits in the channels, which are bounded, and not in open panes.
    """
    if running.state is not None:
        awaited = running.state.awaited
        if not awaited.sources or source.source in awaited.sources:
            return False
        return awaited.holds(now())
    if source.alone is None:
        return False
    alone = {i.source for i in inputs if i.system == source.system and i.alone}
    return not running.ended >= running.sources - alone


def give_up(system: str, state: SystemState, now: float) -> None:
    """Say which sources have not told within their time what they read, and wait no longer."""
    awaited = state.awaited
    if awaited.sources and not awaited.holds(now):
        _log.warning("sources_not_assigned", system=system, sources=sorted(awaited.sources))
        awaited.sources.clear()
