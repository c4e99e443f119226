from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.unit.exporters.audit.logs import write_log


def vkey(log: Path) -> str:
    text: str = json.loads((log / "log.json").read_bytes())["vkeys"][0]
    return text


def test_with_key_and_an_outside_checkpoint_a_log_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path)
    kept = str(log / "checkpoint")
    assert main(["audit", "verify", str(log), "--key", vkey(log), "--against", kept]) == 0
    assert "Result: PASS" in capsys.readouterr().out


def test_an_outside_checkpoint_may_be_the_size_and_root_of_an_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path)
    _, size, root, *_ = (log / "checkpoint").read_text().splitlines()
    assert main(["audit", "verify", str(log), "--against", f"{size}:{root}"]) == 0
    assert main(["audit", "verify", str(log), "--against", f"{int(size) + 1}:{root}"]) == 1
    assert "rollback at" in capsys.readouterr().out


def test_the_log_alone_is_unknown_and_with_strict_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path)
    assert main(["audit", "verify", str(log), "--json"]) == 4
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert document["result"] == "UNKNOWN"
    assert [f["code"] for f in document["findings"]] == ["no_external_checkpoint"]
    _, size, root, *_ = (log / "checkpoint").read_text().splitlines()
    assert (document["size"], document["root"]) == (int(size), root)
    assert main(["audit", "verify", str(log), "--strict"]) == 1


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--key", "k"], "neither a key of the form"),
        (["--key", "a+b+c"], "no key of the form"),
        (["--against", "nowhere"], "neither a readable file nor"),
    ],
)
def test_evidence_that_is_none_is_a_usage_error(
    option: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path)
    assert main(["audit", "verify", str(log), *option]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_the_private_files_can_be_verified_but_not_against_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check that is passed over in silence would read as passed."""
    log = write_log(tmp_path)
    state = str(log.with_name("audit.state"))
    assert main(["audit", "verify", state]) == 0
    assert "Not covered: these are the private files" in capsys.readouterr().out
    assert main(["audit", "verify", state, "--replay"]) == 2
    assert "not signed; verify the" in capsys.readouterr().err


def test_an_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "ftp://log.example/"]) == 2
    assert "only http and https" in capsys.readouterr().err


def test_an_address_where_nothing_answers_is_a_runtime_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["audit", "verify", "http://127.0.0.1:9/"]) == 3
    assert "127.0.0.1:9" in capsys.readouterr().err


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
