"""`docs/asean.md` says what the packs do, names nothing that there is not, and claims no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies.load import load_pack
from policies.model import PRINCIPLES
from policies.table import PACKS

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "asean.md").read_text(encoding="utf-8")
BASE = load_pack("asean-guide")
RULES = {rule.id for name in PACKS for rule in load_pack(name).rules}
UNJUDGED = PAGE.split("## Controls that no rule judges")[1].split("\n## ")[0]
CONTROLS = (
    "DR-1 DR-2 DR-3 DR-4 DQ-1 DQ-2 PF-1 PF-2 PF-3 AN-1 AN-2 AN-3 FA-1 FA-2 FA-3 FA-4 FA-5 FA-6 "
    "FA-7 HO-1 HO-2 HO-3 HO-4 TR-1 TR-2 TR-3 PR-1 PR-2 AC-1 AC-2 SU-1"
).split()
"""The working list of controls that the packs were written from."""


def _is_judged(control: str) -> bool:
    return any(rule == control or rule.startswith(control + "-") for rule in RULES)


@pytest.mark.parametrize("control", CONTROLS)
def test_each_control_is_judged_by_a_rule_or_listed_with_what_to_attach(control: str) -> None:
    assert _is_judged(control) or f"| `{control}` " in UNJUDGED


def test_every_rule_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`([A-Z]{2}-[0-9][A-Za-z0-9-]*)`", PAGE))
    assert named - RULES <= {c for c in CONTROLS if f"| `{c}` " in UNJUDGED}


def test_every_rule_stands_under_its_principle() -> None:
    for name in PACKS:
        for rule in load_pack(name).rules:
            block = PAGE.split(f"<!-- begin watched {rule.principle}:")[1].split("<!-- end")[0]
            assert f"| `{rule.id}` | {rule.title} |" in block


def test_the_seven_principles_have_their_names_and_order() -> None:
    headings = re.findall(r"^## (P\d) (.+)$", PAGE, re.MULTILINE)
    assert headings == list(PRINCIPLES.items())
    for principle in PRINCIPLES:
        section = PAGE.split(f"## {principle} ")[1].split("\n## ")[0]
        assert "*Cannot see*:" in section
        assert "*Attach*:" in section


def test_each_question_of_annex_a_has_its_row_and_somebody_who_answers() -> None:
    for question in BASE.questions:
        assert f"| {question.id} | {question.title} | {question.evidence} |" in PAGE
    assert len(BASE.questions) == 39
    assert {q.evidence for q in BASE.questions} == {"automatic", "attachable", "manual"}


def test_what_is_not_claimed_is_said() -> None:
    words = " ".join(PAGE.split())
    for phrase in (
        "contains no numeric thresholds",
        "no finding of compliance",
        "not legal advice",
        "**seven** principles",
        "lists six principles",
        "this project's words. ASEAN gives no levels",
        "tamper-*evident*",
    ):
        assert phrase in words.replace("**contains no numeric thresholds**", phrase), phrase


def test_the_guides_structure_is_in_the_base_pack() -> None:
    assert [component.title for component in BASE.components] == [
        "Internal governance structures and measures",
        "Determining the level of human involvement in AI-augmented decision-making",
        "Operations management",
        "Stakeholder interaction and communication",
    ]
    assert [category.id for category in BASE.involvement] == [
        "human_in_the_loop",
        "human_over_the_loop",
        "human_out_of_the_loop",
    ]
    assert BASE.risk is not None
    assert BASE.risk.tier("low", "low") == "minimal"
    assert BASE.risk.tier("low", "high") == "high"
    assert BASE.risk.tier("medium", "low") == "medium"
    assert BASE.risk.allowed("high") == ("human_in_the_loop",)
    assert "human_out_of_the_loop" not in BASE.risk.allowed("medium")


def test_evidence_of_a_rule_is_no_more_than_the_question_allows() -> None:
    kinds = {question.id: question.evidence for question in BASE.questions}
    for name in PACKS:
        pack = load_pack(name)
        given = [rule.evidence for rule in pack.rules] + [one.evidence for one in pack.changes]
        for question, kind in (pair for evidence in given for pair in evidence.items()):
            assert kind == kinds[question], (name, question)


DIFFERS = PAGE.split("## Where the packs differ from that list")[1].split("\n## ")[0]
SPLIT = {
    "HO-4": ("HO-4-appeals", {"FEAT:11", "EUAIA:Art26(11)"}),
    "AC-1-correction": ("AC-1", {"ISO42001:A.8.3"}),
}
"""Rule of a control that is several -> the rule that has these references of it instead."""


@pytest.mark.parametrize("rule", SPLIT)
def test_what_a_rule_does_not_refer_to_is_with_another_of_its_control_and_explained(
    rule: str,
) -> None:
    crosswalks = {one.id: set(one.crosswalk) for one in BASE.rules}
    other, references = SPLIT[rule]
    assert references <= crosswalks[other]
    assert not references & crosswalks[rule]
    assert f"`{rule}`" in DIFFERS
    assert f"`{other}`" in DIFFERS


def test_that_manufacturing_judges_fairness_where_there_are_people_is_explained() -> None:
    disabled = [one.rule for one in load_pack("sector-manufacturing").changes if one.disable]
    assert disabled == []
    assert "`sector-manufacturing` does not switch fairness off" in DIFFERS
    assert "`DR-3` counts every feature alike" in DIFFERS


def test_links_lead_to_something() -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (DOCS / target).exists(), target
