"""What the packs refuse in a system's card, told with file, line and why."""

from __future__ import annotations

import datetime as dt
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

import policies.load
import policies.select
from agent.config.card import NAMES
from agent.config.load import ConfigError, load
from agent.config.packs import packs_of
from collectors.wellknown import protected
from policies.complaint import PackError
from policies.load import load_pack, pack_files

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


def test_a_pack_file_that_is_not_there_is_told_with_the_key_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "our-bank.yaml").write_text("")
    file = tmp_path / "pantau.yaml"
    file.write_text("systems: [{id: loan}]\npolicies:\n  packs: [asean-guide, our-bnak.yaml]\n")
    config = load(file)
    missing = tmp_path / "our-bnak.yaml"
    says = f"policies.packs: {missing}: cannot be read: there is no such file; did you mean 'our-b"
    with pytest.raises(PackError) as raised:
        packs_of(config, config.systems[0])
    assert str(raised.value).startswith(says)


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


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (r"\u200b", "needs at least one character that can be seen"),
        (r"\u2800\u3164", "needs at least one character that can be seen"),
        (r"ann\e[2J", "holds the control character U+001B; take it out"),
    ],
)
def test_somebody_who_can_be_named_answers_for_a_waiver(by: str, says: str, tmp_path: Path) -> None:
    waiver = f', waiver: {{by: "{by}", reason: advice, expires: 2027-01-31}}'
    told = refusal(card(tmp_path, "ethnicity", waiver))
    assert "ethnicity.waiver.by" in told
    assert says in told
    spaced = waiver.replace(by, r"\u17a2\u200b\u178e")
    assert load(card(tmp_path, "ethnicity", spaced)).systems[0].audit_attributes["ethnicity"].waiver


def test_a_waiver_on_the_card_ends_within_two_years(tmp_path: Path) -> None:
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=733)
    told = refusal(card(tmp_path, "ethnicity", f", waiver: {{by: a, reason: b, expires: {day}}}"))
    says = f"ethnicity.waiver.expires: found '{day}', which is more than two years from today"
    assert says in told


def test_elsewhere_it_is_allowed(tmp_path: Path) -> None:
    file = card(tmp_path, "ethnicity")
    file.write_text(file.read_text().replace("country: LA", "country: SG"))
    assert load(file).systems[0].country == "SG"


def test_what_a_country_forbids_holds_without_automatic_packs_too(tmp_path: Path) -> None:
    file = card(tmp_path, "ethnicity")
    file.write_text(file.read_text() + "policies: {automatic: false}\n")
    assert "off in Lao PDR (LA-EDP:prohibited" in refusal(file)


def test_what_a_sector_requires_holds_without_automatic_packs_too(tmp_path: Path) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text(
        "systems:\n  - id: triage\n    sector: health\n    oversight: human_over_the_loop\n"
        "    risk: {probability: low, severity: low}\npolicies: {automatic: false}\n"
    )
    told = refusal(file)
    assert told.startswith("4: systems.0.oversight: is human_over_the_loop, but the pack ")
    assert "sector-healthcare asks for at least human_in_the_loop" in told


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("gender", ", path: ethnicity"),
        ("grp", ", category: other, path: ethnicity"),
        ("grp", ", path: applicant.Ethnic-Group"),
        ("grp", ", category: region, path: ethnicity.code"),
    ],
)
def test_neither_another_name_nor_category_hides_what_the_path_says(
    tmp_path: Path, name: str, more: str
) -> None:
    told = refusal(card(tmp_path, name, more))
    assert told.startswith(f"5: systems.0.audit_attributes.{name}: is about ethnicity by its path")


def test_a_path_that_does_not_tell_leaves_it_to_the_name(tmp_path: Path) -> None:
    assert load(card(tmp_path, "gender", ", path: applicant.g")).systems[0].id == "loan"


FEATURES = "systems:\n  - id: loan\n    country: {country}\n    features:\n      {feature}\n"


