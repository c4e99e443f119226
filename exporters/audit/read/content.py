"""What records say about each other: ids, the signals a verdict judges, the policy in force."""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.record import alert_id, report_id
from exporters.audit.seen import short_hash
from policies.model import WINDOW_SECONDS

BlobProblem = Callable[[str], str | None]
"""Says what is wrong with the blob of a digest: `missing`, `altered`, or None."""

_OWN_NAMES = ("log.genesis", "log.resume", "log.close", "log.gap", "log.key.rotate", "heartbeat")


class ContentChecks:
    """Takes the records of all epochs in order; `conclude` says what only the whole can show.

    Memory is 8 bytes per record, for the uniqueness of ids.
    """

    def __init__(self, findings: Findings, blob_problem: BlobProblem) -> None:
        self._findings, self._blob_problem = findings, blob_problem
        self._ids: array[int] = array("Q")
        self._places: list[tuple[int, str]] = []
        self._policies: dict[str, str] = {}
        self._window: str | None = None
        self._window_lost = self._policy_lost = False
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
        if isinstance(data, types.WindowData) and data.part.i == 1:
            self._window, self._window_lost = envelope.id, False
        elif isinstance(data, types.VerdictsData):
            self._verdicts(envelope, data, where)
        elif isinstance(data, types.ChangeData):
            self._change(name, data, where)
        elif isinstance(data, types.GapData):
            self._findings.add("gap_recorded", where, data.reason, "UNKNOWN")

    def pass_over(self) -> None:
        """Count a record that cannot be read."""
        self._ids.append(short_hash(f"unreadable {len(self._ids)}"))

    def interrupt(self) -> None:
        """Count a record that cannot be read; what it said of windows and policies is unknown."""
        self.pass_over()
        self._window_lost = self._policy_lost = True
        self._part = None

    def conclude(self) -> None:
        """Look for ids that occur twice."""
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

    def _verdicts(self, envelope: types.Envelope, data: types.VerdictsData, where: str) -> None:
        follows = envelope.corr.window is not None and envelope.corr.window == self._window
        if not follows and not self._window_lost:
            detail = f"window record {envelope.corr.window} does not come before it"
            self._findings.add("window_unknown", where, detail)
        system = envelope.model.name if envelope.model else ""
        if self._policy_lost:
            return
        in_force = {self._policies.get(system), self._policies.get("")} - {None}
        for policy in {verdict.policy for verdict in data.verdicts} - in_force:
            detail = f"{policy} is not the policy that was last put in force for {system}"
            self._findings.add("policy_unknown", where, detail)

    def _change(self, name: str, data: types.ChangeData, where: str) -> None:
        if name == "policy.change":
            self._policies[data.system or ""] = data.digest
            self._policy_lost = False
        if data.blob is None:
            return
        problem = self._blob_problem(data.blob)
        if problem is not None:
            self._findings.add(f"blob_{problem}", where, f"blobs/{data.blob[7:]} is {problem}")
        elif data.blob != data.digest:
            detail = f"blobs/{data.blob[7:]} is not the text of {data.digest}"
            self._findings.add("blob_altered", where, detail)

    def _name_place(self, number: int) -> str:
        start, epoch = next(p for p in reversed(self._places) if p[0] <= number)
        return f"{epoch}, {number - start + 1}. record"


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
