"""The wall clock, and what outlives its steps."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from agent import silence
from agent.clock import Clock
from agent.joins import joins
from agent.running import LOG_NAME, Running

_log = structlog.get_logger(LOG_NAME)

CLOCK_STEP = 1.0
"""Seconds by which the wall clock may part from the monotonic one before it counts as stepped."""


class WallClock:
    """Tells the wall clock's time, and moves what the systems measure by it when it is set."""

    def __init__(self, clock: Clock, systems: Sequence[Running]) -> None:
        self._clock, self._systems = clock, systems
        self._offset = clock.now() - clock.monotonic()

    def now(self) -> float:
        """Return the wall clock's time; how long a partition had no event outlives its steps."""
        now = self._clock.now()
        step = now - self._clock.monotonic() - self._offset
        if abs(step) > CLOCK_STEP:
            self._offset += step
            _log.warning("clock_stepped", seconds=round(step, 3))
            for running in self._systems:
                _shift(running, step)
        return now


def _shift(running: Running, step: float) -> None:
    for partition in running.state.partitions.values() if running.state else ():
        partition.active_at += step
    silence.shift(running.state or running.unopened, step)
    if running.plan is not None and running.state is not None:
        running.state.awaited.until += step
        for join in joins(running.plan, running.state):
            join.state.awaited.until += step