@pytest.mark.parametrize(
    "feature",
    ["ethnicity: categorical", "grp: {path: applicant.ethnicity}", "Religion: {path: x7}"],
)
def test_what_the_country_forbids_is_no_feature_either(tmp_path: Path, feature: str) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text(FEATURES.format(country="LA", feature=feature))
    told = refusal(file)
    name = feature.partition(":")[0]
    assert told.startswith(f"5: systems.0.features.{name}: is about ")
    assert "off in Lao PDR (LA-EDP:prohibited" in told
    assert "Take it out of the features" in told
    file.write_text(FEATURES.format(country="LA", feature="income: numeric"))
    assert load(file).systems[0].id == "loan"
    file.write_text(FEATURES.format(country="TH", feature=feature))
    assert load(file).systems[0].id == "loan"


def test_what_a_country_forbids_is_no_feature_by_inference() -> None:
    forbidden = {c for rule in load_pack("country-la").attributes for c in rule.categories}
    names = [name for name, category in NAMES.items() if category in forbidden]
    assert {NAMES[name] for name in names} == forbidden
    assert [name for name in names if not protected(f"applicant.{name}")] == []
    assert protected("ethnicity.code")
    assert not protected("region.code")


MITIGATED = """systems:
  - id: loan
    audit_attributes:
      gender: {{{basis}}}
    mitigations:
      - {{date: 2026-06-01, rule: {rule}, attribute: gender}}
"""


def test_a_mitigation_is_of_a_rule_that_there_is_and_of_a_gap_if_it_names_an_attribute(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pantau.yaml"
    basis = BASIS.format(basis="consent")
    file.write_text(MITIGATED.format(rule="FA-99", basis=basis))
    told = refusal(file)
    assert told.startswith("6: systems.0.mitigations.0.rule: no rule of its packs is called 'FA-9")
    assert "; did you mean 'FA-" in told
    file.write_text(MITIGATED.format(rule="DR-1", basis=basis))
    told = refusal(file)
    assert told.startswith("6: systems.0.mitigations.0.attribute: the rule DR-1 judges no gap")
    assert "leave `attribute` out, or name one of FA-1, " in told
    file.write_text(file.read_text().replace(", attribute: gender", ""))
    assert load(file).systems[0].mitigations[0].attribute is None
    # FA-3 runs from a later stage: that is told as a gap, not refused.
    for known in ("FA-1", "FA-3"):
        file.write_text(MITIGATED.format(rule=known, basis=basis))
        assert load(file).systems[0].mitigations[0].rule == known


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


def japan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **packs: str) -> Path:
    """Let packs of these names be known and return a configuration of a system in Japan."""
    known: dict[str, Traversable] = dict(pack_files())
    for name, text in packs.items():
        known[name.replace("_", "-")] = file = tmp_path / f"{name.replace('_', '-')}.yaml"
        file.write_text(text)
    monkeypatch.setattr(policies.load, "pack_files", lambda: known)
    monkeypatch.setattr(policies.select, "pack_files", lambda: known)
    config = tmp_path / "pantau.yaml"
    config.write_text("systems: [{id: a, country: JP}]\npolicies: {automatic: false}\n")
    return config


def test_a_countrys_pack_that_cannot_be_read_is_told_where_it_is_used_without_automatic_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(japan(tmp_path, monkeypatch, country_jp="id: ["))
    with pytest.raises(PackError, match=r"country-jp\.yaml:1: "):
        packs_of(loaded, loaded.systems[0])


def test_what_a_countrys_pack_includes_limits_without_automatic_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "disclaimer: none\nsources: [{id: law, title: A law}]\n"
    included = OVERLAY.replace("id: mine\nkind: team", "id: asked-more\nkind: topic") + source
    included += "requires: [{maturity: intermediate, reason: law}]\n"
    head = "id: country-jp\nkind: country\ncountry: JP\ntitle: Japan\nversion: 1.0.0\n"
    country = head + source + "include: [asked-more]\n"
    file = japan(tmp_path, monkeypatch, country_jp=country, asked_more=included)
    assert "the pack asked-more asks for at least intermediate" in refusal(file)
