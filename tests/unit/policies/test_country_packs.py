"""What the country packs say: clocks, attributes and retention, with day and confidence."""

from __future__ import annotations

import pytest

from policies.coverage_of import framework_called
from policies.effective import effective
from policies.load import load_pack, load_packs
from policies.pack import Pack
from policies.table import PACKS

MEMBERS = ("BN", "ID", "KH", "LA", "MM", "MY", "PH", "SG", "TH", "TL", "VN")
HOUR, DAY = 3_600, 86_400
CLOCKS = {
    "bn-data-breach": ("aware_at", 3 * DAY),
    "id-data-breach": ("aware_at", 72 * HOUR),
    "my-data-breach": ("aware_at", 72 * HOUR),
    "my-data-breach-persons": ("aware_at", 7 * DAY),
    "ph-data-breach": ("aware_at", 72 * HOUR),
    "sg-data-breach": ("assessed_notifiable_at", 3 * DAY),
    "sg-data-breach-assessment": ("aware_at", 30 * DAY),
    "th-data-breach": ("aware_at", 72 * HOUR),
    "vn-ai-serious-incident": ("confirmed_at", 72 * HOUR),
    "vn-data-breach": ("aware_at", 72 * HOUR),
}
"""Clock -> from when it counts, and for how long."""


def pack_of(country: str) -> Pack:
    return load_pack(f"country-{country.lower()}")


def test_each_member_of_asean_has_a_pack() -> None:
    named = {name for name in PACKS if name.startswith("country-")}
    assert named == {f"country-{country.lower()}" for country in MEMBERS}
    assert {pack_of(country).country for country in MEMBERS} == set(MEMBERS)


@pytest.mark.parametrize("country", MEMBERS)
def test_facts_carry_a_source_a_day_and_how_sure_we_are(country: str) -> None:
    pack = pack_of(country)
    assert any(law.subject == "data_protection" for law in pack.laws)
    facts = (*pack.laws, *pack.clocks, *pack.attributes, *pack.retention)
    for fact in facts:
        assert fact.verified_on is not None
        assert fact.confidence in ("high", "medium", "low")
    assert "not legal advice" in str(pack.disclaimer)
    assert not pack.rules
    assert not pack.changes


def test_clocks_are_those_of_each_country_and_not_one_for_all() -> None:
    found = {
        clock.id: (clock.starts, clock.seconds)
        for country in MEMBERS
        for clock in pack_of(country).clocks
    }
    assert found == CLOCKS


@pytest.mark.parametrize("country", ["KH", "LA", "MM", "TL"])
def test_where_no_general_duty_is_in_force_no_clock_runs(country: str) -> None:
    assert pack_of(country).clocks == ()


LAWS = {
    "KH": {"kh-e-commerce"},
    "PH": {"ph-npc-16-03", "ph-npc-2026-02", "ph-npc-2024-04"},
    "TH": {"th-etda-principles", "th-pdpc-ai", "th-bot-ai"},
    "VN": {"vn-ai-law", "vn-high-risk-list", "vn-circular-05-2026"},
}
"""Laws and guidelines besides the data-protection law itself."""


@pytest.mark.parametrize("country", LAWS)
def test_each_law_and_guideline_has_an_entry_of_its_own(country: str) -> None:
    assert {law.id for law in pack_of(country).laws} >= LAWS[country]


def test_guidelines_on_ai_of_which_less_is_sure_than_of_the_data_law_say_so() -> None:
    sure = {law.id: law.confidence for country in ("ID", "MY") for law in pack_of(country).laws}
    assert (sure["id-pdp"], sure["id-se-9-2023"]) == ("high", "medium")
    assert (sure["my-pdpa"], sure["my-aige"]) == ("high", "medium")
    assert framework_called("my-ai-guidelines").confidence == "medium"


def test_in_laos_protected_attributes_are_off() -> None:
    (rule,) = pack_of("LA").attributes
    assert rule.processing == "forbidden"
    assert {"race", "ethnicity", "religion", "political_opinion"} <= set(rule.categories)
    forbidding = [
        country
        for country in MEMBERS
        if any(a.processing == "forbidden" for a in pack_of(country).attributes)
    ]
    assert forbidding == ["LA"]


def test_records_of_breaches_are_kept_two_years_in_malaysia() -> None:
    (kept,) = pack_of("MY").retention
    assert (kept.what, kept.days) == ("breach_records", 730)


def test_a_country_lays_itself_over_the_base_and_leaves_its_rules() -> None:
    base = effective(
        load_packs(["asean-guide"]), oversight="human_in_the_loop", maturity="baseline"
    )
    there = effective(
        load_packs(["asean-guide", "country-vn"]),
        oversight="human_in_the_loop",
        maturity="baseline",
        country="VN",
    )
    assert there.rules == base.rules
    assert {clock.id for clock in there.clocks} == {"vn-ai-serious-incident", "vn-data-breach"}
    assert there.digest != base.digest
