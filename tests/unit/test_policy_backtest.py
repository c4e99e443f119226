"""What of a log is judged again, what is taken from the new policy, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from agent.judged_again import EVERY_RULE, NO_SIGNALS, OF_ALERTS
from agent.policy_backtest import compare
from agent.signals.card import Inventory
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
    """Yield the records of reports, and of one of another system, without which more may follow."""
    number = 0
    for one in (*reports, msgspec.structs.replace(report(0), system="other")):
        for draft in drafts(one):
            yield read_record(seal(draft, AUTHOR, seq=number, time=0.0, mono=0))
            number += 1


def test_each_revision_counts_for_alerts_and_the_last_one_for_states() -> None:
    log = records(
        report(0, psi(0.5), final=False),
        report(0, psi(0.0), revision=1),
        report(1, psi(0.5), final=False),
        report(2, psi(0.5)),
    )
    compared = compare(log, {"loan": policy(rule())})
    assert (compared.windows, compared.not_final) == (3, 1)
    (states,) = compared.states
    assert states.new == {"breach": 2, "ok": 1}
    (row,) = compared.rows
    assert (row.rule, row.fired, row.would_fire) == ("DR-1", 0, 2)
    assert row.first == "1970-01-02T00:00:00Z"


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
    assert [(one.rule, one.window, one.windows) for one in compared.left_out] == [("FA-1", "1d", 1)]
    assert [states.rule for states in compared.states] == ["DR-1"]
    assert {row.would_fire for row in compared.rows if row.rule == "FA-1"} <= {None}


def exactly(name: str, value: float) -> Signal:
    return measured(name, {}, value, value, value, n=1, method="exact")


def test_waivers_and_oversight_are_those_of_the_new_policy_and_the_rest_is_as_logged() -> None:
    on_waivers = rule(id="AC-5", signal="governance.waiver_expired_days", subjects=("system",))
    on_card = rule(id="HO-5", signal="governance.oversight_shortfall", subjects=("system",))
    on_review = rule(id="AC-2", signal="governance.review_age_days", subjects=("system",))
    day = report(
        9,
        exactly("governance.waiver_expired_days", 0.0),
        exactly("governance.oversight_shortfall", 0.0),
        exactly("governance.review_age_days", 0.0),
    )
    compared = compare(
        records(day),
        {"loan": policy(on_waivers, on_card, on_review)},
        inventories={"loan": Inventory(waived_until=(DAY,), shortfall=1)},
    )
    new = {states.rule: states.new for states in compared.states}
    assert new == {"AC-5": {"breach": 1}, "HO-5": {"breach": 1}, "AC-2": {"ok": 1}}


def test_a_rule_on_the_alerts_that_stood_is_left_out_under_another_policy() -> None:
    on_alerts = rule(id="HO-2", signal="governance.oldest_finding_hours", subjects=("system",))
    found = exactly("governance.oldest_finding_hours", 9.0)
    compared = compare(records(report(0, found)), {"loan": policy(on_alerts)})
    assert compared.states == []
    assert [(one.rule, one.why) for one in compared.left_out] == [("HO-2", OF_ALERTS)]
    (row,) = compared.rows
    assert (row.fired, row.would_fire) == (0, None)


def test_a_window_whose_signals_were_left_out_of_the_log_is_counted_and_judges_nothing() -> None:
    log = records(report(0, psi(0.5)))
    short = ((e, msgspec.structs.replace(d, shortened=True, signals=[])) for e, d in log)
    compared = compare(short, {"loan": policy(rule())})
    assert (compared.windows, compared.rows) == (0, [])
    assert [(one.rule, one.windows, one.why) for one in compared.left_out] == [
        (EVERY_RULE, 1, NO_SIGNALS)
    ]


def test_an_empty_log_and_another_system_judge_nothing() -> None:
    assert compare(iter(()), {"loan": policy(rule())}).windows == 0
    assert compare(records(report(0, psi(0.5))), {"third": policy(rule())}).windows == 0
