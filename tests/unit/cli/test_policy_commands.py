from __future__ import annotations

import json

import pytest

from agent.cli.main import main


def test_packs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "list"]) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.split() == ["PACK", "VERSION", "RULES", "TITLE"]
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
