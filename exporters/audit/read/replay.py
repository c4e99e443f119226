"""Judging again: do the logged signals, under the logged policy, give the logged verdicts?

Takes the records of all epochs in order.  What a verdict was made from is in the log.  Group values
that contract C8 withholds are sealed: without their key, verdicts on them cannot be computed again
and are told as `verdict_not_replayed`, never passed over.  Since when a silence lasts is taken as
it is told: it is watched between windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from exporters.audit import types
from exporters.audit.findings import Findings, Result
from exporters.audit.read.reports import BlobText, LoggedReport, Reports, name_of, policy_of
from exporters.audit.read.sealed import SUPPRESSED, Name, Seals, needs_no_value, unclear
from exporters.audit.seal import ReplayKey
from policies.effective import Policy
from policies.engine import ABSENT, evaluate, gate_from, not_any_more
from policies.memory import Memory, memory_key
from policies.model import Judging, Verdict, subject_text

_Place = tuple[str, str, str, int]
"""System, model version, window length, start."""


class Replay:
    """Collects windows and verdicts, and compares each report with what the engine says."""

    def __init__(
        self,
        findings: Findings,
        blob_text: BlobText,
        keys: Mapping[str, ReplayKey] | None = None,
    ) -> None:
        """Take the keys of seals by their id; None: none was given."""
        self._findings, self._blob_text = findings, blob_text
        self._seals = Seals(findings, keys)
        self._policies: dict[str, Policy | str] = {}
        self._memory: dict[str, dict[str, Memory]] = {}
        self._reports = Reports()
        self._waiting: dict[_Place, LoggedReport] = {}
        self._hidden: Counter[tuple[str, str, str]] = Counter()
        self.compared = 0

    @property
    def opened(self) -> int:
        """How many reports' sealed values were used."""
        return self._seals.opened

    def take(self, envelope: types.Envelope, data: Any, where: str) -> None:
        """Take the next record."""
        report = self._reports.take(envelope, data, where)
        if report is not None:
            self._judge(report)
        if types.record_name(envelope.type) == "policy.change":
            self._policies[data.system or ""] = policy_of(data, self._blob_text)

    def interrupt(self) -> None:
        """Go on after records that could not be read."""
        self._reports.interrupt()

    def conclude(self) -> None:
        """Say what could not be judged again."""
        report = self._reports.rest()
        if report is not None:
            self._judge(report)
        for (rule, length, why), count in sorted(self._hidden.items()):
            detail = f"{count} windows of {length}: {why}"
            self._findings.add("verdict_not_replayed", f"rule {rule}", detail, "UNKNOWN")

    def _judge(self, report: LoggedReport) -> None:
        if report.shortened:
            detail = "the signals were left out: the disk was full"
            self._findings.add("verdict_not_replayed", report.where, detail, "UNKNOWN")
            return
        policy = self._policies.get(report.system, self._policies.get("", "no policy was logged"))
        if isinstance(policy, str):
            self._findings.add("verdict_not_replayed", report.where, policy, "UNKNOWN")
            return
        judging = report.judging
        if judging is None and report.verdicts:
            detail = "which windows and labels its verdicts hang on is not in the log"
            self._findings.add("verdict_not_replayed", report.where, detail, "UNKNOWN")
            return
        judging = judging or Judging(longest=True)
        memory = self._memory.setdefault(report.system, {})
        withheld = self._seals.open(report.seals, report.signals)
        evaluation = evaluate(
            policy,
            model_version=report.version,
            window=report.window,
            signals=report.signals,
            hidden=withheld.signals,
            coverage=report.coverage,
            memory=memory,
            longest=judging.longest,
            labels=gate_from(judging.labels),
            reviews=gate_from(judging.reviews),
        )
        told = report.by_name()
        right = {name_of(v): v for v in evaluation.verdicts}
        stay = self._staying(report, judging, policy)
        watched = {rule.id for rule in policy.rules if rule.signal in judging.between}
        found = [
            _unless_before(one, told, report, memory)
            for one in _differences(told, right | stay, watched)
        ]
        hidden = unclear(report.signals, policy, withheld, sealed=bool(report.seals))
        clear = stay.keys() | {n for n in told.keys() & right.keys() if needs_no_value(right[n])}
        unsure = hidden.keys() - clear
        # However right it looks: no verdict is made from what stands for a withheld value.
        unseen = {n for n in right.keys() & unsure if _is_on_nothing(right[n])}
        unseen |= {one.name for one in found if one.name in unsure}
        taken = unseen | {n for n in told if n[0] in watched} | {d.name for d in found if d.since}
        memory.update(evaluation.memory)
        memory.update(_told_memory(report, taken, evaluation.memory))
        for rule, why in {(name[0], hidden[name]) for name in unseen}:
            self._hidden[rule, report.window.length, why] += 1
        self.compared += sum(name not in unseen for name in told)
        for one in found:
            if one.name not in unseen:
                result: Result = "UNKNOWN" if one.code == "verdict_not_replayed" else "FAIL"
                self._findings.add(one.code, report.where, one.detail, result)

    def _staying(
        self, report: LoggedReport, judging: Judging, policy: Policy
    ) -> dict[Name, Verdict]:
        """Return the verdicts that a window judged again keeps from before."""
        gates = [g for g in map(gate_from, (judging.labels, judging.reviews)) if g is not None]
        if not gates:
            return {}
        place = (report.system, report.version, report.window.length, report.window.start)
        before = self._waiting.pop(place, None)
        if not all(gate.mature for gate in gates):
            self._waiting[place] = report
        if not any(gate.only for gate in gates):
            return {}
        awaited = frozenset[str]().union(*(gate.signals for gate in gates))
        others = {rule.id for rule in policy.rules if rule.signal not in awaited}
        if before is None:
            detail = "the verdicts that it keeps from its first judgement are not in this log"
            self._findings.add("verdict_not_replayed", report.where, detail, "UNKNOWN")
            before = report
        kept = {name: verdict for name, verdict in before.by_name().items() if name[0] in others}
        if report.coverage.complete or not before.coverage.complete:
            return kept
        return {n: not_any_more(v, report.coverage, report.window) for n, v in kept.items()}


