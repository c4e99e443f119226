"""What the packs refuse in a system's card, told with file, line and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import ConfigError, load

BASIS = "lawful_basis: {basis}, purpose: bias-monitoring, dpia_ref: D-1, expires: 2027-12-31"
CARD = """systems:
  - id: loan
    country: LA
    audit_attributes:
      {name}: {{{basis}{more}}}
"""


def card(tmp_path: Path, name: str, more: str = "", basis: str = "legitimate-interest") -> Path:
    file = tmp_path / "pantau.yaml"
    file.write_text(CARD.format(name=name, basis=BASIS.format(basis=basis), more=more))
    return file


def refusal(file: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load(file)
    return str(raised.value).removeprefix(f"{file}:")


def test_what_the_country_forbids_is_refused_with_line_source_and_the_way_out(
    tmp_path: Path,
) -> None:
    told = refusal(card(tmp_path, "ethnicity"))
    assert told.startswith("5: systems.0.audit_attributes.ethnicity: is about ethnicity, which is")
    assert "off in Lao PDR (LA-EDP:prohibited; confidence medium, 2026-11-22)" in told
    assert "waiver: {by, reason, expires}" in told


def test_a_name_that_does_not_tell_needs_a_category_there(tmp_path: Path) -> None:
    told = refusal(card(tmp_path, "grp"))
    assert "its name does not tell what it is about, and Lao PDR (LA-EDP:prohibited; " in told
    assert "say what it is about with `category` (one of age, sex, race, " in told
    assert "is about religion" in refusal(card(tmp_path, "grp", ", category: religion"))
    assert load(card(tmp_path, "grp", ", category: region")).systems[0].id == "loan"
    assert load(card(tmp_path, "gender")).systems[0].id == "loan"


def test_another_category_does_not_hide_what_the_name_says(tmp_path: Path) -> None:
    told = refusal(card(tmp_path, "ethnicity", ", category: other"))
    assert "is about ethnicity by its name" in told
    assert "is about religion" in refusal(card(tmp_path, "race", ", category: religion"))


def test_a_waiver_on_the_card_answers_for_it(tmp_path: Path) -> None:
    waiver = ", waiver: {by: counsel, reason: advice of 3 May, expires: 2027-01-31}"
    assert load(card(tmp_path, "ethnicity", waiver)).systems[0].audit_attributes["ethnicity"].waiver


def test_elsewhere_it_is_allowed_and_without_automatic_packs_too(tmp_path: Path) -> None:
    file = card(tmp_path, "ethnicity")
    text = file.read_text()
    file.write_text(text.replace("country: LA", "country: SG"))
    assert load(file).systems[0].country == "SG"
    file.write_text(text + "policies: {automatic: false}\n")
    assert load(file).systems[0].country == "LA"


OVERLAY = """id: mine
kind: team
title: Our own
version: 1.0.0
include: [asean-guide]
"""


def test_less_than_a_pack_requires_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        OVERLAY
        + "requires:\n"
        + "  - {oversight: human_in_the_loop, reason: lives depend on it}\n"
        + "  - {maturity: intermediate, reason: labels are there}\n"
    )
    file = tmp_path / "pantau.yaml"
    file.write_text(
        "systems:\n  - id: loan\n    oversight: human_over_the_loop\n"
        "policies: {packs: [mine.yaml]}\n"
    )
    told = refusal(file)
    assert told.startswith(
        "2: systems.0.maturity: is baseline, but the pack mine asks for at least intermediate"
    )
    assert "3: systems.0.oversight: is human_over_the_loop, but the pack mine asks for" in told
    assert "lives depend on it" in told
    text = file.read_text().replace("human_over_the_loop", "human_in_the_loop")
    file.write_text(text.replace("  - id: loan\n", "  - id: loan\n    maturity: advanced\n"))
    assert load(file).systems[0].maturity == "advanced"


def test_only_consent_where_the_country_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        OVERLAY + "attributes: [{categories: [health], processing: consent_only, reason: law, "
        "source: Law 1, verified_on: 2026-11-22, confidence: high}]\n"
    )
    file = card(tmp_path, "health")
    file.write_text(
        file.read_text().replace("country: LA", "country: SG") + "policies: {packs: [mine.yaml]}\n"
    )
    assert "allows with consent only" in refusal(file)
    file.write_text(file.read_text().replace("legitimate-interest", "explicit consent"))
    assert load(file).systems[0].id == "loan"


def test_an_assessment_expires_after_its_day(tmp_path: Path) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text(
        "systems:\n  - id: a\n    impact_assessment:\n      date: 2026-05-01\n"
        "      reference: A\n      expires: 2026-05-01\n"
    )
    told = refusal(file)
    assert told.startswith("6: systems.0.impact_assessment.expires: ")
    assert told.endswith("is not after `date`, 2026-05-01")


def test_a_pack_that_cannot_be_read_is_told_where_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text("systems: [{id: a}]\npolicies: {packs: [none.yaml]}\n")
    assert load(file).systems[0].id == "a"


def test_a_misspelt_pack_is_told_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text(
        "systems: [{id: a}]\npolicies:\n  packs:\n    - asean-guide\n    - generativ-ai\n"
    )
    assert refusal(file) == (
        "5: policies.packs.1: there is no policy pack 'generativ-ai'; did you mean 'generative-ai'?"
    )
