from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from policies.effective import effective
from policies.load import load_packs


def test_packs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "list"]) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.split() == "PACK KIND VERSION RULES CHANGES CLOCKS LAWS TITLE".split()
    assert rows[0].startswith("asean-guide ")
    vietnam = next(row.split() for row in rows if row.startswith("country-vn "))
    assert vietnam[3:7] == ["-", "-", "2", "4"]


def test_packs_are_listed_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "list", "--output", "json"]) == 0
    out, err = capsys.readouterr()
    packs = [json.loads(line) for line in out.splitlines()]
    assert "asean-guide" in [pack["id"] for pack in packs]
    assert err == ""


def test_a_pack_is_shown_with_its_seven_principles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "asean-guide"]) == 0
    text = capsys.readouterr().out
    assert all(f"\nP{n} " in text for n in range(1, 8))
    assert main(["policy", "show", "asean-guide", "--output", "json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert len(json.loads(line)["principles"]) == 7


def test_an_unknown_pack_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "asian-guide"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "there is no policy pack 'asian-guide'" in err
    assert "asean-guide" in err


PASSES = """packs: [asean-guide]
tests:
  - name: a small gap is fine
    signals:
      - {name: fairness.statistical_parity_difference, subject: {attribute: gender}, value: 0.01}
    expect: [{rule: FA-1, state: ok}]
"""


def test_policy_tests_pass_and_fail_by_their_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gap.yaml"
    file.write_text(PASSES)
    assert main(["policy", "test", str(file)]) == 0
    assert capsys.readouterr().out == "1 tests passed\n"
    file.write_text(PASSES.replace("state: ok", "state: warn"))
    assert main(["policy", "test", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "FAIL gap.yaml:3: a small gap is fine (human_in_the_loop, advanced)" in out
    assert "state: expected warn, got ok" in out
    assert main(["policy", "test", str(file), "--output", "json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["result"] == "fail"


def test_files_that_are_no_policy_tests_are_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "test", str(tmp_path)]) == 2
    assert "holds no .yaml file" in capsys.readouterr().err
    assert main(["policy", "test", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


BANK = """id: our-bank
kind: team
title: What our bank asks for
version: 1.0.0
include: [asean-guide]
changes:
  - rule: FA-2
    thresholds: {human_in_the_loop: {warn: {at: 0.95, origin: ours}}}
    reason: minutes of 3 March
  - rule: DR-4
    disable: true
    reason: no scores
    waiver: {by: ann, reason: until scores are logged, expires: 2026-01-31}
"""


def bank(tmp_path: Path) -> Path:
    (tmp_path / "bank.yaml").write_text(BANK)
    config = tmp_path / "pantau.yaml"
    config.write_text(
        "systems: [{id: loan, country: MY, sector: finance}]\npolicies: {packs: [bank.yaml]}\n"
    )
    return config


def test_a_systems_policy_is_explained_down_to_who_set_each_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = bank(tmp_path)
    assert main(["policy", "explain", "loan", "-c", str(config), "--output", "json"]) == 0
    head, *documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (head["system"], head["oversight"]) == ("loan", "human_in_the_loop")
    assert head["packs"] == [
        {"pack": str(tmp_path / "bank.yaml"), "why": "configured"},
        {"pack": "sector-financial-services", "why": "sector finance"},
        {"pack": "country-my", "why": "country MY"},
        {"pack": "asean-guide", "why": "included by our-bank"},
    ]
    rule = next(d for d in documents if d.get("rule") == "FA-2" and d["kind"] == "rule")
    numbers = {number["part"]: number for number in rule["numbers"]}
    assert numbers["warn"] == {
        "part": "warn",
        "value": "< 0.95",
        "origin": "ours",
        "from": "our-bank",
        "because": "minutes of 3 March",
    }
    assert (numbers["breach"]["from"], numbers["breach"]["origin"]) == (
        "asean-guide",
        "law_elsewhere",
    )
    assert all(number["from"] for number in numbers.values())
    out = {d["rule"]: d["why"] for d in documents if d["kind"] == "not_in_force"}
    assert out["DR-4"] == "disabled by our-bank"
    assert out["DR-2"] == "runs from stage intermediate on; this system is at baseline"
    (waiver,) = [d for d in documents if d["kind"] == "waiver"]
    assert (waiver["rule"], waiver["by"], waiver["expires"]) == ("DR-4", "ann", "2026-01-31")


def test_one_rule_is_explained_and_an_unknown_one_gets_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = bank(tmp_path)
    assert main(["policy", "explain", "-c", str(config), "--rule", "FA-2"]) == 0
    out = capsys.readouterr().out
    assert "< 0.95 (ours)  <- our-bank: minutes of 3 March" in out
    assert "country-my (country MY), asean-guide (included by our-bank)" in out
    assert "\n  refers to: ASEAN-GUIDE:B.2, " in out
    assert "FA-1" not in out
    assert main(["policy", "explain", "-c", str(config), "--rule", "FA-22"]) == 2
    assert "did you mean 'FA-2'?" in capsys.readouterr().err


def test_a_rule_that_only_warns_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = bank(tmp_path)
    assert main(["policy", "explain", "-c", str(config), "--rule", "HO-5"]) == 0
    assert "    breach             never  <- asean-guide" in capsys.readouterr().out.splitlines()
    assert main(["policy", "show", "asean-guide"]) == 0
    shown = capsys.readouterr().out
    assert "human_out_of_the_loop: > 365 (ours) warns, nothing breaches" in shown
    assert "> 180 (ours) breaches, from intermediate" in shown
    assert "e+308" not in shown


def test_two_packs_are_compared_part_by_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank(tmp_path)
    assert main(["policy", "diff", "asean-guide", str(tmp_path / "bank.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "~ FA-2 thresholds.human_in_the_loop.warn.at: 0.9 -> 0.95" in lines
    assert "- DR-4" in lines
    assert "+ waivers:DR-4" in lines
    assert main(["policy", "diff", "asean-guide", "asean-guide"]) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert main(["policy", "diff", "asean-guide", "asian-guide"]) == 2


def test_a_risk_and_a_reason_are_compared_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    document = load_packs(["asean-guide"])[0].model_dump(mode="json", exclude_none=True)
    for file, tier in ((one, "high"), (two, "medium")):
        document["id"] = file.stem
        document["risk"]["matrix"]["medium"]["medium"] = tier
        file.write_text(json.dumps(document))
    assert main(["policy", "diff", str(one), str(two)]) == 0
    renamed = "~ packs:one id: one -> two\n"
    assert capsys.readouterr().out == (
        f"{renamed}~ policy risk.matrix.medium.medium: high -> medium\n"
    )
    digests = {
        effective(
            load_packs([str(file)]), oversight="human_in_the_loop", maturity="baseline"
        ).text.replace(file.stem.encode(), b"")
        for file in (one, two)
    }
    assert len(digests) == 2
    head = "kind: team\ntitle: T\nversion: 1.0.0\ninclude: [asean-guide]\n"
    for file, why in ((one, "minutes of March"), (two, "minutes of May")):
        change = f"changes: [{{rule: FA-1, stage: baseline, reason: {why}}}]\n"
        file.write_text(f"id: {file.stem}\n{head}{change}")
    assert main(["policy", "diff", str(one), str(two)]) == 0
    assert capsys.readouterr().out == (
        f"~ FA-1 because.one: minutes of March -> minutes of May\n{renamed}"
    )


def test_a_comparison_refuses_a_signal_that_there_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = load_packs(["sustainability"])[-1].rules[0].model_dump(mode="json", exclude_none=True)
    rule |= {"id": "XX-1", "signal": "drift.psl", "crosswalk": [], "sources": []}
    file = tmp_path / "mine.yaml"
    file.write_text(
        f"id: mine\nkind: team\ntitle: T\nversion: 1.0.0\nrules: [{json.dumps(rule)}]\n"
    )
    assert main(["policy", "diff", "asean-guide", str(file)]) == 2
    assert "no signal is called 'drift.psl'; did you mean 'drift.psi'?" in capsys.readouterr().err


def test_a_kept_policy_text_is_compared_with_a_pack_for_the_same_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank(tmp_path)
    kept = tmp_path / "blob"
    policy = effective(
        load_packs(["asean-guide"]), oversight="human_in_the_loop", maturity="baseline"
    )
    kept.write_bytes(policy.text)
    assert main(["policy", "diff", str(kept), str(tmp_path / "bank.yaml")]) == 0
    assert "~ FA-2 threshold.warn: 0.9 -> 0.95" in capsys.readouterr().out.splitlines()
    kept.write_text("{}")
    assert main(["policy", "diff", str(kept), "asean-guide"]) == 2
    assert "not the text of a policy" in capsys.readouterr().err


def test_a_framework_shows_what_is_covered_and_what_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["policy", "show", "--framework", "eu-ai-act", "--output", "json"]) == 0
    rows = {row["item"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert "FA-1" in rows["Art10"]["rules"]
    assert rows["Art22"]["covered"] is False
    assert main(["policy", "show", "--framework", "eu-ai-act"]) == 0
    text = capsys.readouterr().out
    assert "not covered" in text
    assert "from 2 December 2027 for systems of Annex III and from 2 August 2028" in text
    assert "Automatic recording of events (applies from 2027-12-02 at the earliest)" in text
    assert "none of it is a finding of compliance" in text
    assert main(["policy", "show", "--framework", "eu-ai-ac"]) == 2
    assert "did you mean 'eu-ai-act'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("include: [ours.yaml]", "ours.yaml:5: the packs include each other in a circle"),
        ("include: [asean-giude]", "ours.yaml:5: there is no policy pack 'asean-giude'; did you"),
        (
            "include: [asean-guide]\nchanges: [{rule: FA-9, stage: baseline, reason: so}]",
            "ours.yaml:6: rule FA-9: no pack before this one has the rule 'FA-9'; did you mean",
        ),
    ],
)
def test_showing_a_file_does_not_pass_over_what_is_wrong_with_it(
    body: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(f"id: ours\nkind: team\ntitle: Ours\nversion: 1.0.0\n{body}\n")
    assert main(["policy", "show", str(file)]) == 2
    out, err = capsys.readouterr()
    assert (out, says in err) == ("", True)
