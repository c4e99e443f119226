"""`audit prove`, `verify-proof`, `consistency`, `compare` and `keys`, as an auditor calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.cli.main import main
from exporters.audit.format import note, proof
from exporters.audit.read.key_list import list_keys
from tests.support.tampering import Lab, flip_in_checkpoint, said, write_clean
from tests.support.tampering import flip_verdict as flip
from tests.unit.exporters.audit.lives import Life, newest_keys


def run(*arguments: object) -> int:
    return main(["audit", *map(str, arguments)])


@pytest.mark.parametrize("seq", [0, 1, 255, 256, 300, -1])
def test_a_proof_holds_without_the_log(lab: Lab, tmp_path: Path, seq: int) -> None:
    number = seq % lab.size
    file, record = tmp_path / "x.tlog-proof", tmp_path / "x.json"
    assert run("prove", lab.log, "--seq", number, "-o", file, "--record", record) == 0
    assert json.loads(record.read_bytes())["seq"] == number
    shutil.rmtree(lab.log)
    assert run("verify-proof", file, record, "--key", lab.vkey) == 0
    record.write_bytes(record.read_bytes() + b"\n")
    assert run("verify-proof", file, record, "--key", lab.vkey) == 0


def test_without_the_key_a_proof_is_unknown(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, record = tmp_path / "x.tlog-proof", tmp_path / "x.json"
    run("prove", lab.log, "--seq", 7, "-o", file, "--record", record)
    assert run("verify-proof", file, record) == 4
    assert "UNKNOWN: it is record 7" in capsys.readouterr().out


def test_a_mutated_proof_another_record_and_another_key_fail(lab: Lab, tmp_path: Path) -> None:
    file, record = tmp_path / "x.tlog-proof", tmp_path / "x.json"
    run("prove", lab.log, "--seq", 7, "-o", file, "--record", record)
    good, right = file.read_bytes(), record.read_bytes()
    record.write_bytes(right.replace(b'"seq":7', b'"seq":8'))
    assert run("verify-proof", file, record, "--key", lab.vkey) == 1
    record.write_bytes(right)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = note.vkey(lab.origin, note.public_bytes(other))
    assert run("verify-proof", file, record, "--key", key) == 1
    file.write_bytes(good.replace(b"index 7", b"index 6"))
    assert run("verify-proof", file, record, "--key", lab.vkey) == 1
    assert run("verify-proof", file, record) == 1
    parts = proof.decode(good)
    fewer = proof.Proof(parts.index, parts.hashes[1:], parts.checkpoint)
    file.write_bytes(proof.encode(fewer))
    assert run("verify-proof", file, record, "--key", lab.vkey) == 1
    file.write_bytes(b"nothing of the kind")
    assert run("verify-proof", file, record, "--key", lab.vkey) == 1


def test_there_is_no_proof_of_a_record_that_is_not_there(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prove", lab.log, "--seq", lab.size, "-o", tmp_path / "x") == 3
    assert f"there is no record {lab.size}" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_there_is_no_proof_from_damaged_files(lab: Lab, tmp_path: Path) -> None:
    lab.flip("tile/entries/000", 5_000)
    failed = [run("prove", lab.log, "--seq", n, "-o", tmp_path / "x") for n in range(256)]
    assert failed.count(3) == 1
    (lab.log / "tile/0/000").unlink()
    assert run("prove", lab.log, "--seq", 0, "-o", tmp_path / "x") == 3


def test_a_kept_checkpoint_is_continued_and_a_fork_is_not(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, newest = lab.base / "kept", lab.log / "checkpoint"
    assert run("consistency", lab.log, kept, newest) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"PASS: the {lab.size} records begin with the ")
    assert len(out) > 1
    assert run("consistency", lab.log, kept, lab.size) == 0
    capsys.readouterr()
    assert run("consistency", lab.log, newest, kept) == 1
    assert (
        f"FAIL: OLD ({newest}, {lab.size} records) is newer than NEW (" in capsys.readouterr().out
    )
    lab.resign(flip)
    assert run("consistency", lab.log, kept, newest) == 1


def test_two_copies_agree_also_when_one_is_behind(lab: Lab, clean: Path, tmp_path: Path) -> None:
    assert run("compare", lab.log, clean / "audit") == 0
    from tests.support.tampering import restore_old

    restore_old(lab, clean_up=True)
    assert run("compare", lab.log, clean / "audit") == 0
    assert run("compare", clean / "audit", lab.log) == 0


def test_a_split_view_is_found_and_its_first_record_named(
    lab: Lab, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = lab.entries()
    lab.resign(flip)
    different = next(i for i, e in enumerate(lab.entries()) if e != before[i])
    assert run("compare", lab.log, clean / "audit") == 1
    assert f"split view: record {different} differs" in capsys.readouterr().out


def test_copies_of_different_logs_and_damaged_ones_are_told(
    lab: Lab, clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_clean(tmp_path, "bank/cards")
    assert run("compare", lab.log, other) == 1
    assert "no epoch is in both" in capsys.readouterr().out
    lab.flip("tile/1/000.p/1", 5)
    assert run("compare", lab.log, clean / "audit") == 4


def test_keys_are_listed_with_where_they_begin(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", lab.log) == 0
    assert str(lab.vkey) in capsys.readouterr().out
    (listed,) = list_keys(lab.log)
    assert (listed.first, listed.signs) == (0, "yes")
    assert said(lab.log)[0].endswith(listed.epoch)


def test_the_key_that_signs_is_printed_as_verify_takes_it(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", lab.log, "--vkey") == 0
    (tmp_path / "bank.vkey").write_text(capsys.readouterr().out)
    kept = lab.base / "kept"
    command = ["verify", lab.log, "--key", tmp_path / "bank.vkey", "--against", kept]
    assert run(*command) == 0
    assert run("keys", lab.log, "--vkey", "--rotate") == 2


def test_a_key_that_did_not_sign_is_not_handed_out(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_in_checkpoint(lab, -1)
    assert run("keys", lab.log, "--vkey") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "is wrong" in err


def test_of_two_keys_that_sign_the_newer_one_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    life = Life(tmp_path)
    life.rotate()
    life.exporter.stop(5.0)
    new, old = newest_keys(life.log)
    assert old == life.first_key
    capsys.readouterr()
    assert run("keys", life.log, "--vkey") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(new)


def test_keys_of_no_log_is_an_error(tmp_path: Path) -> None:
    assert run("keys", tmp_path) == 3


def test_a_rotation_can_be_asked_for_where_the_private_files_are(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", lab.log, "--rotate") == 0
    assert (lab.base / "audit.state" / "rotate").exists()
    shutil.rmtree(lab.base / "audit.state")
    assert run("keys", lab.log, "--rotate") == 2
    assert "is not on this machine" in capsys.readouterr().err
