"""Reports as a log holds them: the parts of a window and of its verdicts, put together again."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exporters.audit import seal, types
from exporters.audit.read.sealed import Name, Piece
from policies.effective import Policy, Rule
from policies.model import Coverage, Judging, Signal, Verdict, Window, subject_text

BlobText = Callable[[str], bytes | None]
"""Returns the text of the blob `sha256:<hex>`, None if it is not there."""


@dataclass(slots=True)
class LoggedReport:
    """A report of one window at one revision; `where` names its last record.

    `judging` None: the log does not say what its verdicts hang on, or no rule speaks of it.
    """

    system: str
    version: str
    window: Window
    revision: int
    final: bool
    coverage: Coverage
    where: str
    shortened: bool = False
    judging: Judging | None = None
    signals: list[Signal] = field(default_factory=list)
    seals: list[Piece] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def by_name(self) -> dict[Name, Verdict]:
        """Return the verdicts by rule and subject."""
        return {name_of(verdict): verdict for verdict in self.verdicts}


class Reports:
    """Puts reports together from records, given in the order of the log."""

    def __init__(self) -> None:
        self._open: LoggedReport | None = None

    def take(self, envelope: types.Envelope, data: Any, where: str) -> LoggedReport | None:
        """Take the next record; return the report that it completes, if it does."""
        if isinstance(data, types.WindowData):
            return self._window(envelope, data, where)
        if isinstance(data, types.VerdictsData):
            return self._verdicts(data, where)
        return None

    def interrupt(self) -> None:
        """Go on after records that could not be read."""
        self._open = None

    def rest(self) -> LoggedReport | None:
        """Return the report whose verdicts are not all there, at the end of the log."""
        return self._open if self._open is not None and self._open.verdicts else None

    def _window(
        self, envelope: types.Envelope, data: types.WindowData, where: str
    ) -> LoggedReport | None:
        before = None
        if data.part.i == 1:
            # What no verdict follows is a window that no rule speaks of.
            before, self._open = self._open, None
            if envelope.model is None:
                return before
            self._open = LoggedReport(
                envelope.model.name,
                envelope.model.version,
                Window(epoch(data.window.start), epoch(data.window.end), data.window.length),
                data.revision,
                data.final,
                _as(data.coverage, Coverage),
                where,
                bool(data.shortened),
            )
        if self._open is not None:
            self._open.signals += [_as(row, Signal) for row in data.signals]
            if data.sealed is not None:
                log = seal.log_of(envelope.source)
                self._open.seals.append(Piece(log, envelope.id, where, data.sealed))
        return before

    def _verdicts(self, data: types.VerdictsData, where: str) -> LoggedReport | None:
        report = self._open
        if report is None:
            return None
        report.where = where
        report.judging = None if data.judging is None else _as(data.judging, Judging)
        report.verdicts += [_verdict(row) for row in data.verdicts]
        if data.part.i < data.part.of:
            return None
        self._open = None
        return report


def policy_of(data: types.ChangeData, blob_text: BlobText) -> Policy | str:
    """Return the policy that a `policy.change` tells of, or why its text cannot be had."""
    text = None if data.blob is None else blob_text(data.blob)
    if text is None:
        return f"the text of policy {data.digest} is not there"
    if "sha256:" + hashlib.sha256(text).hexdigest() != data.digest:
        return f"the text of policy {data.digest} is another one"
    try:
        rules = msgspec.json.decode(text, type=_Text).rules
    except msgspec.MsgspecError as error:
        return f"policy {data.digest} cannot be read by this version: {error}"
    return Policy(id="", rules=rules, digest=data.digest, text=text)


def name_of(verdict: Verdict) -> Name:
    """Return what a verdict is of: its rule and its subject."""
    return verdict.rule, subject_text(verdict.subject)


def epoch(moment: str) -> int:
    """Return a moment of a record in epoch seconds."""
    return int(dt.datetime.fromisoformat(moment).timestamp())


class _Text(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]


def _verdict(row: types.VerdictData) -> Verdict:
    plain = msgspec.to_builtins(row)
    plain["since"] = epoch(row.since)
    return msgspec.convert(plain, Verdict)


def _as(row: Any, kind: Any) -> Any:
    return msgspec.convert(msgspec.to_builtins(row), kind)