def _told_memory(
    report: LoggedReport, names: set[Name], learnt: dict[str, Memory]
) -> dict[str, Memory]:
    """Return what is remembered of verdicts whose past the log does not show: what it says."""
    found = {}
    for verdict in report.verdicts:
        key = memory_key(
            verdict.rule, report.version, report.window.length, subject_text(verdict.subject)
        )
        if name_of(verdict) in names and key in learnt:
            found[key] = msgspec.structs.replace(
                learnt[key], state=verdict.state, since=verdict.since
            )
    return found


def _is_on_nothing(verdict: Verdict) -> bool:
    return (verdict.reason or "").startswith(SUPPRESSED)


def _unless_before(
    one: _Difference, told: dict[Name, Verdict], report: LoggedReport, memory: dict[str, Memory]
) -> _Difference:
    """Return the difference; unknown if the log told on of what may have begun before this log."""
    key = memory_key(one.name[0], report.version, report.window.length, one.name[1])
    logged = told.get(one.name)
    if one.code != "verdict_missing" or logged is None or key in memory:
        return one
    if not (logged.reason or "").startswith(ABSENT):
        return one
    detail = f"{one.name[0]} of {one.name[1]}: it stands from before the records that are here"
    return _Difference(one.name, "verdict_not_replayed", detail)


class _Difference(NamedTuple):
    """A verdict that the log and the engine tell otherwise; `since`: only since when."""

    name: Name
    code: str
    detail: str
    since: bool = False


def _differences(
    told: dict[Name, Verdict], right: dict[Name, Verdict], watched: set[str]
) -> list[_Difference]:
    """Return what differs, in the order of the verdicts' names.

    Of the rules `watched` it is not in the log since when a state has held.
    """
    found = []
    for name in sorted(told.keys() | right.keys()):
        logged, judged = told.get(name), right.get(name)
        what = f"{name[0]} of {name[1]}"
        if logged is None or judged is None:
            who = "the engine has a verdict, the log none"
            if logged is not None:
                who = "the log has a verdict, the engine none"
            found.append(_Difference(name, "verdict_missing", f"{what}: {who}"))
        # What a verdict names as its evidence is no part of the judgement.
        elif msgspec.structs.replace(logged, since=judged.since, evidence=None) != judged:
            detail = f"{what}: logged {_brief(logged)}, the signals give {_brief(judged)}"
            found.append(_Difference(name, "verdict_differs", detail))
        elif logged.since != judged.since and name[0] not in watched:
            # A state may have begun before this log, or in an epoch that is gone.
            detail = f"{what}: since {logged.since}, by this log since {judged.since}"
            found.append(_Difference(name, "verdict_not_replayed", detail, since=True))
    return found


def _brief(verdict: Verdict) -> str:
    because = "" if verdict.reason is None else f" ({verdict.reason})"
    limits = verdict.threshold
    limit = f"{limits.op} {limits.warn:g}/{limits.breach_text.split()[-1]}"
    return f"{verdict.state}{because} ({verdict.severity}) at {limit}"
