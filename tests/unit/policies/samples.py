"""Rules, policies and signals for tests of the engine, and a virtual sequence of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from policies.alerts import Cause, Judged, alerts
from policies.effective import Policy, Rule
from policies.engine import Evaluation, evaluate
from policies.memory import Memory
from policies.model import (
    Alert,
    Coverage,
    Signal,
    SignalStatus,
    Subject,
    Threshold,
    Window,
    measured,
    unmeasured,
)

DAY = 86_400
RACE = {"attribute": "race"}
HISPANIC = {"attribute": "race", "group": "hispanic", "against": "white"}


def rule(**changes: Any) -> Rule:
    """Return a drift rule: warn above 0.1, breach above 0.2, 1 of 1, clears after 2."""
    made = Rule(
        id="DR-1",
        pack="test",
        principle="P7",
        also=(),
        title="Drift of a feature",
        signal="drift.psi",
        subjects=("feature",),
        threshold=Threshold(">", 0.1, 0.2),
        origin={"warn": "convention", "breach": "ours"},
        basis="A convention.",
        breach_severity="ticket",
        warn_severity="ticket",
        persistence=(1, 1),
        clear_after=2,
        inconclusive_after=7,
        likely_cause="a changed unit",
        action="ask the source",
        crosswalk=(),
    )
    return msgspec.structs.replace(made, **changes)


def fairness_rule(**changes: Any) -> Rule:
    """Return a gap rule on attributes: warn beyond 0.05, breach beyond 0.1, pages."""
    return rule(
        **{
            "id": "FA-1",
            "principle": "P2",
            "title": "Selection-rate gap between groups",
            "signal": "fairness.statistical_parity_difference",
            "subjects": ("attribute",),
            "threshold": Threshold("abs>", 0.05, 0.1),
            "breach_severity": "page",
            **changes,
        }
    )


def policy(*rules: Rule) -> Policy:
    return Policy(id="test", rules=rules, digest="sha256:0", text=b"{}")


def day(number: int, length: str = "1d") -> Window:
    return Window(number * DAY, (number + 1) * DAY, length)


def psi(low: float, high: float, feature: str = "income", **more: Any) -> Signal:
    return measured(
        "drift.psi", {"feature": feature}, (low + high) / 2, low, high, n=1000, method="m", **more
    )


def gap(low: float, high: float, subject: Subject | None = None, *, n: int = 150) -> Signal:
    name = "fairness.statistical_parity_difference"
    return measured(name, subject or RACE, (low + high) / 2, low, high, n=n, method="m")


def without(
    subject: Subject,
    status: SignalStatus = "insufficient_data",
    reason: str = "74 of 100 rows",
    *,
    name: str = "fairness.statistical_parity_difference",
) -> Signal:
    return unmeasured(name, subject, status, reason, n=74, method="m")


BREACH = (0.25, 0.35)
WARN = (0.12, 0.18)
OK = (0.02, 0.08)
UNDECIDED = (0.05, 0.15)
"""Intervals of `drift.psi` in each state of `rule()`."""


class Watch:
    """A system judged window after window: memory and alerts are carried from one to the next."""

    def __init__(self, *rules: Rule, system: str = "loan") -> None:
        self.policy = policy(*rules)
        self.system = system
        self.memory: dict[str, Memory] = {}
        self.standing: dict[str, Cause] = {}

    def judge(
        self,
        number: int,
        *signals: Signal,
        hidden: Sequence[Signal] = (),
        coverage: Coverage | None = None,
        longest: bool = True,
        window: Window | None = None,
        version: str = "v1",
    ) -> Evaluation:
        """Judge day `number` and keep what it leaves behind."""
        evaluation = evaluate(
            self.policy,
            model_version=version,
            window=window or day(number),
            signals=signals,
            coverage=coverage or Coverage(events=1000),
            memory=self.memory,
            longest=longest,
            hidden=hidden,
        )
        self.memory |= evaluation.memory
        return evaluation

    def alert(self, number: int, *signals: Signal, **how: Any) -> list[Alert]:
        """Judge day `number` and return the alerts that it sends."""
        found = self.judge(number, *signals, **how)
        judged = Judged(
            model_version=how.get("version", "v1"), findings=found.findings, signals=signals
        )
        folded = alerts([judged], self.standing, system=self.system, policy=self.policy)
        for key, cause in folded.changed.items():
            if cause is None:
                del self.standing[key]
            else:
                self.standing[key] = cause
        return list(folded.alerts)


def told(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Return `(action, kind, severity)` of the findings."""
    return [(f.action, f.kind, f.severity) for f in evaluation.findings]


def states(evaluation: Evaluation) -> list[tuple[str, Subject, str, str | None]]:
    """Return `(rule, subject, state, reason)` of the verdicts."""
    return [(v.rule, v.subject, v.state, v.reason) for v in evaluation.verdicts]
