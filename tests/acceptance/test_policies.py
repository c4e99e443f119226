"""What people who rely on the ASEAN pack may expect, day by day, told as stories."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from policies.alerts import Cause, Judged, alerts
from policies.effective import effective
from policies.engine import evaluate
from policies.load import load_pack
from policies.memory import Memory
from policies.model import (
    Alert,
    Coverage,
    Signal,
    Subject,
    Verdict,
    Window,
    measured,
    unmeasured,
)
from policies.pack import Maturity, Oversight

HOUR, DAY = 3_600, 86_400
PARITY = "fairness.statistical_parity_difference"


class Bank:
    """A lender that judges one day after the other by the ASEAN pack, some of them by the hour."""

    def __init__(
        self, oversight: Oversight = "human_in_the_loop", maturity: Maturity = "baseline"
    ) -> None:
        pack = load_pack("asean-guide")
        self.policy = effective([pack], oversight=oversight, maturity=maturity)
        self.today = 0
        self.memory: dict[str, Memory] = {}
        self.standing: dict[str, Cause] = {}
        self.verdicts: tuple[Verdict, ...] = ()

    def day(self, *signals: Signal, coverage: Coverage | None = None) -> list[str]:
        """Live through one day; return what people are told, such as `raised page FA-1`."""
        window = Window(self.today * DAY, (self.today + 1) * DAY, "1d")
        self.today += 1
        return self._judge(window, signals, coverage or Coverage(events=1389))

    def hour(self, of_today: int, *signals: Signal) -> list[str]:
        """Live through one hour of the day that is to come."""
        start = self.today * DAY + of_today * HOUR
        return self._judge(Window(start, start + HOUR, "1h"), signals, Coverage(events=58))

    def _judge(self, window: Window, signals: tuple[Signal, ...], coverage: Coverage) -> list[str]:
        found = evaluate(
            self.policy,
            model_version="*",
            window=window,
            signals=signals,
            coverage=coverage,
            memory=self.memory,
            longest=window.length == "1d",
        )
        self.memory |= found.memory
        self.verdicts = found.verdicts
        judged = Judged(model_version="*", findings=found.findings, signals=signals)
        folded = alerts([judged], self.standing, system="loans", policy=self.policy)
        standing = {**self.standing, **folded.changed}
        self.standing = {key: cause for key, cause in standing.items() if cause is not None}
        return [_told(alert) for alert in folded.alerts]

    def state(self, rule: str, subject: Subject) -> str:
        """Return the state of a rule's verdict on a subject today."""
        (verdict,) = [v for v in self.verdicts if v.rule == rule and v.subject == subject]
        return verdict.state

    @property
    def open(self) -> list[str]:
        return sorted(
            f"{_severity(c.alert)} {c.alert.labels['rule']}" for c in self.standing.values()
        )


def _severity(alert: Alert) -> str:
    return alert.labels["severity"]


def _told(alert: Alert) -> str:
    return f"{alert.change} {_severity(alert)} {alert.labels['rule']}"


def parity(low: float, high: float, *, n: int = 139) -> Signal:
    return measured(PARITY, {"attribute": "race"}, (low + high) / 2, low, high, n=n, method="m")


def ratio(low: float, high: float) -> Signal:
    name = "fairness.disparate_impact_ratio"
    return measured(name, {"attribute": "race"}, (low + high) / 2, low, high, n=139, method="m")


def psi(low: float, high: float, *features: str) -> Iterable[Signal]:
    for name in features:
        value = (low + high) / 2
        yield measured("drift.psi", {"feature": name}, value, low, high, n=1389, method="m")


def count(name: str, value: float) -> Signal:
    return measured(name, {}, value, value, value, n=1389, method="exact")


def test_a_real_disparity_pages_once_and_is_closed_when_two_days_are_fair_again() -> None:
    bank = Bank()
    assert bank.day(parity(-0.35, -0.17)) == ["raised page FA-1"]
    assert bank.day(parity(-0.35, -0.17)) == ["updated page FA-1"]  # the window is another
    assert bank.day(parity(-0.02, 0.03)) == ["updated page FA-1"]
    assert bank.day(parity(-0.02, 0.03)) == ["closed page FA-1"]


def test_a_disparity_of_some_hours_is_closed_by_two_fair_days_and_by_no_undecided_ones() -> None:
    bank = Bank()
    unfair, unsure, fair = parity(-0.35, -0.17), parity(-0.2, 0.2, n=6), parity(-0.02, 0.03)
    told = [said for of_day in (20, 21, 22) for said in bank.hour(of_day, unfair)]
    assert told == ["raised page FA-1"]
    bank.day(parity(-0.06, 0.01))
    for _ in range(5):
        assert [said for of_day in range(24) for said in bank.hour(of_day, unsure)] == []
        assert bank.day(unsure) == []
    assert bank.open == ["page FA-1"]
    for _ in range(2):
        assert bank.hour(0, unsure) == []
        assert bank.day(fair) == []
    assert bank.hour(0, unsure) == ["closed page FA-1"]


