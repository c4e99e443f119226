"""Is anything left out?  What heartbeats, restarts and the order of windows show of that.

All of it can be written wrongly by whoever holds the log's key; it shows what was removed by
somebody who did not think of everything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from exporters.audit import types
from exporters.audit.findings import Findings, Result
from exporters.audit.read.clocks import ClockChecks

HEARTBEAT_SECONDS = 60.0
"""How often a heartbeat comes, where no configuration in the log says otherwise."""
HEARTBEAT_TOLERANCE_SECONDS = 5.0
LATE_SECONDS = 30.0
"""How much later than due a heartbeat may come: so long the agent waits after a failure."""

_OPENING = ("log.genesis", "log.resume", "log.close", "log.key.rotate", "log.gap", "log.expire")
_UNCOUNTED = ("log.close", "log.key.rotate", "log.expire", "log.gap")

BlobText = Callable[[str], bytes | None]
"""Returns the text of the blob `sha256:<hex>`, None if it is not there."""


class _Found(NamedTuple):
    """What a heartbeat, or its absence, shows."""

    code: str
    where: str
    detail: str
    result: Result = "FAIL"


@dataclass(slots=True)
class _Run:
    """One run of the program in an epoch, as far as it was read; times in seconds.

    `counted`: all that was written since the last heartbeat is here.  `timed`: it was due when it
    always is.  `held`: findings that a record of left out heartbeats may still excuse.
    """

    bootid: str
    started: float
    mono: float
    where: str
    beat: float | None = None
    records: int = 0
    reports: int = 0
    alerts: int = 0
    counted: bool = True
    timed: bool = True
    stopped: bool = False
    held: list[_Found] = field(default_factory=list)

    @property
    def silent_since(self) -> float:
        return self.started if self.beat is None else self.beat


class ContinuityChecks:
    """Takes the records of all epochs in order; `conclude` says what the end leaves open.

    Of a clock step at the very end it says nothing: its record may be on its way.
    """

    def __init__(self, findings: Findings, blob_text: BlobText = lambda digest: None) -> None:
        self._findings, self._blob_text = findings, blob_text
        self._clocks = ClockChecks(findings)
        self._run: _Run | None = None
        self._interrupted = False
        self._interval = HEARTBEAT_SECONDS
        self._ends: dict[tuple[str, str, str], str] = {}
        self._running: str | None = None
        self._not_stopped: dict[str, str] = {}
        self._closed: str | None = None

    def interrupt(self) -> None:
        """Go on after records that could not be read: nothing can be said of what was there."""
        self._run = self._running = self._closed = None
        self._ends.clear()
        self._clocks.interrupt()
        self._interrupted = True

    def take(self, envelope: types.Envelope, data: Any, where: str) -> None:
        """Check a record against those before it."""
        name = types.record_name(envelope.type)
        mono = int(envelope.mono) / 1e9
        wall = dt.datetime.fromisoformat(envelope.time).timestamp()
        self._close(envelope, data, where)
        run = self._run
        if run is None or run.bootid != envelope.bootid:
            run = self._begin(name, envelope, data, where)
            self._clocks.begin(mono, wall, where)
        run.mono, run.where = mono, where
        self._clocks.take(name, data, mono, wall, where)
        self._starts_and_stops(run, envelope, data, where)
        if isinstance(data, types.HeartbeatData):
            self._heartbeat(run, data, where)
        elif isinstance(data, types.GapData) and "heartbeat" in data.counts:
            run.beat, run.timed = mono, False
            run.held.clear()
        elif name == "config.change":
            self._interval = self._configured(data)
        run.records += 1
        run.alerts += name.startswith("alert.")
        run.counted &= name not in _UNCOUNTED
        if isinstance(data, types.WindowData):
            run.reports += data.part.i == 1
            if name == "window.signals" and data.part.i == 1:
                self._window(envelope, data, where)

    def conclude(self) -> None:
        """Say what is still open at the end of the log."""
        if self._run is not None:
            self._silence(self._run, clean=False)
        for record_id, where in self._not_stopped.items():
            detail = f"the run before ended in order, it says, and there is no record {record_id}"
            self._findings.add("stop_missing", where, detail, "UNKNOWN")
        self._clocks.conclude()

    # Runs and epochs.

    def _begin(self, name: str, envelope: types.Envelope, data: Any, where: str) -> _Run:
        """Go on with another run, and say what the one before leaves open."""
        clean = isinstance(data, types.ResumeData) and data.clean
        if self._run is not None:
            if name not in _OPENING:
                detail = f"run {envelope.bootid} begins without saying that it resumes the log"
                self._findings.add("restart_untold", where, detail)
            self._silence(self._run, clean=clean)
        if isinstance(data, types.ResumeData):
            if clean and self._running is not None:
                self._not_stopped[f"agent.stop/{self._running}"] = where
            self._running = None
        mono = int(envelope.mono) / 1e9
        self._run = _Run(envelope.bootid, mono, mono, where)
        self._run.counted = self._run.timed = not self._interrupted
        self._interrupted = False
        return self._run

    def _starts_and_stops(self, run: _Run, envelope: types.Envelope, data: Any, where: str) -> None:
        program = envelope.bootid.partition(".")[0]
        if isinstance(data, types.StartData) and envelope.id == f"agent.start/{program}":
            self._running = program
        elif isinstance(data, types.StopData):
            # One that could not be written in its own run comes in the next.
            self._not_stopped.pop(envelope.id, None)
            if envelope.id == f"agent.stop/{program}":
                self._running, run.stopped = None, True
        elif isinstance(data, types.ResumeData) and data.size != envelope.seq:
            detail = f"it goes on after {data.size} records, it says; it is number {envelope.seq}"
            self._findings.add("count_mismatch", where, detail)

    def _close(self, envelope: types.Envelope, data: Any, where: str) -> None:
        """Check that nothing comes after the record that an epoch ends."""
        if self._closed == envelope.source:
            detail = "the record before it says that the epoch ends there"
            self._findings.add("record_after_close", where, detail)
        self._closed = None
        if isinstance(data, types.CloseData):
            self._closed = envelope.source
            if data.size != envelope.seq:
                detail = f"it ends {data.size} records, it says; it is number {envelope.seq}"
                self._findings.add("count_mismatch", where, detail)

    # Heartbeats.

    def _heartbeat(self, run: _Run, data: types.HeartbeatData, where: str) -> None:
        self._say_held(run)
        passed = run.mono - run.silent_since
        late = passed - data.interval_seconds
        early = run.beat is not None and late < -HEARTBEAT_TOLERANCE_SECONDS
        overdue = passed - self._interval
        if run.counted and (late > HEARTBEAT_TOLERANCE_SECONDS or early):
            detail = (
                f"it speaks of the last {data.interval_seconds:.0f} s, but {passed:.0f} s "
                "lie between it and the one before"
            )
            run.held.append(_Found("heartbeat_missing", where, detail))
        elif run.timed and overdue > self._allowed:
            detail = (
                f"it comes after {passed:.0f} s and is due after {self._interval:.0f} s: the agent "
                "stood still, or others were removed"
            )
            run.held.append(_Found("heartbeat_late", where, detail, "UNKNOWN"))
        if run.counted and not run.held:
            for what, told, there in (
                ("records", data.records, run.records),
                ("reports", data.reports, run.reports),
                ("alerts", data.alerts, run.alerts),
            ):
                if told != there:
                    detail = f"it counts {told} {what} since the one before; there are {there}"
                    self._findings.add("count_mismatch", where, detail)
        run.beat, run.records, run.reports, run.alerts = run.mono, 0, 0, 0
        run.counted = run.timed = True

    @property
    def _allowed(self) -> float:
        return max(LATE_SECONDS, self._interval / 2)

    def _silence(self, run: _Run, *, clean: bool) -> None:
        """Say that a run wrote records for longer than it can without a heartbeat.

        While there is little room heartbeats are left out, which a run that ends in order tells.
        """
        self._say_held(run)
        silent = run.mono - run.silent_since
        if not run.timed or silent - self._interval <= self._allowed:
            return
        detail = f"no heartbeat comes in the {silent:.0f} s before it"
        if clean or run.stopped:
            self._findings.add("heartbeat_missing", run.where, detail)
        else:
            self._findings.add("heartbeat_late", run.where, detail, "UNKNOWN")

    def _say_held(self, run: _Run) -> None:
        for found in run.held:
            self._findings.add(found.code, found.where, found.detail, found.result)
        run.held.clear()

    def _configured(self, data: types.ChangeData) -> float:
        """Return how often heartbeats come by a configuration, if its text says so."""
        text = None if data.blob is None else self._blob_text(data.blob)
        try:
            exporters = msgspec.json.decode(text or b"{}", type=_Config).exporters
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._interval
        told = [one.heartbeat for one in exporters if one.type == "audit"]
        return max(told, default=self._interval)

    # Windows.

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


class _Exporter(msgspec.Struct, frozen=True):
    type: str = ""
    heartbeat: float = HEARTBEAT_SECONDS


class _Config(msgspec.Struct, frozen=True):
    exporters: list[_Exporter] = []
