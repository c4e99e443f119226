"""Unit tests of policies are themselves tested: what passes, what fails and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.complaint import PackError
from policies.trial import Tried, try_file

GAP = "{name: fairness.statistical_parity_difference, subject: {attribute: gender}, "
PSI = "{name: drift.psi, subject: {feature: income}, value: "


def tried(tmp_path: Path, body: str, head: str = "") -> list[Tried]:
    file = tmp_path / "gap.yaml"
    file.write_text(f"packs: [asean-guide]\n{head}tests:\n{body}")
    return try_file(file)


def one(tmp_path: Path, body: str) -> tuple[str, ...]:
    (only,) = tried(tmp_path, body)
    return only.failures


def test_what_is_as_expected_passes(tmp_path: Path) -> None:
    body = f"""
  - name: a gap of 12 points is a breach
    signals: [{GAP}low: 0.11, high: 0.13}}]
    expect:
      - {{rule: FA-1, subject: {{attribute: gender}}, state: breach, severity: page, reason: null}}
    exactly: true
"""
    (only,) = tried(tmp_path, body)
    assert only.failures == ()
    assert (only.where, only.oversight) == ("gap.yaml:4", "human_in_the_loop")
    assert only.judged == {"FA-1"}


def test_each_level_and_stage_is_tried_by_its_own_limits(tmp_path: Path) -> None:
    body = f"""
  - name: between the limits of two levels
    signals: [{GAP}low: 0.11, high: 0.13}}]
    expect: [{{rule: FA-1, state: breach}}]
"""
    head = "oversight: [human_in_the_loop, human_out_of_the_loop]\nmaturity: [baseline, advanced]\n"
    failed = {(t.oversight, t.maturity) for t in tried(tmp_path, body, head) if t.failures}
    assert failed == {
        ("human_out_of_the_loop", "baseline"),
        ("human_out_of_the_loop", "advanced"),
    }


def test_persistence_and_clearing_are_seen_over_windows(tmp_path: Path) -> None:
    body = f"""
  - name: two of three raise, two ok windows clear
    windows:
      - signals: [{PSI}0.3}}]
        expect: [{{rule: DR-1, state: breach, finding: none}}]
      - signals: [{PSI}0.3}}]
        expect: [{{rule: DR-1, finding: breach}}]
      - signals: [{PSI}0.0}}]
        expect: [{{rule: DR-1, state: ok, finding: breach}}]
      - signals: [{PSI}0.0}}]
        expect: [{{rule: DR-1, state: ok, finding: none}}]
