"""What has expired is a finding of the window, by the window's end and not by the clock."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from agent.config.card import ImpactAssessment, Mitigation, OversightDrill, Waiver, category_of
from agent.config.system import AuditAttribute, Risk, System
from agent.inventory import inventory_of, tier_of
from agent.layout import build_layout
from agent.opening import settings_of
from agent.signals.card import Inventory
from agent.signals.context import Settings, SignalContext
from agent.signals.governance import review_age_days, review_age_ratio
from agent.signals.inventory import (
    assessment_expired_days,
    assessment_missing,
    basis_expired_days,
    drill_age_days,
    oversight_shortfall,
    waiver_expired_days,
)
from agent.summary import empty
from collectors.schema import EventSchema
from policies.effective import effective
from policies.load import load_packs
from policies.model import Signal, Window

DAY = 86_400
PACKS = load_packs(["asean-guide"])
POLICY = effective(PACKS, oversight="human_in_the_loop", maturity="baseline")
ASSESSED = ImpactAssessment(
    date=dt.date(2026, 1, 1), reference="AIA-1", expires=dt.date(2026, 6, 30)
)


def context(inventory: Inventory, end: dt.date) -> SignalContext:
    layout = build_layout(EventSchema(id="id", time="t", features={}))
    at = int(dt.datetime.combine(end, dt.time(), dt.UTC).timestamp())
    window = Window(at - DAY, at, "1d")
    return SignalContext(layout, empty(layout), None, window, Settings(inventory=inventory))


def values(found: list[Signal]) -> dict[str, float | None]:
    return {signal.subject.get("attribute", ""): signal.value for signal in found}


@pytest.mark.parametrize(
    ("end", "days"),
    [(dt.date(2026, 6, 30), 0), (dt.date(2026, 7, 1), 0), (dt.date(2026, 7, 3), 2)],
)
def test_an_assessment_holds_until_the_end_of_its_last_day(end: dt.date, days: int) -> None:
    card = inventory_of(System(id="a", impact_assessment=ASSESSED), PACKS, POLICY)
    assert values(assessment_expired_days(context(card, end))) == {"": days}
    assert values(assessment_missing(context(card, end))) == {"": 0}


@pytest.mark.parametrize(
    ("risk", "missing"), [(Risk(), 1), (Risk(probability="low", severity="low"), 0)]
)
def test_a_missing_assessment_counts_above_minimal_risk(risk: Risk, missing: int) -> None:
    card = inventory_of(System(id="a", risk=risk), PACKS, POLICY)
    assert values(assessment_missing(context(card, dt.date(2026, 1, 1)))) == {"": missing}
    (expired,) = assessment_expired_days(context(card, dt.date(2026, 1, 1)))
    assert expired.reason == "not_configured: impact_assessment"


def test_a_drill_ages_from_its_day() -> None:
    drill = OversightDrill(last=dt.date(2026, 1, 1), reference="DRILL-1")
    card = inventory_of(System(id="a", oversight_drill=drill), PACKS, POLICY)
    assert values(drill_age_days(context(card, dt.date(2026, 4, 1)))) == {"": 90}
    assert values(drill_age_days(context(card, dt.date(2026, 1, 1)))) == {"": None}
    never = inventory_of(System(id="a"), PACKS, POLICY)
    (signal,) = drill_age_days(context(never, dt.date(2026, 4, 1)))
    assert (signal.status, signal.reason) == (
        "insufficient_data",
        "not_configured: oversight_drill",
    )


@pytest.mark.parametrize(
    ("end", "held"), [(dt.date(2026, 1, 1), False), (dt.date(2026, 1, 2), True)]
)
def test_before_its_date_an_assessment_is_not_known_to_hold(end: dt.date, held: bool) -> None:
    card = inventory_of(System(id="a", impact_assessment=ASSESSED), PACKS, POLICY)
    found = [*assessment_missing(context(card, end)), *assessment_expired_days(context(card, end))]
    reason = None if held else "not_configured: impact_assessment before its date"
    assert [(s.value, s.reason) for s in found] == [(0 if held else None, reason)] * 2


def test_an_assessment_to_come_is_none_at_minimal_risk_either() -> None:
    risk = Risk(probability="low", severity="low")
    card = inventory_of(System(id="a", risk=risk, impact_assessment=ASSESSED), PACKS, POLICY)
    assert values(assessment_missing(context(card, dt.date(2025, 6, 1)))) == {"": 0}


@pytest.mark.parametrize(
    ("end", "days"),
    [("2026-03-01", None), ("2026-03-02", None), ("2026-03-03", 1), ("2026-03-12", 10)],
)
def test_before_the_last_review_nothing_is_known_of_its_age(end: str, days: int | None) -> None:
    system = System.model_validate(
        {"id": "a", "review": {"last": "2026-03-02", "cadence_days": 10}}
    )
    ctx = context(Inventory(), dt.date.fromisoformat(end))
    ctx = dataclasses.replace(ctx, settings=settings_of(system))
    (age,), (ratio,) = review_age_days(ctx), review_age_ratio(ctx)
    assert (age.value, ratio.value) == (days, None if days is None else days / 10)
    if days is None:
        assert age.reason == ratio.reason == "not_configured: review.last before its day"


def test_each_attribute_answers_for_its_own_legal_basis() -> None:
    def attribute(expires: dt.date) -> AuditAttribute:
        return AuditAttribute(lawful_basis="b", purpose="p", dpia_ref="d", expires=expires)

    system = System(
        id="a",
        audit_attributes={
            "sex": attribute(dt.date(2026, 1, 31)),
            "age": attribute(dt.date(2026, 3, 31)),
        },
    )
    card = inventory_of(system, PACKS, POLICY)
    found = values(basis_expired_days(context(card, dt.date(2026, 2, 11))))
    assert found == {"age": 0, "sex": 10}


def test_the_waiver_that_expired_first_counts_and_none_is_fine() -> None:
    waiver = Waiver(by="ann", reason="advice", expires=dt.date(2026, 1, 31))
    attribute = AuditAttribute(
        lawful_basis="b",
        purpose="p",
        dpia_ref="d",
        expires=dt.date(2027, 1, 1),
        waiver=waiver,
    )
    system = System(id="a", audit_attributes={"race": attribute})
    (signal,) = waiver_expired_days(
        context(inventory_of(system, PACKS, POLICY), dt.date(2026, 2, 2))
    )
    assert (signal.value, signal.n) == (1, 1)
    none = inventory_of(System(id="a"), PACKS, POLICY)
    (signal,) = waiver_expired_days(context(none, dt.date(2026, 2, 2)))
    assert (signal.value, signal.n, signal.status) == (0, 0, "ok")


@pytest.mark.parametrize(
    ("probability", "severity", "tier", "short"),
    [
        ("low", "low", "minimal", {"human_in_the_loop": 0, "human_over_the_loop": 0}),
        ("medium", "medium", "medium", {"human_in_the_loop": 0, "human_over_the_loop": 0}),
        ("low", "high", "high", {"human_in_the_loop": 0, "human_over_the_loop": 1}),
    ],
)
def test_the_matrix_gives_the_tier_and_what_oversight_is_short_of(
    probability: str, severity: str, tier: str, short: dict[str, int]
) -> None:
    for oversight, steps in short.items():
        system = System.model_validate(
            {
                "id": "a",
                "oversight": oversight,
                "risk": {"probability": probability, "severity": severity},
            }
        )
        card = inventory_of(system, PACKS, POLICY)
        assert card.tier == tier == tier_of(system, [])
        assert values(oversight_shortfall(context(card, dt.date(2026, 1, 1)))) == {"": steps}


def test_a_name_tells_what_an_attribute_is_about_unless_it_is_stated() -> None:
    assert category_of("Ethnic-Group", None) == "ethnicity"
    assert category_of("grp", None) is None
    assert category_of("grp", "religion") == "religion"


def test_a_mitigation_is_of_an_attribute_that_there_is() -> None:
    mitigation = Mitigation(date=dt.date(2026, 1, 1), rule="FA-1", attribute="sex")
    with pytest.raises(ValueError, match="needs `audit_attributes`"):
        System(id="a", mitigations=(mitigation,))
    whole = Mitigation(date=dt.date(2026, 1, 1), rule="DR-1")
    assert System(id="a", mitigations=(whole,)).mitigations == (whole,)
