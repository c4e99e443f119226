"""What of a log is judged again: each window once, at its last final revision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.policy_backtest import compare
from exporters.audit.record import Author, drafts, seal
from exporters.audit.types import Envelope
from exporters.audit.types import read as read_record
from policies.model import Coverage, Report, Signal, Window, measured, unmeasured
from tests.unit.policies.samples import fairness_rule, policy, rule

AUTHOR = Author("example.org/log", "boot", "1", "sha256:" + "0" * 64)
DAY = 86_400


def psi(value: float) -> Signal:
    return measured("drift.psi", {"feature": "x"}, value, value, value, n=500, method="m")


def report(day: int, *signals: Signal, revision: int = 0, final: bool = True) -> Report:
    return Report(
        system="loan",
        model_version="*",
        window=Window(day * DAY, (day + 1) * DAY, "1d"),
        revision=revision,
        final=final,
        coverage=Coverage(events=500),
        signals=signals,
        verdicts=(),
    )


def records(*reports: Report) -> Iterator[tuple[Envelope, Any]]:
    number = 0
    for one in reports:
        for draft in drafts(one):
            yield read_record(seal(draft, AUTHOR, seq=number, time=0.0, mono=0))
            number += 1


def test_only_final_windows_count_and_of_those_the_last_revision() -> None:
    log = records(
        report(0, psi(0.5), final=False),
        report(0, psi(0.0), revision=1),
        report(1, psi(0.5), final=False),
        report(2, psi(0.5)),
    )
    compared = compare(log, {"loan": policy(rule())})
    assert (compared.windows, compared.not_final) == (2, 1)
    (states,) = compared.states
    assert states.new == {"breach": 1, "ok": 1}
    (row,) = compared.rows
    assert (row.rule, row.fired, row.would_fire) == ("DR-1", 0, 1)
    assert row.first == "1970-01-04T00:00:00Z"


def test_rules_on_values_that_the_log_does_not_hold_are_left_out_and_counted() -> None:
    hidden = unmeasured(
        "fairness.statistical_parity_difference",
        {"attribute": "race"},
        "suppressed",
        "published_at:30d",
        n=None,
        method="m",
    )
    compared = compare(
        records(report(0, hidden, psi(0.0))), {"loan": policy(fairness_rule(), rule())}
    )
    assert compared.hidden == {("FA-1", "1d"): 1}
    assert [states.rule for states in compared.states] == ["DR-1"]


def test_an_empty_log_and_another_system_judge_nothing() -> None:
    assert compare(iter(()), {"loan": policy(rule())}).windows == 0
    assert compare(records(report(0, psi(0.5))), {"other": policy(rule())}).windows == 0
