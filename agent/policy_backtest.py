"""What would have fired under another policy, by the signals that the audit log holds.

Each window is judged once, at its last final revision, in the order of time.  Values of groups are
in the log at one window length only (contract C8): rules on them are left out at other lengths.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from agent.windows import LENGTHS
from exporters.audit import types
from policies.alerts import Cause, Judged, alerts, cause_key
from policies.effective import Policy
from policies.engine import evaluate
from policies.memory import Memory
from policies.model import ALL_VERSIONS, Alert, Coverage, Signal, Window

ELSEWHERE = "published_at:"
"""How the reason of a signal begins whose value is published at another window length only."""


class Report(NamedTuple):
    """A logged window of one model version, at its last final revision."""

    system: str
    version: str
    window: Window
    coverage: Coverage
    signals: tuple[Signal, ...]
    states: Counter[tuple[str, str]]


class Row(NamedTuple):
    """One cause: how often it was raised in the log, and how often it would have been."""

    system: str
    alertname: str
    rule: str
    attribute: str
    model_version: str
    fired: int
    would_fire: int
    first: str | None


class States(NamedTuple):
    """How often a rule's verdicts were in a state, in the log and under the new policy."""

    system: str
    rule: str
    logged: dict[str, int]
    new: dict[str, int]


@dataclass(slots=True)
class Compared:
    """The outcome; `windows` judged, `not_final` left out, `hidden` (rule, length) left out."""

    rows: list[Row] = field(default_factory=list)
    states: list[States] = field(default_factory=list)
    windows: int = 0
    not_final: int = 0
    hidden: Counter[tuple[str, str]] = field(default_factory=Counter)
    old: dict[str, str] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)


def compare(
    records: Iterable[tuple[types.Envelope, Any]], policies: Mapping[str, Policy]
) -> Compared:
    """Judge the logged windows of the systems in `policies` by these, and compare with the log."""
    log = _Log()
    for envelope, data in records:
        log.take(envelope, data)
    compared = Compared(old=log.digests, not_final=log.open_windows())
    for system, policy in sorted(policies.items()):
        compared.new[system] = policy.digest
        _system(compared, log, system, policy)
    return compared


@dataclass(slots=True)
class _Collecting:
    envelope: types.Envelope
    data: types.WindowData
    signals: list[Signal]


class _Log:
    """What of the log counts: the last revision of each window, verdicts, alerts raised."""

    def __init__(self) -> None:
        self.reports: dict[tuple[str, str, str, int], tuple[Report, bool]] = {}
        self.raised: list[dict[str, str]] = []
        self.digests: dict[str, str] = {}
        self._window: _Collecting | None = None
        self._key: tuple[str, str, str, int] | None = None

    def take(self, envelope: types.Envelope, data: Any) -> None:
        if isinstance(data, types.WindowData):
            self._take_window(envelope, data)
        elif isinstance(data, types.VerdictsData) and self._key is not None:
            states = self.reports[self._key][0].states
            for verdict in data.verdicts:
                states[verdict.rule, verdict.state] += 1
        elif types.record_name(envelope.type) == "alert.raised":
            self.raised.append({**data.labels, "starts": data.starts})
        elif types.record_name(envelope.type) == "policy.change":
            self.digests[data.system or ""] = data.digest

    def open_windows(self) -> int:
        return sum(1 for _, final in self.reports.values() if not final)

    def _take_window(self, envelope: types.Envelope, data: types.WindowData) -> None:
        if data.part.i == 1:
            self._window = _Collecting(envelope, data, [])
        held = self._window
        if held is None or held.envelope.model is None:
            return
        held.signals += [msgspec.convert(msgspec.to_builtins(s), Signal) for s in data.signals]
        if data.part.i == data.part.of:
            model, span = held.envelope.model, held.data.window
            window = Window(_epoch(span.start), _epoch(span.end), span.length)
            coverage = msgspec.convert(msgspec.to_builtins(held.data.coverage), Coverage)
            self._key = (model.name, model.version, window.length, window.start)
            report = Report(
                model.name, model.version, window, coverage, tuple(held.signals), Counter()
            )
            self.reports[self._key] = (report, held.data.final)