def test_a_gap_that_could_be_chance_pages_nobody_and_does_not_read_as_fair() -> None:
    bank = Bank()
    assert bank.day(parity(-0.20, 0.04, n=101)) == []
    assert bank.state("FA-1", {"attribute": "race"}) == "not_assessable"


def test_a_gap_that_stays_undecided_for_a_week_becomes_a_ticket() -> None:
    bank = Bank()
    told = [bank.day(parity(-0.20, 0.04)) for _ in range(7)]
    assert told == [[]] * 6 + [["raised ticket FA-1"]]


def test_a_small_group_is_said_to_be_too_small_beside_the_page_for_a_large_one() -> None:
    bank = Bank()
    hispanic = {"attribute": "race", "group": "hispanic", "against": "white"}
    small = unmeasured(PARITY, hispanic, "insufficient_data", "74 of 100 rows", n=74, method="m")
    assert bank.day(parity(-0.35, -0.17), small) == ["raised page FA-1"]
    assert bank.state("FA-1", hispanic) == "not_assessable"
    assert bank.day(parity(-0.35, -0.17), small) == ["updated page FA-1", "raised ticket FA-1"]


def test_a_group_that_is_always_too_small_is_told_of_once_after_a_week() -> None:
    bank = Bank()
    hispanic = {"attribute": "race", "group": "hispanic", "against": "white"}
    small = unmeasured(PARITY, hispanic, "insufficient_data", "74 of 100 rows", n=74, method="m")
    told = [bank.day(parity(-0.02, 0.03), small) for _ in range(30)]
    assert [i for i, day in enumerate(told) if "raised ticket FA-1" in day] == [6]
    assert bank.open == ["ticket FA-1"]


def test_drift_of_twenty_features_is_one_ticket_and_never_a_page() -> None:
    bank = Bank()
    features = [f"f{i}" for i in range(20)]
    share = measured("drift.share", {}, 1.0, 0.9, 1.0, n=20, method="m")
    assert bank.day(*psi(0.5, 0.6, *features), share) == [
        "raised ticket DR-1",
        "raised ticket DR-3",
    ]


def test_moderate_drift_shows_in_the_report_and_alerts_nobody() -> None:
    bank = Bank()
    assert bank.day(*psi(0.12, 0.18, "income")) == []
    assert bank.state("DR-1", {"feature": "income"}) == "warn"


@pytest.mark.parametrize(
    ("oversight", "state"),
    [
        ("human_in_the_loop", "breach"),
        ("human_over_the_loop", "warn"),
        ("human_out_of_the_loop", "warn"),
    ],
)
def test_the_same_drift_weighs_more_where_more_harm_is_possible(
    oversight: Oversight, state: str
) -> None:
    bank = Bank(oversight)
    bank.day(*psi(0.21, 0.24, "income"))
    assert bank.state("DR-1", {"feature": "income"}) == state


def test_at_the_advanced_stage_one_bad_day_in_three_tells_nobody_and_two_do() -> None:
    bank = Bank(maturity="advanced")
    bad, good = parity(-0.35, -0.17), parity(-0.02, 0.03)
    assert [bank.day(day) for day in (bad, good, bad)] == [[], [], ["raised page FA-1"]]


def test_one_unregistered_version_is_told() -> None:
    bank = Bank()
    name = "governance.unregistered_version"
    assert bank.day(count(name, 0)) == []
    assert bank.state("TR-2", {}) == "ok"
    assert bank.day(count(name, 1)) == ["raised ticket TR-2"]
    assert bank.day(count(name, 0)) == ["closed ticket TR-2"]


def test_a_record_that_is_not_accounted_for_is_not_ok() -> None:
    bank = Bank()
    assert bank.day(count("governance.audit_completeness", 1.0)) == []
    assert bank.day(count("governance.audit_completeness", 0.9995)) == ["raised ticket TR-1"]
    assert bank.day(count("governance.audit_completeness", 0.9)) == [
        "raised page TR-1",
        "closed ticket TR-1",
    ]


def test_a_page_stands_while_the_stream_is_broken_and_the_break_is_one_ticket() -> None:
    bank = Bank()
    bank.day(parity(-0.35, -0.17), ratio(0.6, 0.7), *psi(0.5, 0.6, "income"))
    broken = Coverage(events=700, complete=False, incomplete_because="partial_assignment")
    told = bank.day(parity(0, 0), ratio(1, 1), *psi(0, 0, "income"), coverage=broken)
    assert "raised ticket coverage" in told
    assert not any(text.startswith("closed") for text in told)
    assert bank.open == ["page FA-1", "page FA-2", "ticket DR-1", "ticket coverage"]
    assert all(v.reason == "incomplete: partial_assignment" for v in bank.verdicts)


def test_every_principle_is_answered_for_even_where_nothing_is_measured() -> None:
    bank = Bank()
    assert bank.day() == []
    assert {v.principle for v in bank.verdicts} == {"P1", "P2", "P3", "P4", "P5", "P6", "P7"}
    assert {v.state for v in bank.verdicts} == {"not_assessable"}
    for verdict in bank.verdicts:
        assert (verdict.reason or "").startswith("signal_not_available: ")
