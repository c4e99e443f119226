"""One system's logged past, judged by a policy as the running agent would have judged it.

Reports are taken in the order of the log, each revision of each window: memory, hysteresis, what
waits for labels and which windows share a look at the alerts are the agent's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from agent.heard import heard
from agent.retire import unseen
from agent.signals.card import Inventory
from agent.signals.inventory import of_packs
from agent.signals.label_based import REVIEW_BASED
from agent.signals.resolution import OLDEST, UNCORRECTED
from agent.signals.table import label_based
from agent.windows import LENGTHS
from exporters.audit.read.reports import LoggedReport, name_of
from exporters.audit.read.sealed import (
    NOT_SEALED,
    NOWHERE,
    Name,
    Seals,
    Withheld,
    needs_no_value,
    unclear,
)
from policies.alerts import Cause, Judged, alerts
from policies.effective import Policy
from policies.engine import PROVISIONAL, LabelGate, evaluate, gate_from
from policies.memory import Memory, version_of
from policies.model import ALL_VERSIONS, Alert, Judging, Signal, Verdict, Window
from policies.subjects import subject_from

BETWEEN = "alerts on it are raised between windows, too, and the log holds no values of then"
OF_ALERTS = "it judges the alerts that stood, and under another policy others would have"
NO_SIGNALS = "the signals were left out of the log: the disk was full"
NO_JUDGING = "the log does not say which windows and labels the verdicts hang on"

EVERY_RULE = "*"

_OF_ALERTS = frozenset({OLDEST, UNCORRECTED, "governance.open_without_owner"})

Place = tuple[str, str, int]
"""Model version, window length, start."""
Untold = tuple[str, str]
"""A rule and an attribute whose alerts cannot be told."""


@dataclass(slots=True)
class Outcome:
    """The states of a window's verdicts, logged and new, as its last revision has them.

    `left_out`: verdicts that are in neither, because they could not be made again.  `policy`: the
    digest of the logged policy, None where the log does not say.
    """

    final: bool = False
    complete: bool = True
    logged: dict[Name, str] = field(default_factory=dict)
    new: dict[Name, str] = field(default_factory=dict)
    left_out: frozenset[Name] = frozenset()
    policy: str | None = None


class _Turn(NamedTuple):
    """Where a report comes among those that end together (contract C4)."""

    seconds: int
    pooled: bool
    version: str


class JudgedAgain:
    """What a policy makes of a system's past.

    `raised`: the alerts, in order.  `windows`: what became of each.  `left_out` counts windows by
    rule, length and why they could not be judged by it; `untold` says of which causes it cannot be
    told whether they would have alerted, and why.
    """

    def __init__(
        self, system: str, policy: Policy, inventory: Inventory | None, seals: Seals
    ) -> None:
        """`inventory`: the card as the packs of `policy` see it; None: as it is logged."""
        self._system, self._policy = system, policy
        self._inventory, self._seals = inventory, seals
        self.raised: list[Alert] = []
        self.windows: dict[Place, Outcome] = {}
        self.left_out: Counter[tuple[str, str, str]] = Counter()
        self.untold: dict[Untold, str] = {}
        self._memory: dict[str, Memory] = {}
        self._causes: dict[str, Cause] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self._longest = ""
        self._together: list[Judged] = []
        self._end = 0
        self._turn: _Turn | None = None

    def take(self, report: LoggedReport, logged_policy: str | None) -> None:
        """Take the next report, which was judged by the policy of this digest."""
        turn = _turn(report)
        same_end = report.window.end == self._end
        if not same_end or (self._turn is not None and turn <= self._turn):
            self.settle()
        self._end, self._turn = report.window.end, turn
        why = _why_not(report)
        if why is not None:
            self.left_out[EVERY_RULE, report.window.length, why] += 1
            return
        self._judge(report, self._judging(report), logged_policy)

    def settle(self) -> None:
        """Look at what alerts stand: the windows that end together are all there."""
        if self._turn is None:
            return
        self._turn, judged, self._together = None, self._together, []
        folded = alerts(
            heard(judged, self._causes), self._causes, system=self._system, policy=self._policy
        )
        self.raised += [alert for alert in folded.alerts if alert.change == "raised"]
        for key, cause in folded.changed.items():
            if cause is None:
                self._causes.pop(key, None)
            else:
                self._causes[key] = cause
        self._forget(unseen(self._newest, self._longest, self._end) if self._longest else set())

    def _judging(self, report: LoggedReport) -> Judging:
        seen = max(report.window.length, self._longest or report.window.length, key=_seconds)
        judging = report.judging or Judging(longest=report.window.length == seen)
        if judging.longest:
            self._longest = report.window.length
        return judging

    def _judge(self, report: LoggedReport, judging: Judging, logged_policy: str | None) -> None:
        same_policy = logged_policy == self._policy.digest
        gates = _gates(judging)
        withheld = self._seals.open(report.seals, report.signals)
        evaluation = evaluate(
            self._policy,
            model_version=report.version,
            window=report.window,
            signals=report.signals if same_policy else self._signals(report),
            hidden=withheld.signals,
            coverage=report.coverage,
            memory=self._memory,
            longest=judging.longest,
            labels=gates.labels,
            reviews=gates.reviews,
        )
        self._memory.update(evaluation.memory)
        self._together.append(
            Judged(
                model_version=report.version,
                findings=evaluation.findings,
                signals=tuple(report.signals),
            )
        )
        newest = self._newest.get((report.version, report.window.length), 0)
        self._newest[report.version, report.window.length] = max(newest, report.window.end)
        unseen_ = self._unclear(report, withheld, evaluation.verdicts)
        if not same_policy:
            unseen_ |= _on_alerts(self._policy, evaluation.verdicts)
        self._leave_out(report.window, unseen_)
        self._watched(judging)
        outcome = self._compare(report, gates, evaluation.verdicts, unseen_)
        outcome.policy = logged_policy

    def _signals(self, report: LoggedReport) -> list[Signal]:
        """Return the signals with those replaced that hang on the packs themselves."""
        if self._inventory is None:
            return report.signals
        ours = of_packs(self._inventory, report.window)
        return [ours.get(signal.name, signal) for signal in report.signals]

    def _unclear(
        self, report: LoggedReport, withheld: Withheld, verdicts: Iterable[Verdict]
    ) -> dict[Name, str]:
        hidden = unclear(report.signals, self._policy, withheld, sealed=bool(report.seals))
        of_rules = {rule.id: rule.signal for rule in self._policy.rules}
        sealed = {signal.name for signal in withheld.signals}
        found = {}
        for verdict in verdicts:
            why = hidden.get(name_of(verdict))
            if why is None or needs_no_value(verdict):
                continue
            # What no rule of the logged policy judged was not sealed, and so is not in the log.
            unknown = why == NOWHERE and of_rules[verdict.rule] not in sealed
            found[name_of(verdict)] = NOT_SEALED if unknown else why
        return found

    def _leave_out(self, window: Window, unseen_: Mapping[Name, str]) -> None:
        for rule, why in {(rule, why) for (rule, _), why in unseen_.items()}:
            self.left_out[rule, window.length, why] += 1
        for (rule, subject), why in unseen_.items():
            self.untold[rule, subject_from(subject).get("attribute", "")] = why

    def _watched(self, judging: Judging) -> None:
        for rule in self._policy.rules:
            if rule.signal in judging.between:
                self.untold.setdefault((rule.id, ""), BETWEEN)

    def _compare(
        self,
        report: LoggedReport,
        gates: _Gates,
        verdicts: Iterable[Verdict],
        unseen_: Mapping[Name, str],
    ) -> Outcome:
        place = (report.version, report.window.length, report.window.start)
        before = self.windows.get(place)
        new = _states(verdicts, unseen_)
        left_out = frozenset(unseen_)
        held = [gate for gate in gates if gate is not None]
        if any(gate.only for gate in held):
            # A window judged again for what is joined to it keeps its other verdicts.
            signals = frozenset[str]().union(*(gate.signals for gate in held))
            awaited = {rule.id for rule in self._policy.rules if rule.signal in signals}
            kept = {} if before is None else before.new
            new |= {name: state for name, state in kept.items() if name[0] not in awaited}
            if before is not None:
                left_out |= {name for name in before.left_out if name[0] not in awaited}
            logged = _states(report.verdicts, left_out)
            if before is None:
                logged = {name: state for name, state in logged.items() if name[0] in awaited}
            elif before.complete and not report.coverage.complete:
                new |= {name: "not_assessable" for name in kept if name[0] not in awaited}
        else:
            logged = _states(report.verdicts, left_out)
        outcome = Outcome(report.final, report.coverage.complete, logged, new, left_out)
        self.windows[place] = outcome
        return outcome

    def _forget(self, versions: set[str]) -> None:
        """Forget model versions that are gone, as the agent does."""
        for place in [place for place in self._newest if place[0] in versions]:
            del self._newest[place]
        for key in [key for key in self._memory if version_of(key) in versions]:
            del self._memory[key]
        for key, cause in list(self._causes.items()):
            if cause.alert.labels["model_version"] in versions:
                del self._causes[key]


def _why_not(report: LoggedReport) -> str | None:
    if report.shortened:
        return NO_SIGNALS
    return NO_JUDGING if report.judging is None and report.verdicts else None


class _Gates(NamedTuple):
    """When verdicts on labels, and on human decisions that come later, are made in a window."""

    labels: LabelGate | None
    reviews: LabelGate | None


def _gates(judging: Judging) -> _Gates:
    """Return the gates for any policy: the log names the signals of its own rules alone."""
    return _Gates(
        _with(gate_from(judging.labels), label_based()),
        _with(gate_from(judging.reviews), REVIEW_BASED),
    )


def _with(gate: LabelGate | None, signals: frozenset[str]) -> LabelGate | None:
    return None if gate is None else msgspec.structs.replace(gate, signals=signals)


def _on_alerts(policy: Policy, verdicts: Iterable[Verdict]) -> dict[Name, str]:
    rules = {rule.id for rule in policy.rules if rule.signal in _OF_ALERTS}
    return {name_of(verdict): OF_ALERTS for verdict in verdicts if verdict.rule in rules}


def _states(verdicts: Iterable[Verdict], unseen_: Container[Name]) -> dict[Name, str]:
    """Return the states of the verdicts that are made, and that could be made."""
    return {
        name_of(verdict): verdict.state
        for verdict in verdicts
        if verdict.reason != PROVISIONAL and name_of(verdict) not in unseen_
    }


def _turn(report: LoggedReport) -> _Turn:
    pooled = report.version == ALL_VERSIONS
    return _Turn(_seconds(report.window.length), pooled, report.version)


def _seconds(length: str) -> int:
    return LENGTHS[length]
