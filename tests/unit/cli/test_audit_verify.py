from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main


@pytest.mark.parametrize("option", [["--key", "k"], ["--against", "c"], ["--replay"]])
def test_what_cannot_be_checked_yet_is_refused(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check that is passed over in silence would read as passed."""
    assert main(["audit", "verify", str(tmp_path), *option]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Invalid value for {option[0]}" in err
    assert "yet" in err


def test_addresses_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "https://log.example/"]) == 2
    assert "only a folder can be verified yet" in capsys.readouterr().err


def test_a_folder_without_a_log_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(tmp_path), "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert (document["result"], document["size"]) == ("FAIL", 0)
    assert document["findings"][0]["code"] == "no_records"


def test_a_folder_that_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
