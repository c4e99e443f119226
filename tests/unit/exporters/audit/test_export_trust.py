"""What is not exported: what the log's key did not sign, and what is no record."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.cli.main import main
from exporters.audit.format import note
from exporters.audit.read.forms import FORMS
from exporters.audit.read.pinned import pin
from tests.support.tampering import Lab, edit_and_hash_again, flip_verdict, write_log
from tests.unit.exporters.audit.lives import Life, newest_keys

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


def export(log: Path, *options: object, form: str = "jsonl") -> int:
    output = log.parent / "out"
    return main(
        ["audit", "export", str(log), "--format", form, "-o", str(output), *map(str, options)]
    )


def require_refused(
    log: Path, capsys: pytest.CaptureFixture[str], why: str, *options: object, form: str = "jsonl"
) -> None:
    assert export(log, *options, form=form) == 3
    said = capsys.readouterr().err
    assert why in said
    assert "so nothing is exported" in said
    assert "defect" not in said
    assert not list(log.parent.glob("*out*"))


@pytest.mark.parametrize("form", FORMS)
def test_a_tree_under_an_old_signature_is_not_exported(
    lab: Lab, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    signature = (lab.log / "checkpoint").read_bytes().partition(b"\n\n")[2]
    lab.resign(flip_verdict)
    text = (lab.log / "checkpoint").read_bytes().partition(b"\n\n")[0]
    lab.put("checkpoint", text + b"\n\n" + signature)
    for options in ((), ("--key", lab.vkey)):
        require_refused(lab.log, capsys, "signature_invalid at checkpoint", *options, form=form)


def test_a_tree_that_was_hashed_again_is_not_exported(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_and_hash_again(lab)
    require_refused(lab.log, capsys, "is damaged")


def test_what_a_stranger_signed_is_not_exported(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.grow_again(lab.entries(), STRANGER)
    for options in ((), ("--key", lab.vkey)):
        require_refused(lab.log, capsys, "key_unknown at checkpoint", *options)


def test_a_log_is_exported_by_the_key_that_is_given_or_kept(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    other = note.vkey(lab.origin, note.public_bytes(STRANGER))
    require_refused(lab.log, capsys, "key_unknown at checkpoint", "--key", other)
    assert export(lab.log) == 0
    assert "only the log itself says" in capsys.readouterr().err
    assert export(lab.log, "--key", lab.vkey) == 0
    assert "only the log itself says" not in capsys.readouterr().err
    (lab.base / "out").unlink()
    pin(lab.log, [other])
    require_refused(lab.log, capsys, "key_unknown at checkpoint")
    pin(lab.log, [lab.vkey])
    assert export(lab.log) == 0
    assert "only the log itself says" not in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "change",
    [
        lambda entry: b"{}",
        lambda entry: b"null",
        lambda entry: b"[]",
        lambda entry: b"hello",
        lambda entry: b"\xff",
        lambda entry: b"[" * 50_000,
        lambda entry: entry.replace(b'"seq":7', b'"seq":NaN'),
        lambda entry: entry.replace(b'"seq":7', b'"seq":' + b"9" * 5_000),
        lambda entry: entry.replace(b'"subject":"', b'"subject":"\\ud800'),
        lambda entry: entry.replace(b'"time":"2', b'"time":"X'),
        lambda entry: entry.replace(b'"actor":{', b'"actor":{"name":"Ada",'),
    ],
)
def test_what_is_no_record_is_not_exported(
    lab: Lab, capsys: pytest.CaptureFixture[str], change: object, form: str
) -> None:
    entries = lab.entries()
    assert callable(change)
    changed = change(entries[7])
    assert changed != entries[7]
    lab.grow_again([*entries[:7], changed, *entries[8:]], lab.key)
    require_refused(lab.log, capsys, "schema_violation at entry 7", form=form)


def test_epochs_are_exported_by_the_key_of_any_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    life = Life(tmp_path)
    life.next_epoch()
    life.rotate()
    life.let_the_old_key_go()
    for options in ((), ("--key", life.first_key), ("--key", newest_keys(life.log)[0])):
        assert export(life.log, *options) == 0, options
    (tmp_path / "out").unlink()
    folder = next((life.log / "epochs").iterdir())
    (folder / "checkpoint").unlink()
    require_refused(life.log, capsys, "checkpoint_missing at epochs/")


def test_an_epoch_that_nothing_names_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    life = Life(tmp_path)
    life.next_epoch()
    life.exporter.stop(5.0)
    folder = next((life.log / "epochs").iterdir())
    mine = Lab(tmp_path, tmp_path, folder.name)
    name = "bank/x/01AAAAAAAAAAAAAAAAAAAAAAAA"
    key = note.vkey(name, note.public_bytes(STRANGER))
    entries = [
        entry.replace(mine.origin.encode(), name.encode()).replace(
            str(mine.vkey).replace(mine.origin, name).encode(), str(key).encode()
        )
        for entry in mine.entries()
    ]
    write_log(folder.with_name(name.rpartition("/")[2]), entries, name, STRANGER)
    for options in ((), ("--key", life.first_key)):
        require_refused(life.log, capsys, "epoch_unlinked at epochs/01AAAA", *options)
