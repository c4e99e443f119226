from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main


def test_packs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "list"]) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.split() == ["PACK", "KIND", "VERSION", "RULES", "TITLE"]
    assert rows[0].startswith("asean-guide ")


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
