"""Do the two clocks of a run agree, and does time go on from run to run?

A step of the wall clock is no finding if the log tells of it, and tells what happened.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exporters.audit import types
from exporters.audit.findings import Findings

STEP_SECONDS = 2.5
"""A step of the wall clock above 2 s is told by the agent (`clock.step`); the rest is tolerance."""
DRIFT = 0.001
"""By how much a clock that is being slewed may run fast or slow."""
TOLD_WITHIN_SECONDS = 60.0


class _Read(NamedTuple):
    """Both clocks as a record gives them, in seconds."""

    mono: float
    wall: float


class _Step(NamedTuple):
    """A step that is not told yet: the record before it, and the first one after it."""

    before: _Read
    seen: _Read
    where: str


class _Behind(NamedTuple):
    """A run that begins before the end of the one before it, by so many seconds."""

    seconds: float
    where: str


class ClockChecks:
    """Takes the times of records in order; `begin` says that another run begins."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._started: float | None = None
        self._last: _Read | None = None
        self._step: _Step | None = None
        self._behind: _Behind | None = None
        self._records = 0
        self._excused = 0.0

    def interrupt(self) -> None:
        """Go on after records that could not be read."""
        self._last = self._step = self._behind = None

    def begin(self, mono: float, wall: float, where: str) -> None:
        """Go on with another run, whose monotonic clock may have begun anew."""
        if self._records > 1:
            # A run that was killed before its second record had no time to tell.
            self._say_behind()
        if self._behind is None and self._last is not None:
            behind = self._last.wall - wall
            self._behind = _Behind(behind, where) if behind > STEP_SECONDS else None
        self._started, self._last, self._step, self._records = mono, None, None, 0
        self._excused = 0.0

    def take(self, name: str, data: Any, mono: float, wall: float, where: str) -> None:
        """Check a record against those before it in its run."""
        now, last = _Read(mono, wall), self._last
        self._last = now
        self._records += 1
        if last is not None:
            self._compare(name, data, last, now, where)
        if self._behind is not None and self._started is not None:
            if isinstance(data, types.ClockData):
                if data.step_ms / 1000 <= STEP_SECONDS - self._behind.seconds:
                    self._behind = None
            elif mono - self._started > TOLD_WITHIN_SECONDS:
                self._say_behind()

    def conclude(self) -> None:
        """Say what is not told by the end of the log; a step just before it may still be."""
        if self._records > 1:
            self._say_behind()

    def _compare(self, name: str, data: Any, last: _Read, now: _Read, where: str) -> None:
        if now.mono < last.mono:
            detail = f"the monotonic clock goes back by {last.mono - now.mono:.3f} s"
            self._findings.add("clock_unexplained", where, detail)
        if isinstance(data, types.ClockData):
            before = last if self._step is None else self._step.before
            self._told(data.step_ms / 1000, before, now, where)
            self._step = None
        elif isinstance(data, types.GapData) and "clock.step" in data.counts:
            self._step, self._excused = None, now.mono + TOLD_WITHIN_SECONDS
        elif self._step is None and abs(_moved(last, now)) > _tolerance(last, now):
            self._step = _Step(last, now, where)
        step = self._step
        if step is not None and now.mono - step.seen.mono > TOLD_WITHIN_SECONDS:
            moved = _moved(step.before, step.seen)
            detail = f"the wall clock moved by {moved:.3f} s against the monotonic clock, untold"
            self._findings.add("clock_unexplained", step.where, detail)
            self._step = None

    def _told(self, told: float, before: _Read, now: _Read, where: str) -> None:
        moved, tolerance = _moved(before, now), _tolerance(before, now)
        started = now.mono if self._started is None else self._started
        # A step between the program's start and its first record shows in no record.
        unseen = abs(moved) <= tolerance and now.mono - started <= TOLD_WITHIN_SECONDS
        if abs(moved - told) > tolerance and not unseen and now.mono > self._excused:
            detail = f"it tells of a step by {told:.3f} s; the wall clock moved by {moved:.3f} s"
            self._findings.add("clock_unexplained", where, detail)

    def _say_behind(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            detail = f"it is {behind.seconds:.3f} s before the end of the run before it, untold"
            self._findings.add("clock_unexplained", behind.where, detail)


def _moved(before: _Read, now: _Read) -> float:
    """Return by how much the wall clock moved against the monotonic clock."""
    return (now.wall - before.wall) - (now.mono - before.mono)


def _tolerance(before: _Read, now: _Read) -> float:
    return STEP_SECONDS + DRIFT * max(0.0, now.mono - before.mono)
