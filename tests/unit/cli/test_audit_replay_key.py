"""The key of sealed values: found beside the log, handed out, brought, destroyed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import place
from tests.support.tampering import Lab, write_clean
from tests.unit.exporters.audit.logs import NOTHING, Hands, writer
from tests.unit.exporters.audit.requested import disclosed


def verify(lab: Lab, log: Path, *options: object) -> int:
    given = ("--key", lab.vkey, "--against", lab.base / "kept", "--replay", *options)
    return main(["audit", "verify", str(log), *map(str, given)])


def copy(lab: Lab, tmp_path: Path) -> Path:
    """Return the published directory as an auditor has it: without what is private."""
    return Path(shutil.copytree(lab.log, tmp_path / "elsewhere" / "copy"))


def test_beside_its_private_folder_a_log_passes_and_it_is_said_why(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(lab, lab.log) == 0
    said = capsys.readouterr()
    assert f"sealed values are opened with the keys in {lab.base / 'audit.state'}" in said.err
    assert "Sealed values of 160 windows were used" in said.out


def test_an_auditor_needs_the_key_that_the_operator_hands_out(lab: Lab, tmp_path: Path) -> None:
    log, file = copy(lab, tmp_path), tmp_path / "replay.key"
    assert verify(lab, log) == 4
    assert verify(lab, log, "--strict") == 1
    assert main(["audit", "keys", str(lab.log), "--replay-key", "-o", str(file)]) == 0
    assert file.stat().st_mode & 0o077 == 0
    (told,) = disclosed(place.find(lab.log))
    assert told["what"] == "replay_keys"
    assert told["epochs"] == [r["data"]["epoch"] for r in lab.records() if "genesis" in r["type"]]
    shutil.rmtree(lab.base / "audit.state" / "vault")
    assert verify(lab, log, "--unseal", file) == 0
    assert main(["audit", "keys", str(lab.log), "--replay-key", "-o", str(file)]) == 2


def test_a_private_folder_can_be_named(lab: Lab, tmp_path: Path) -> None:
    assert verify(lab, copy(lab, tmp_path), "--unseal", lab.base / "audit.state") == 0


def test_another_logs_key_opens_nothing(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_clean(other, "bank/cards")
    assert verify(lab, lab.log, "--unseal", other / "audit.state") == 4


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["verify", "DIR", "--unseal", "FILE"], 2),
        (["verify", "DIR", "--replay", "--unseal", "DIR"], 3),
        (["verify", "DIR", "--replay", "--unseal", "none"], 3),
        (["verify", "DIR", "--replay", "--unseal", "DIR/checkpoint"], 3),
        (["keys", "DIR", "--replay-key"], 2),
        (["keys", "DIR", "-o", "FILE"], 2),
        (["keys", "DIR", "--replay-key", "-o", "DIR/blobs/key"], 2),
        (["erase", "DIR", "--replay-key", "01A"], 2),
        (["erase", "DIR", "--replay-key", "all", "--actor", "a"], 2),
    ],
)
def test_what_cannot_be_done_is_said(
    lab: Lab, tmp_path: Path, options: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"DIR": str(lab.log), "FILE": str(tmp_path / "key")}
    arguments = [o.replace("DIR", names["DIR"]).replace("FILE", names["FILE"]) for o in options]
    assert main(["audit", *arguments]) == code
    assert capsys.readouterr().err
    assert not (lab.log / "blobs" / "key").exists()


def test_a_short_key_is_no_key(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "replay.key"
    key = {"epoch": "01A", "key": "AAAA"}
    file.write_text(json.dumps({"schema": "pantau.replay-keys/1", "keys": [key]}))
    assert verify(lab, lab.log, "--unseal", file) == 3


def test_once_the_key_is_destroyed_it_is_unknown_again_and_every_proof_holds(lab: Lab) -> None:
    erase = ["audit", "erase", str(lab.log), "--replay-key", "all", "--request", "DSR-7"]
    assert main(erase) == 0
    assert main(erase) == 2
    assert verify(lab, lab.log) == 4
    hands = Hands()
    exporter = writer(lab.base, hands, boot="boot-3", origin="bank/loans")
    exporter.start(NOTHING)
    exporter.tick(hands.wall)
    exporter.stop(5.0)
    (told,) = [r["data"] for r in lab.records_now() if ".privacy.erasure." in r["type"]]
    assert (told["what"], told["request"]) == ("replay_key", "DSR-7")
    sealed = {r["data"]["sealed"]["key"] for r in lab.records() if "sealed" in r["data"]}
    assert {told["key"]} == sealed
    given = ["--key", str(lab.vkey), "--against", str(lab.base / "kept")]
    assert main(["audit", "verify", str(lab.log), *given]) == 0
