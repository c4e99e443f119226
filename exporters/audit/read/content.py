"""What records say about each other: ids, the signals a verdict judges, what is in force."""

from __future__ import annotations

import datetime as dt
from array import array
from functools import lru_cache
from typing import Any

import numpy as np

from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.read.alerts import AlertChecks
from exporters.audit.read.in_force import ForceChecks
from exporters.audit.read.texts import BlobProblem, TextChecks
from exporters.audit.record import alert_id, report_id
from exporters.audit.seen import short_hash
from policies.model import WINDOW_SECONDS, subject_text

_OWN_NAMES = ("log.genesis", "log.resume", "log.close", "log.gap", "log.key.rotate", "heartbeat")


class ContentChecks:
    """Takes the records of all epochs in order; `conclude` says what only the whole can show.

    Memory is 8 bytes per record, for the uniqueness of ids, and what alerts and notes name.
    """

    def __init__(self, findings: Findings, blob_problem: BlobProblem) -> None:
        self._findings = findings
        self._texts, self._force = TextChecks(findings, blob_problem), ForceChecks(findings)
        self._alerts = AlertChecks(findings)
        self._ids: array[int] = array("Q")
        self._places: list[tuple[int, str]] = []
        self._window: str | None = None
        self._window_lost = False
        self._signals: list[types.SignalData] | None = None
        self._part: tuple[tuple[object, ...], int, int] | None = None

    @property
    def records(self) -> int:
        """How many records were seen, readable or not."""
        return len(self._ids)

    def begin(self, epoch: str) -> None:
        """Go on with another epoch."""
        self._places.append((len(self._ids), epoch))

    def take(self, envelope: types.Envelope, data: Any, where: str) -> None:
        """Check a record against those before it."""
        self._ids.append(short_hash(envelope.id))
        name = types.record_name(envelope.type)
        expected = expected_id(name, envelope, data)
        if expected is not None and envelope.id != expected:
            detail = f"the id is {envelope.id}, its content gives {expected}"
            self._findings.add("id_mismatch", where, detail)
        if isinstance(data, types.WindowData | types.VerdictsData | types.EvidenceData):
            self._span(data.window, where)
        if isinstance(data, types.WindowData | types.VerdictsData):
            self._parts(name, envelope, data, where)
        self._texts.take(name, data, where)
        self._force.take(name, envelope, data, where)
        self._alerts.take(name, envelope, data, where)
        if isinstance(data, types.WindowData):
            self._signals_of(envelope, data, where)
        elif isinstance(data, types.VerdictsData):
            self._verdicts(envelope, data, where)
        elif isinstance(data, types.GapData):
            self._findings.add("gap_recorded", where, data.reason, "UNKNOWN")

    def pass_over(self) -> None:
        """Count a record that cannot be read."""
        self._ids.append(short_hash(f"unreadable {len(self._ids)}"))

    def interrupt(self) -> None:
        """Count a record that cannot be read; what it said of windows and policies is unknown."""
        self.pass_over()
        self._window_lost = True
        self._signals = self._part = None
        self._force.interrupt()
        self._alerts.interrupt()

    def conclude(self) -> None:
        """Look for ids that occur twice, and for what no later record has brought."""
        self._texts.conclude()
        self._alerts.conclude()
        if self._part is not None:
            _, part, of = self._part
            detail = f"the log ends after part {part} of {of}; the agent brings the rest, if killed"
            self._findings.add("part_awaited", "the end of the log", detail, "UNKNOWN")
        ids = np.frombuffer(self._ids, dtype=np.uint64)
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        for at in np.flatnonzero(ordered[1:] == ordered[:-1]):
            first, second = self._name_place(int(order[at])), self._name_place(int(order[at + 1]))
            self._findings.add("duplicate_id", second, f"{first} has the same id")

    def _span(self, window: types.Span, where: str) -> None:
        problem = _span_problem(window.start, window.end, window.length)
        if problem is not None:
            self._findings.add("window_span", where, problem)

    def _parts(
        self,
        name: str,
        envelope: types.Envelope,
        data: types.WindowData | types.VerdictsData,
        where: str,
    ) -> None:
        """Check that a record in parts is followed by its next part, reports between them aside."""
        about = (name, envelope.model, data.window, data.revision)
        before, self._part = self._part, None
        part = data.part
        due = (about, part.i - 1, part.of)
        if before != due and (before is not None or part.i > 1) and not self._window_lost:
            detail = f"part {part.i} of {part.of} does not follow the part before it"
            self._findings.add("part_missing", where, detail)
        if part.i < part.of:
            self._part = (about, part.i, part.of)

    def _signals_of(self, envelope: types.Envelope, data: types.WindowData, where: str) -> None:
        """Remember the signals of a window, all its parts; None: they are not all here."""
        if data.part.i == 1:
            self._window, self._window_lost = envelope.id, False
            self._signals = None if data.shortened else []
        if data.shortened:
            detail = "the signals were left out: the disk was full"
            self._findings.add("gap_recorded", where, detail, "UNKNOWN")
        if self._signals is not None:
            self._signals += data.signals

    def _verdicts(self, envelope: types.Envelope, data: types.VerdictsData, where: str) -> None:
        follows = envelope.corr.window is not None and envelope.corr.window == self._window
        if not follows and not self._window_lost:
            detail = f"window record {envelope.corr.window} does not come before it"
            self._findings.add("window_unknown", where, detail)
        if not follows or self._signals is None:
            return
        there = {_pointer(signal) for signal in self._signals}
        for verdict in data.verdicts:
            for signal in verdict.because:
                if _pointer(signal) not in there:
                    detail = f"{verdict.rule} names {signal.name} of {subject_text(signal.subject)}"
                    detail += ", which its window does not have"
                    self._findings.add("signal_unknown", where, detail)

    def _name_place(self, number: int) -> str:
        start, epoch = next(p for p in reversed(self._places) if p[0] <= number)
        return f"{epoch}, {number - start + 1}. record"


def _pointer(signal: types.SignalData | types.BecauseData) -> tuple[str, frozenset[Any]]:
    return signal.name, frozenset(signal.subject.items())


@lru_cache(maxsize=1024)
def _span_problem(start: str, end: str, length: str) -> str | None:
    """Say why there is no such window (contract C2), None if there is one."""
    seconds = WINDOW_SECONDS.get(length)
    if seconds is None:
        return f"no window is {length} long"
    begins, ends = (int(dt.datetime.fromisoformat(m).timestamp()) for m in (start, end))
    if ends - begins != seconds:
        return f"it is called a window of {length} and is {ends - begins} s long"
    if begins % seconds:
        return f"no window of {length} starts at {start}"
    return None


def expected_id(name: str, envelope: types.Envelope, data: Any) -> str | None:
    """Return the id that follows from a record's content, None if it was chosen freely."""
    if isinstance(data, types.WindowData | types.VerdictsData):
        if envelope.model is None:
            return ""
        model = envelope.model
        return report_id(model.name, model.version, data.window, data.revision, name, data.part.i)
    if isinstance(data, types.AlertData):
        return alert_id(name, data)
    return f"{envelope.bootid}-{envelope.seq}" if name in _OWN_NAMES else None
