from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.cli.main import main
from exporters.audit.format import checkpoint, note
from exporters.audit.read.source import Folder, Web
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


def another(log: Path, folder: Path, size: int) -> str:
    """Return the file of a checkpoint of this log that nobody signed who is known."""
    origin = (log / "checkpoint").read_text().splitlines()[0]
    text = checkpoint.text(origin, size, bytes(32))
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    (folder / "theirs").write_bytes(note.sign(text, [(origin, key)]))
    return str(folder / "theirs")


@pytest.mark.parametrize("size", [3, 1_000_000])
def test_with_a_key_an_outside_checkpoint_has_to_be_signed(
    size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path)
    command = ["audit", "verify", str(log), "--against", another(log, tmp_path, size), "--json"]
    assert main(command) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["code"] == ("fork" if size == 3 else "rollback")
    assert main([*command, "--key", vkey(log)]) == 4
    document = json.loads(capsys.readouterr().out)
    assert [f["code"] for f in document["findings"]] == [
        "checkpoint_unverified",
        "no_external_checkpoint",
    ]
    assert document["checks"]["memory"] == "UNKNOWN"


def test_no_negative_number_of_records_is_younger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path)
    assert main(["audit", "verify", str(log), "--against", another(log, tmp_path, 99)]) == 1
    assert "\n0 of " in capsys.readouterr().out


def test_a_served_log_that_is_refused_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_log(tmp_path)
    (log / "checkpoint").write_bytes(b"no checkpoint")
    monkeypatch.setattr(Web, "read", lambda self, path: Folder(log).read(path))
    assert main(["audit", "verify", "http://log.example/"]) == 1
    out, err = capsys.readouterr()
    assert "checkpoint_malformed" in err
    assert "Result: FAIL" in out
