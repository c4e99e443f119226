"""The lists of places that rules may refer to: complete where the text numbers its places."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

import policies
from policies.coverage_of import coverage, coverage_text, framework_called
from policies.load import load_pack
from policies.pack import Pack
from policies.rule_spec import RuleSpec
from policies.table import PACKS

FOLDER = Path(policies.__file__).parent / "frameworks"
FRAMEWORKS: dict[str, Any] = {
    file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*.yaml"))
}
BY_KEY = {framework["key"]: framework for framework in FRAMEWORKS.values()}

every_framework = pytest.mark.parametrize("name", sorted(FRAMEWORKS))


def _ids(name: str) -> list[str]:
    return [item["id"] for item in FRAMEWORKS[name]["items"]]


@every_framework
def test_a_list_says_what_it_is_and_how_sure_we_are(name: str) -> None:
    framework = FRAMEWORKS[name]
    assert framework["id"] == name
    assert framework["kind"] in ("guide", "standard", "law", "framework")
    assert framework["confidence"] in ("high", "medium", "low")
    assert isinstance(framework["verified_on"], dt.date)


@every_framework
def test_places_are_text_and_named_once(name: str) -> None:
    for item in FRAMEWORKS[name]["items"]:
        assert set(item) <= {"id", "title", "applies_from", "note"}, item
        assert isinstance(item["id"], str), item
        assert isinstance(item["title"], str), item
    assert len(set(_ids(name))) == len(_ids(name))


def test_keys_are_unique() -> None:
    assert len(BY_KEY) == len(FRAMEWORKS)


@pytest.mark.parametrize(
    ("name", "start", "count"),
    [
        ("nist-ai-rmf", "GOVERN-", 19),
        ("nist-ai-rmf", "MAP-", 18),
        ("nist-ai-rmf", "MEASURE-", 22),
        ("nist-ai-rmf", "MANAGE-", 13),
        ("iso-42001", "A.", 38),
        ("oecd-ai", "1.", 5),
        ("unesco-ai", "P", 10),
        ("mas-feat", "", 14),
        ("asean-guide", "B.", 7),
        ("asean-guide", "C.", 4),
        ("asean-annex-a", "", 39),
        ("asean-genai", "A", 9),
        ("asean-genai", "R", 6),
        ("ai-verify", "1.", 10),
        ("ai-verify", "2.", 1),
        ("ai-verify", "3.", 15),
        ("ai-verify", "4.", 9),
        ("ai-verify", "5.", 14),
        ("ai-verify", "6.", 7),
        ("ai-verify", "7.", 10),
        ("ai-verify", "8.", 4),
        ("ai-verify", "9.", 11),
        ("ai-verify", "10.", 8),
        ("ai-verify", "11.", 1),
        ("ai-verify", "12.", 7),
    ],
)
def test_a_numbered_text_is_listed_whole(name: str, start: str, count: int) -> None:
    assert len([place for place in _ids(name) if place.startswith(start)]) == count


def test_each_article_on_high_risk_systems_is_listed_with_the_day_it_applies_from() -> None:
    wanted = {"Art4a", *(f"Art{n}" for n in range(8, 28)), "Art50", "Art72", "Art73"}
    days = {item["id"]: item["applies_from"] for item in FRAMEWORKS["eu-ai-act"]["items"]}
    assert wanted <= set(days)
    assert days["Art4a"] == dt.date(2026, 7, 27)
    assert days["Art50"] == dt.date(2026, 8, 2)
    assert {days[place] for place in wanted - {"Art4a", "Art50"}} == {dt.date(2027, 12, 2)}


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_no_rule_refers_to_a_place_that_there_is_not(pack: str) -> None:
    for rule in load_pack(pack).rules:
        for reference in rule.crosswalk:
            key, _, place = reference.partition(":")
            assert key in BY_KEY, f"{pack} {rule.id}: {key}"
            assert place in _ids(BY_KEY[key]["id"]), f"{pack} {rule.id}: {reference}"


@pytest.mark.parametrize("rule", load_pack("asean-guide").rules, ids=lambda rule: rule.id)
def test_each_rule_of_the_base_is_tied_to_the_guide_and_to_what_others_ask(rule: RuleSpec) -> None:
    keys = {reference.partition(":")[0] for reference in rule.crosswalk}
    assert {"ASEAN-GUIDE", "NIST-AI-RMF", "OECD", "UNESCO", "SGMGF"} <= keys
    section = f"ASEAN-GUIDE:B.{rule.principle.removeprefix('P')}"
    assert section in rule.crosswalk


def test_what_no_score_shows_of_generative_ai_is_not_covered() -> None:
    framework = framework_called("asean-genai")
    rows = coverage(framework, [load_pack(name) for name in PACKS])
    missing = {row["item"] for row in rows if not row["covered"]}
    assert missing == {"A7", "A8", "A9", "R3", "R4", "R5"}


def test_a_place_that_only_an_overlay_covers_says_which() -> None:
    packs = [load_pack(name) for name in PACKS]
    framework = framework_called("asean-genai")
    rows = {row["item"]: row for row in coverage(framework, packs)}
    assert rows["A5"]["only_with"] == ["generative-ai"]
    assert rows["A7"]["only_with"] == []
    text = coverage_text(framework, list(rows.values()))
    assert "  A2  AC-4 (only with generative-ai)  Data" in text
    rows = {row["item"]: row for row in coverage(framework_called("asean-guide"), packs)}
    assert {str(row["only_with"]) for row in rows.values()} == {"[]"}


def test_each_list_is_of_use_to_a_rule_or_a_clock() -> None:
    packs = [load_pack(name) for name in PACKS]
    walks = [rule.crosswalk for pack in packs for rule in pack.rules]
    walks += [change.crosswalk for pack in packs for change in pack.changes]
    used = {reference.partition(":")[0] for walk in walks for reference in walk}
    used |= {source.partition(":")[0] for pack in packs for source in _cited(pack)}
    assert set(BY_KEY) <= used


def test_each_fact_that_binds_cites_a_listed_place_of_a_listed_text() -> None:
    for name in PACKS:
        for source in _cited(load_pack(name)):
            key, _, place = source.partition(":")
            assert key in BY_KEY, (name, source)
            assert place in _ids(BY_KEY[key]["id"]), (name, source)


def _cited(pack: Pack) -> list[str]:
    """Return where a country pack says that its facts come from."""
    return [
        *(clock.source for clock in pack.clocks),
        *(attribute.source for attribute in pack.attributes),
        *(kept.source for kept in pack.retention),
    ]
