"""Is anything left out?  What heartbeats, clocks and the order of windows show of that.

All of it can be written wrongly by whoever holds the log's key; it shows what was removed by
somebody who did not think of everything.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from exporters.audit import types
from exporters.audit.findings import Findings

STEP_SECONDS = 2.0
"""A step of the wall clock above this is told by the agent (`clock.step`)."""
DRIFT = 0.001
"""By how much a clock that is being slewed may run fast or slow."""
TOLD_WITHIN_SECONDS = 60.0
HEARTBEAT_TOLERANCE_SECONDS = 5.0

_OPENING = ("log.genesis", "log.resume", "log.close", "log.key.rotate", "log.gap", "log.expire")
_UNCOUNTED = ("log.close", "log.key.rotate", "log.expire", "log.gap")


@dataclass(slots=True)
class _Run:
    """One run of the program, as far as it was read; times in seconds."""

    bootid: str
    started: float
    mono: float
    wall: float
    beat: float | None = None
    records: int = 0
    reports: int = 0
    counted: bool = True
    step: tuple[float, float, str] | None = None


class ContinuityChecks:
    """Takes the records of all epochs in order.

    Of a clock step at the very end it says nothing: its record may be on its way.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._run: _Run | None = None
        self._interrupted = False
        self._ends: dict[tuple[str, str, str], str] = {}

    def interrupt(self) -> None:
        """Go on after records that could not be read: nothing can be said of what was there."""
        self._run = None
        self._ends.clear()
        self._interrupted = True

    def take(self, envelope: types.Envelope, data: Any, where: str) -> None:
        """Check a record against those before it."""
        name = types.record_name(envelope.type)
        mono = int(envelope.mono) / 1e9
        wall = dt.datetime.fromisoformat(envelope.time).timestamp()
        run = self._run
        if run is None or run.bootid != envelope.bootid:
            if run is not None and name not in _OPENING:
                detail = f"run {envelope.bootid} begins without saying that it resumes the log"
                self._findings.add("restart_untold", where, detail)
            run = self._run = _Run(envelope.bootid, mono, mono, wall)
            run.counted, self._interrupted = not self._interrupted, False
        self._clock(run, name, mono, wall, where)
        if isinstance(data, types.HeartbeatData):
            self._heartbeat(run, data, mono, where)
        run.records += 1
        run.counted &= name not in _UNCOUNTED
        if isinstance(data, types.WindowData):
            run.reports += data.part.i == 1
            if name == "window.signals" and data.part.i == 1:
                self._window(envelope, data, where)

    def _clock(self, run: _Run, name: str, mono: float, wall: float, where: str) -> None:
        passed = mono - run.mono
        stepped = wall - run.wall - passed
        if passed < 0:
            detail = f"the monotonic clock goes back by {-passed:.3f} s"
            self._findings.add("clock_unexplained", where, detail)
        if name == "clock.step":
            run.step = None
        elif run.step is None and abs(stepped) > STEP_SECONDS + 0.5 + DRIFT * passed:
            run.step = (mono, stepped, where)
        if run.step is not None and mono - run.step[0] > TOLD_WITHIN_SECONDS:
            _, step, place = run.step
            detail = f"the wall clock moved by {step:.3f} s against the monotonic clock, untold"
            self._findings.add("clock_unexplained", place, detail)
            run.step = None
        run.mono, run.wall = mono, wall

    def _heartbeat(self, run: _Run, data: types.HeartbeatData, mono: float, where: str) -> None:
        since = run.started if run.beat is None else run.beat
        late = mono - since - data.interval_seconds
        early = run.beat is not None and late < -HEARTBEAT_TOLERANCE_SECONDS
        if run.counted and (late > HEARTBEAT_TOLERANCE_SECONDS or early):
            detail = (
                f"it speaks of the last {data.interval_seconds:.0f} s, but {mono - since:.0f} s "
                "lie between it and the one before"
            )
            self._findings.add("heartbeat_missing", where, detail)
        elif run.counted:
            for what, told, there in (
                ("records", data.records, run.records),
                ("reports", data.reports, run.reports),
            ):
                if told != there:
                    detail = f"it counts {told} {what} since the one before; there are {there}"
                    self._findings.add("count_mismatch", where, detail)
        run.beat, run.records, run.reports, run.counted = mono, 0, 0, True

    def _window(self, envelope: types.Envelope, data: types.WindowData, where: str) -> None:
        if envelope.model is None:
            return
        window = data.window
        key = (envelope.model.name, envelope.model.version, window.length)
        end = self._ends.setdefault(key, window.start)
        # Every window has a report under "*"; a version has none where it saw no event.
        if envelope.model.version == "*" and window.start > end:
            detail = (
                f"no {window.length} window of {envelope.model.name} between {end} and "
                f"{window.start} is reported"
            )
            self._findings.add("window_missing", where, detail, "UNKNOWN")
        self._ends[key] = max(end, window.end)