def _system(compared: Compared, log: _Log, system: str, policy: Policy) -> None:
    reports = [r for r, final in log.reports.values() if final and r.system == system]
    reports.sort(key=_order)
    longest = max((r.window.length for r in reports), key=LENGTHS.__getitem__, default="")
    memory: dict[str, Memory] = {}
    standing: dict[str, Cause] = {}
    raised: list[Alert] = []
    new: Counter[tuple[str, str]] = Counter()
    logged: Counter[tuple[str, str]] = Counter()
    for together in _ending_together(reports):
        judged = []
        for report in together:
            hidden = _hidden_rules(report, policy)
            for rule in hidden:
                compared.hidden[rule, report.window.length] += 1
            evaluation = evaluate(
                msgspec.structs.replace(
                    policy, rules=tuple(r for r in policy.rules if r.id not in hidden)
                ),
                model_version=report.version,
                window=report.window,
                signals=report.signals,
                coverage=report.coverage,
                memory=memory,
                longest=report.window.length == longest,
            )
            memory.update(evaluation.memory)
            new.update((v.rule, v.state) for v in evaluation.verdicts)
            logged.update({key: n for key, n in report.states.items() if key[0] not in hidden})
            judged.append(
                Judged(
                    model_version=report.version,
                    findings=evaluation.findings,
                    signals=report.signals,
                )
            )
        raised += _fold(judged, standing, system, policy)
    compared.windows += len(reports)
    compared.rows += _rows(log, system, raised)
    for rule in sorted({key[0] for key in (*new, *logged)}):
        compared.states.append(States(system, rule, _of(logged, rule), _of(new, rule)))


def _fold(
    judged: list[Judged], standing: dict[str, Cause], system: str, policy: Policy
) -> list[Alert]:
    """Fold as the running agent does: one version that runs alone is spoken for by the pool."""
    versions = {one.model_version for one in judged} - {ALL_VERSIONS}
    known = {cause.alert.labels["model_version"] for cause in standing.values()}
    heard = [
        one
        for one in judged
        if one.model_version == ALL_VERSIONS or len(versions) > 1 or one.model_version in known
    ]
    folded = alerts(heard, standing, system=system, policy=policy)
    for key, cause in folded.changed.items():
        if cause is None:
            standing.pop(key, None)
        else:
            standing[key] = cause
    return [alert for alert in folded.alerts if alert.change == "raised"]


def _rows(log: _Log, system: str, raised: list[Alert]) -> Iterator[Row]:
    fired = Counter(cause_key(labels) for labels in log.raised if labels.get("system") == system)
    would = Counter(cause_key(alert.labels) for alert in raised)
    labels = {cause_key(one): one for one in log.raised}
    labels |= {cause_key(alert.labels): alert.labels for alert in raised}
    first = {cause_key(alert.labels): _text(alert.starts_at) for alert in reversed(raised)}
    for key in sorted(fired.keys() | would.keys()):
        one = labels[key]
        yield Row(
            system,
            one["alertname"],
            one["rule"],
            one["attribute"],
            one["model_version"],
            fired[key],
            would[key],
            first.get(key),
        )


def _hidden_rules(report: Report, policy: Policy) -> set[str]:
    names = {s.name for s in report.signals if (s.reason or "").startswith(ELSEWHERE)}
    return {rule.id for rule in policy.rules if rule.signal in names}


def _ending_together(reports: list[Report]) -> Iterator[list[Report]]:
    batch: list[Report] = []
    for report in reports:
        if batch and report.window.end != batch[0].window.end:
            yield batch
            batch = []
        batch.append(report)
    if batch:
        yield batch


def _order(report: Report) -> tuple[int, int, bool, str]:
    window = report.window
    pooled = report.version == ALL_VERSIONS
    return (window.end, LENGTHS[window.length], pooled, report.version)


def _of(counts: Counter[tuple[str, str]], rule: str) -> dict[str, int]:
    return {state: n for (name, state), n in sorted(counts.items()) if name == rule and n}


def _epoch(moment: str) -> int:
    return int(dt.datetime.fromisoformat(moment).timestamp())


def _text(epoch: int) -> str:
    return dt.datetime.fromtimestamp(epoch, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
