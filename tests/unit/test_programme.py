"""The programme's metrics: by country and sector, from cards, reports and alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from agent.config.system import System
from agent.inventory import end_of, inventory_of
from agent.programme import Member, Programme, member_of
from agent.store import Changes, Store
from exporters.programme_metrics import ProgrammeMetrics
from policies.effective import effective
from policies.load import load_packs
from policies.model import (
    Alert,
    AwaitedLabels,
    Coverage,
    Judging,
    Report,
    Signal,
    Window,
    measured,
    unmeasured,
)

PACKS = load_packs(["asean-guide"])
POLICY = effective(PACKS, oversight="human_in_the_loop", maturity="baseline")
DAY = 86_400
BASIS = {"lawful_basis": "b", "purpose": "p", "dpia_ref": "d", "expires": "2027-12-31"}
BEFORE = end_of(dt.date(2026, 6, 1)) - DAY
SECTOR = "financial-services"
PLACE = {"country": "MY", "sector": SECTOR}
GAP = "fairness.statistical_parity_difference"


def member(**more: Any) -> Member:
    system = System.model_validate(
        {
            "id": "a",
            "country": "MY",
            "sector": "finance",
            "windows": ["1h", "1d"],
            "audit_attributes": {"sex": BASIS},
            "mitigations": [{"date": "2026-06-01", "rule": "FA-1", "attribute": "sex"}],
            **more,
        }
    )
    return member_of(system, inventory_of(system, PACKS, POLICY), POLICY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def programme(store: Store, members: dict[str, Member]) -> tuple[Programme, CollectorRegistry]:
    registry = CollectorRegistry()
    return Programme(members, store, ProgrammeMetrics(registry)), registry


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"pantau_programme_{name}", labels or PLACE)


def report(start: int, *signals: Signal, length: str = "1d", **more: Any) -> Report:
    how = {"model_version": "*", "revision": 0, **more}
    seconds = DAY if length == "1d" else 3_600
    return Report(
        system="a",
        window=Window(start, start + seconds, length),
        final=True,
        coverage=Coverage(events=1),
        signals=signals,
        verdicts=(),
        **how,
    )


def gap(size: float, name: str = GAP) -> Signal:
    return measured(name, {"attribute": "sex"}, size, size, size, n=500, method="m")


def test_systems_are_counted_where_they_are(store: Store) -> None:
    assessment = {"date": "2026-01-01", "reference": "A", "expires": "2026-12-31"}
    low = {"probability": "low", "severity": "low"}
    watched, registry = programme(
        store,
        {
            "a": member(impact_assessment=assessment),
            "b": member(),
            "c": member(country="SG", risk=low, oversight="human_out_of_the_loop"),
        },
    )
    watched.look(end_of(dt.date(2026, 12, 31)) - 1)
    assert value(registry, "systems") == 2
    assert value(registry, "systems_assessed") == 1
    assert (
        value(registry, "systems_high_risk") == value(registry, "systems_high_risk_overseen") == 2
    )
    assert value(registry, "systems_high_risk", country="SG", sector=SECTOR) == 0
    watched.look(end_of(dt.date(2026, 12, 31)))
    assert value(registry, "systems_assessed") == 0


def test_an_assessment_counts_from_its_date(store: Store) -> None:
    assessment = {"date": "2026-06-01", "reference": "A", "expires": "2026-12-31"}
    watched, registry = programme(store, {"a": member(impact_assessment=assessment)})
    watched.look(end_of(dt.date(2026, 5, 31)) - 1)
    assert value(registry, "systems_assessed") == 0
    watched.look(end_of(dt.date(2026, 5, 31)))
    assert value(registry, "systems_assessed") == 1


def test_a_system_with_less_involvement_than_its_tier_asks_for_is_not_overseen(
    store: Store,
) -> None:
    high = {"probability": "low", "severity": "high"}
    over = member(risk=high, oversight="human_over_the_loop")
    watched, registry = programme(store, {"a": over, "b": member(risk=high)})
    watched.look(0)
    assert value(registry, "systems_high_risk") == 2
    assert value(registry, "systems_high_risk_overseen") == 1


@pytest.mark.parametrize(
    ("said", "sector"),
    [
        ("banking", SECTOR),
        ("Financial Services", SECTOR),
        ("smart_city", "public-services"),
        ("fisheries", "fisheries"),
        (None, ""),
    ],
)
def test_one_sector_has_one_name_however_the_card_spells_it(said: str | None, sector: str) -> None:
    assert member(sector=said).place == ("MY", sector)


def test_a_gap_is_measured_before_and_after_its_mitigation_and_outlives_a_restart(
    store: Store,
) -> None:
    watched, registry = programme(store, {"a": member()})
    kept = watched.take(
        "a", [report(BEFORE - 2 * DAY, gap(-0.2)), report(BEFORE - DAY, gap(-0.16))]
    )
    assert value(registry, "mitigation_gap_before") is None
    store.commit(Changes(put=kept))
    watched, registry = programme(store, {"a": member()})
    watched.take("a", [report(BEFORE, gap(0.04))])
    assert value(registry, "mitigation_gap_before") == 0.16
    assert value(registry, "mitigation_gap_after") == 0.04


def test_windows_across_the_day_other_lengths_and_gaps_not_measured_say_nothing(
    store: Store,
) -> None:
    watched, _ = programme(store, {"a": member()})
    none = unmeasured(GAP, {"attribute": "sex"}, "insufficient_data", "few", n=3, method="m")
    items = [
        report(BEFORE - 3_600, gap(0.1)),
        report(BEFORE - DAY, gap(0.1), length="1h"),
        report(BEFORE - DAY, gap(0.1), model_version="v1"),
        report(BEFORE - DAY, none),
        report(BEFORE - DAY),
    ]
    assert watched.take("a", items) == []


def test_the_gap_of_a_ratio_is_how_far_it_is_below_one(store: Store) -> None:
    mitigation = {"date": "2026-06-01", "rule": "FA-2", "attribute": "sex"}
    watched, registry = programme(store, {"a": member(mitigations=[mitigation])})
    name = "fairness.disparate_impact_ratio"
    watched.take("a", [report(BEFORE - DAY, gap(0.75, name)), report(BEFORE, gap(1.02, name))])
    assert value(registry, "mitigation_gap_before") == 0.25
    assert value(registry, "mitigation_gap_after") == 0


def test_findings_that_are_over_and_what_people_said_are_counted(store: Store) -> None:
    watched, registry = programme(store, {"a": member()})
    labels = {"alertname": "PantauBreach", "rule": "FA-1"}
    closed = Alert(labels=labels, annotations={}, starts_at=100, resolved_at=7_300, change="closed")
    raised = Alert(labels=labels, annotations={}, starts_at=100)
    other = Alert(
        labels={"alertname": "PantauNotAssessable"},
        annotations={},
        starts_at=1,
        resolved_at=2,
        change="closed",
    )
    rate = measured("feedback.complaint_rate", {}, 20.0, 10.0, 30.0, n=1_500, method="m")
    watched.take(
        "a",
        [
            raised,
            closed,
            other,
            report(0, rate, length="1h"),
            report(0, rate, length="1h", revision=1),
            report(0, rate),
        ],
    )
    assert value(registry, "finding_open_seconds_sum") == 7_200
    assert value(registry, "finding_open_seconds_count") == 1
    assert value(registry, "complaints_total") == 3
    assert value(registry, "appeals_total") == 0


def test_a_rule_that_is_not_there_is_not_watched() -> None:
    mitigation = {"date": "2026-06-01", "rule": "FA-99", "attribute": "sex"}
    assert member(mitigations=[mitigation]).mitigations == ()


def reviewed(end: int, share: float | None, **more: Any) -> Report:
    name = "oversight.reviewed_share"
    if share is None:
        one = unmeasured(name, {}, "insufficient_data", "few", n=3, method="m")
    else:
        one = measured(name, {}, share, share, share, n=500, method="m")
    return report(end - DAY, one, **more)


def test_what_humans_really_review_is_told_of_the_high_tier_where_it_is_known(store: Store) -> None:
    low = {"probability": "low", "severity": "low"}
    members = {"a": member(), "b": member(), "c": member(risk=low)}
    watched, registry = programme(store, members)
    name = "high_risk_reviewed_share"
    assert value(registry, name) is None
    watched.take("a", [reviewed(5 * DAY, 0.9)])
    watched.take("c", [reviewed(5 * DAY, 0.1)])
    assert value(registry, name) == 0.9
    watched.take("b", [reviewed(5 * DAY, 0.5)])
    assert value(registry, name) == pytest.approx(0.7)
    # Neither shorter windows nor older ones that are restated later change it.
    watched.take("b", [reviewed(4 * DAY, 0.3), reviewed(6 * DAY, 0.3, length="1h")])
    assert value(registry, name) == pytest.approx(0.7)
    watched.take("b", [reviewed(6 * DAY, None)])
    assert value(registry, name) == 0.9
    watched.take("a", [reviewed(6 * DAY, None)])
    assert value(registry, name) is None


def test_a_window_whose_reviews_are_still_to_come_does_not_lower_the_share(store: Store) -> None:
    watched, registry = programme(store, {"a": member()})
    watched.take("a", [decided(reviewed(5 * DAY, 0.9), mature=True)])
    watched.take("a", [decided(reviewed(6 * DAY, 0.1), mature=False)])
    assert value(registry, "high_risk_reviewed_share") == 0.9
    watched.take("a", [decided(reviewed(6 * DAY, 0.8), mature=True)])
    assert value(registry, "high_risk_reviewed_share") == 0.8


def decided(one: Report, *, mature: bool) -> Report:
    """Return a report on a window whose reviews may come later, or are in."""
    gate = AwaitedLabels(
        signals=(), mature=mature, coverage=None, needed=0.0, of="predictions", only=mature
    )
    return msgspec.structs.replace(one, judging=Judging(longest=True, reviews=gate))