"""
    assert one(tmp_path, body) == ()
    assert one(
        tmp_path,
        body.replace(
            "finding: none}]\n      - signals", "finding: warn}]\n" + " " * 6 + "- signals", 1
        ),
    ) == (
        (
            'window 1: DR-1 {"feature":"income"}: finding: expected warn, got none '
            "(raised by 2 of 3 windows, cleared by 2)"
        ),
    )


FAILS = {
    "a state": (
        f"signals: [{GAP}low: 0.11, high: 0.13}}]\n    expect: [{{rule: FA-1, state: ok}}]",
        (
            'FA-1 {"attribute":"gender"}: state: expected ok, got breach (warn abs> 0.05, '
            "breach abs> 0.1)"
        ),
    ),
    "a reason": (
        (
            f"signals: [{GAP}status: suppressed, reason: few}}]\n"
            "    expect: [{rule: FA-1, state: not_assessable, reason: inconclusive}]"
        ),
        'FA-1 {"attribute":"gender"}: reason: expected inconclusive, got suppressed: few',
    ),
    "a subject": (
        "expect: [{rule: FA-1, subject: {attribute: race}}]",
        'FA-1 {"attribute":"race"}: has no such verdict; it has {}',
    ),
    "several": (
        (
            f"signals: [{PSI}0.1}}, {PSI.replace('income', 'age')}0.1}}]\n"
            "    expect: [{rule: DR-1, state: ok}]"
        ),
        (
            'DR-1: has several verdicts; name the subject out of {"feature":"age"}, '
            '{"feature":"income"}'
        ),
    ),
    "a rule that is not in force": (
        "expect: [{rule: FA-11, state: ok}]",
        "gap.yaml:4: the rule 'FA-11' is not in force here; did you mean 'FA-1'?",
    ),
    "something not expected": (
        f"signals: [{PSI}0.3}}]\n    exactly: true",
        'DR-1 {"feature":"income"}: is breach, and is not expected at all',
    ),
    "an incomplete window": (
        f"signals: [{PSI}0.3}}]\n    complete: false\n    expect: [{{rule: DR-1, state: breach}}]",
        (
            'DR-1 {"feature":"income"}: state: expected breach, got not_assessable (warn > 0.1, '
            "breach > 0.2; incomplete: state_lost)"
        ),
    ),
}


@pytest.mark.parametrize("what", FAILS)
def test_what_differs_is_told_with_both_sides(tmp_path: Path, what: str) -> None:
    body, says = FAILS[what]
    assert one(tmp_path, f"  - name: x\n    {body}\n") == (says,)


REFUSED = {
    "a signal": (
        "signals: [{name: drift.pis, subject: {feature: income}, value: 0.3}]",
        "gap.yaml:4: no rule in force judges the signal 'drift.pis'; did you mean 'drift.psi'?",
    ),
    "no value": ("signals: [{name: drift.psi}]", "gap.yaml:4: signal drift.psi: needs `value`"),
    "a key": ("exepct: []", "gap.yaml:4: unknown key 'tests.0.exepct'; did you mean 'expect'?"),
    "a key of an expectation": (
        "expect: [{rule: DR-1, stat: breach}]",
        "gap.yaml:4: unknown key 'tests.0.expect.0.stat'; did you mean 'state'?",
    ),
    "nothing expected": (
        f"signals: [{PSI}0.3}}]\n    expect: []",
        "gap.yaml:3: the test 'x' expects nothing, so it cannot fail; give `expect`, or",
    ),
    "nothing expected of any window": (
        f"windows: [{{signals: [{PSI}0.3}}]}}, {{}}]",
        "gap.yaml:3: the test 'x' expects nothing, so it cannot fail",
    ),
    "a key of a signal's subject": (
        "signals: [{name: drift.psi, subject: {featur: income}, value: 0.3}]",
        "gap.yaml:4: a subject has no key 'featur'; did you mean 'feature'?",
    ),
    "a key of an expected subject": (
        "expect: [{rule: DR-1, subject: {feature: income, class: a}}]",
        "gap.yaml:4: there is no subject with the keys feature, class together",
    ),
    "an interval": ("signals: [{name: drift.psi, low: 1, high: 0}]", "needs `value`, or `low`"),
    "both": ("signals: []\n    expect: [{rule: A}]\n    windows: [{}]", "or `windows`, not both"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, what: str) -> None:
    body, says = REFUSED[what]
    with pytest.raises(PackError) as raised:
        tried(tmp_path, f"  - name: x\n    {body}\n")
    assert says in str(raised.value)
    assert "at least" not in str(raised.value)


def test_a_misspelt_signal_of_a_teams_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "id: mine\nkind: team\ntitle: T\nversion: 1.0.0\ninclude: [asean-guide]\n"
    )
    file = tmp_path / "t.yaml"
    file.write_text("packs: [mine.yaml]\ntests: [{name: x, exactly: true}]\n")
    assert try_file(file)[0].failures == ()
    with pytest.raises(PackError, match=r"no signal is called 'drift\.psi'"):
        try_file(file, signals={"drift.psy": frozenset()})


@pytest.mark.parametrize(
    ("head", "line", "says"),
    [
        ("sector: helth\n", 2, "no pack is for the sector 'helth'; did you mean 'healthcare'?"),
        ("country: XX\n", 2, "no pack is for the country 'XX'; one of: BN, ID, KH"),
        ("sector: health\ncountry: VM\n", 3, "no pack is for the country 'VM'; "),
    ],
)
def test_a_country_or_sector_without_a_pack_is_refused(
    head: str, line: int, says: str, tmp_path: Path
) -> None:
    body = f"""
  - name: a gap
    signals: [{GAP}low: 0.11, high: 0.13}}]
    expect: [{{rule: FA-1, state: breach}}]
"""
    with pytest.raises(PackError) as raised:
        tried(tmp_path, body, head)
    assert str(raised.value).startswith(f"gap.yaml:{line}: {says}")


def test_a_country_whose_pack_the_file_names_itself_is_none_unknown(tmp_path: Path) -> None:
    own = "id: country-jp\nkind: country\ncountry: JP\ntitle: Japan\nversion: 1.0.0\n"
    own += "disclaimer: no advice\nsources: [{id: own, title: Own}]\n"
    (tmp_path / "japan.yaml").write_text(own, encoding="utf-8")
    body = f"""
  - name: a gap
    signals: [{GAP}low: 0.11, high: 0.13}}]
    expect: [{{rule: FA-1, state: breach}}]
"""
    (tmp_path / "jp.yaml").write_text(
        f"packs: [asean-guide, ./japan.yaml]\ncountry: JP\nsector: Banking\ntests:\n{body}"
    )
    (only,) = try_file(tmp_path / "jp.yaml")
    assert only.failures == ()
