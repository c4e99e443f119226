"""The lists of places that rules may refer to: complete where the text numbers its places."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

import policies
from policies.coverage_of import coverage, coverage_text, framework_called
from policies.frameworks import frameworks
from policies.load import load_pack, load_text
from policies.pack import Pack
from policies.references import reference_problems
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
    facts = (*pack.clocks, *pack.attributes, *pack.retention)
    return [place for fact in facts for place in fact.places]


@pytest.mark.parametrize("name", sorted(PACKS))
def test_clocks_attributes_and_retention_cover_the_places_that_they_cite(name: str) -> None:
    packs = [load_pack(each) for each in PACKS]
    for kind in ("clocks", "attributes", "retention"):
        for fact in getattr(load_pack(name), kind):
            for cited in fact.places:
                key, _, place = cited.partition(":")
                rows = {row["item"]: row for row in coverage(framework_called(key), packs)}
                assert rows[place]["covered"] is True, cited
                assert kind in rows[place]["covered_by"], cited
                assert rows[place]["rules"] or rows[place]["only_with"] == [name], cited


def test_a_clock_refers_only_to_places_that_there_are() -> None:
    file = Path(policies.__file__).parent / "packs" / PACKS["country-vn"]
    text = file.read_text(encoding="utf-8")
    wrong = text.replace('crosswalk: ["VN-D142:19.3.c"]', 'crosswalk: ["VN-D142:19.3.d"]')
    assert reference_problems([load_text(text, "vn.yaml")], frameworks()) == []
    line = next(i for i, each in enumerate(wrong.splitlines(), 1) if "19.3.d" in each)
    (problem,) = reference_problems([load_text(wrong, "vn.yaml")], frameworks())
    assert problem.startswith(f"vn.yaml:{line}: 'VN-D142:19.3.d': Viet Nam, Decree 142/2026 has no")


def test_what_else_than_a_rule_covers_a_place_is_shown_as_what_it_is() -> None:
    packs = [load_pack(name) for name in PACKS]
    decree = framework_called("vn-decree-142")
    rows = coverage(decree, packs)
    by = {row["item"]: row for row in rows}
    assert by["19.3.a"]["clocks"] == by["19.3.c"]["clocks"] == ["vn-ai-serious-incident"]
    assert by["19.3.a"]["rules"] == []
    assert by["12.6"]["retention"] == ["dossier 36500 d, kept by people"]
    text = coverage_text(decree, rows)
    assert text[3].startswith(
        "6 of the 6 places in this list are covered (2 by rules, 3 by clocks, 1 by retention). "
    )
    assert (
        "  19.3.a  clock vn-ai-serious-incident (only with country-vn)  Preliminary report within "
        "72 hours"
    ) in text
    malaysia = framework_called("my-pdpa")
    text = coverage_text(malaysia, coverage(malaysia, packs))
    assert any("  retention of breach records 730 d (only with country-my)  " in t for t in text)
    assert any("  PR-2, attributes biometrics (safeguards)  " in line for line in text)


def test_the_oversight_that_a_pack_requires_covers_the_place_that_it_cites() -> None:
    text = "id: ours\nkind: team\ntitle: Ours\nversion: 1.0.0\nrequires:\n"
    need = "  - {oversight: human_in_the_loop, reason: so, source: 'EUAIA:Art14(4)'}\n"
    act = framework_called("eu-ai-act")
    rows = coverage(act, [load_text(text + need, "ours.yaml")])
    by = {row["item"]: row for row in rows}
    assert [row["item"] for row in rows if row["covered"]] == ["Art14", "Art14(4)"]
    assert by["Art14(4)"]["covered_by"] == ["requires"]
    assert any(
        "  required at least human_in_the_loop (only " in t for t in coverage_text(act, rows)
    )


def test_a_pack_without_its_base_is_shown_with_what_it_covers_by_itself() -> None:
    rows = coverage(framework_called("vn-decree-142"), [load_pack("country-vn")])
    covered = {row["item"] for row in rows if row["covered"]}
    assert covered == {"12.6", "19.3", "19.3.a", "19.3.c"}


WHOLE = {
    "ai-verify",
    "asean-annex-a",
    "asean-genai",
    "asean-guide",
    "mas-feat",
    "nist-ai-rmf",
    "sg-model-framework",
}


@every_framework
def test_a_list_of_a_part_says_of_what_part_it_is(name: str) -> None:
    framework = framework_called(name)
    rows = coverage(framework, [load_pack("asean-guide")])
    text = "\n".join(coverage_text(framework, rows))
    assert {row["partial"] for row in rows} == {name not in WHOLE}
    assert "places in this list" in text
    if name in WHOLE:
        assert framework.partial is None
        assert "a part of the text" not in text
    else:
        assert f"The list is of a part of the text: {framework.partial}." in text


def test_the_list_of_the_ai_act_names_what_a_reader_could_miss_in_it() -> None:
    told = framework_called("eu-ai-act").partial
    assert told is not None
    assert not {"Art5", "Art6", "Art86", "Art26(1)", "Art26(7)"} & set(_ids("eu-ai-act"))
    for missing in ("Articles 5 ", " 6 ", " 86 ", "26(1)", "26(7)"):
        assert missing in told
