"""Crypto-shredding: what is destroyed cannot be read or linked, and no proof breaks."""

from __future__ import annotations

import errno
import json
import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import disk, vault
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from exporters.audit.types import PSEUDONYM
from tests.support.tampering import Lab
from tests.unit.exporters.audit.logs import NOTHING, Hands, writer

JANUARY, MARCH, APRIL = 1_767_225_600.0, 1_774_900_000.0, 1_775_100_000.0
TEXT = b"the applicant's father rang and complained"


def test_a_person_has_one_name_a_quarter_that_nobody_can_guess(tmp_path: Path) -> None:
    name = vault.pseudonym(tmp_path, "siti@bank.example", JANUARY)
    assert re.fullmatch(PSEUDONYM, name)
    assert vault.pseudonym(tmp_path, "siti@bank.example", MARCH) == name
    assert vault.pseudonym(tmp_path, "siti@bank.example", APRIL) != name
    assert vault.pseudonym(tmp_path, "budi@bank.example", JANUARY) != name
    for path in tmp_path.rglob("*"):
        assert "siti" not in path.name
        assert not path.is_file() or b"siti" not in path.read_bytes()


def test_after_erasure_the_old_name_can_never_be_made_again(tmp_path: Path) -> None:
    old = [vault.pseudonym(tmp_path, "siti@bank.example", at) for at in (JANUARY, APRIL)]
    other = vault.pseudonym(tmp_path, "budi@bank.example", JANUARY)
    targets = vault.actor_targets(tmp_path, "siti@bank.example")
    vault.destroy(tmp_path, tmp_path, targets)
    assert [target.key for target in targets] == [name.split(":")[1] for name in old]
    again = [vault.pseudonym(tmp_path, "siti@bank.example", at) for at in (JANUARY, APRIL)]
    assert not set(again) & set(old)
    assert vault.pseudonym(tmp_path, "budi@bank.example", JANUARY) == other
    vault.destroy(tmp_path, tmp_path, vault.actor_targets(tmp_path, "siti@bank.example"))
    with pytest.raises(vault.NotInVault):
        vault.actor_targets(tmp_path, "siti@bank.example")


def test_a_sealed_text_is_published_unreadable_and_gone_when_erased(tmp_path: Path) -> None:
    state, public = tmp_path / "state", tmp_path / "public"
    digest = vault.seal(state, public, TEXT)
    (blob,) = (public / "blobs").iterdir()
    kept = blob.read_bytes()
    assert TEXT[:10] not in kept
    assert vault.unseal(state, public, digest) == TEXT
    vault.destroy(state, public, vault.blob_targets(state, digest))
    assert not blob.exists()
    blob.write_bytes(kept)
    with pytest.raises(vault.NotInVault):
        vault.unseal(state, public, digest)
    with pytest.raises(vault.NotInVault):
        vault.blob_targets(state, digest)


def test_a_key_is_overwritten_before_it_goes(tmp_path: Path) -> None:
    """Whoever has the file open, or finds its blocks on the disk, finds no key."""
    state, public = tmp_path / "state", tmp_path / "public"
    vault.pseudonym(state, "siti@bank.example", JANUARY)
    digest = vault.seal(state, public, TEXT)
    for epoch in ("E1", "E2"):
        vault.replay_key(state, epoch)
    with ExitStack() as stack:
        kept = [
            (path.stat().st_size, stack.enter_context(path.open("rb", buffering=0)))
            for path in (state / "vault").rglob("*")
            if path.is_file() and path.name != "names.key"
        ]
        vault.destroy(state, public, vault.actor_targets(state, "siti@bank.example"))
        vault.destroy(state, public, vault.blob_targets(state, digest))
        vault.destroy(state, public, vault.replay_targets(state, "E1"))
        vault.forget_replay_keys(state, "E2")
        assert [path.name for path in (state / "vault").rglob("*") if path.is_file()] == [
            "names.key"
        ]
        assert len(kept) == 4
        for size, file in kept:
            assert size >= 32
            assert file.read() == bytes(size)


@pytest.mark.parametrize("digest", ["", "sha256:", "../../head.json", "sha256:" + "g" * 64])
def test_what_is_no_digest_reaches_no_file(tmp_path: Path, digest: str) -> None:
    with pytest.raises(vault.NotInVault):
        vault.blob_targets(tmp_path, digest)


def test_erasure_is_recorded_and_the_log_still_verifies(lab: Lab) -> None:
    state = lab.base / "audit.state"
    name = vault.pseudonym(state, "siti@bank.example", JANUARY)
    digest = vault.seal(state, lab.log, TEXT)
    log = str(lab.log)
    assert main(["audit", "erase", log, "--actor", "siti@bank.example", "--request", "DSR-7"]) == 0
    assert main(["audit", "erase", log, "--blob", digest]) == 0
    assert main(["audit", "erase", log, "--blob", digest]) == 2
    hands = Hands()
    exporter = writer(lab.base, hands, boot="boot-3", origin="bank/loans")
    exporter.start(NOTHING)
    exporter.tick(hands.wall)
    exporter.stop(5.0)
    told = [r["data"] for r in lab.records_now() if ".privacy.erasure." in r["type"]]
    key = name.split(":")[1]
    assert sorted(told, key=lambda data: str(data["what"])) == [
        {"what": "actor", "key": key, "request": "DSR-7"},
        {"what": "blob", "blob": digest},
    ]
    evidence = Evidence((lab.vkey,), (read_checkpoint(str(lab.base / "kept")),))
    assert verify_published(lab.log, evidence).result == "PASS"


def test_a_reference_that_no_record_may_hold_destroys_nothing(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = vault.seal(lab.base / "audit.state", lab.log, TEXT)
    erase = ["audit", "erase", str(lab.log), "--blob", digest, "--request"]
    assert main([*erase, "DSR 2026 / Mrs Tan"]) == 2
    assert "nothing was destroyed" in capsys.readouterr().err
    assert vault.unseal(lab.base / "audit.state", lab.log, digest) == TEXT
    assert main([*erase, "DSR-2026"]) == 0


def test_without_room_for_the_record_nothing_is_destroyed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = lab.base / "audit.state"
    digest = vault.seal(state, lab.log, TEXT)

    def full(path: Path, content: bytes, mode: int = 0o644) -> None:
        raise OSError(errno.ENOSPC, "no space left", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_whole", full)
        assert main(["audit", "erase", str(lab.log), "--blob", digest]) == 3
    assert vault.unseal(state, lab.log, digest) == TEXT


def test_an_erasure_that_was_killed_is_finished_and_recorded_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = lab.base / "audit.state"
    vault.pseudonym(state, "siti@bank.example", JANUARY)
    digest = vault.seal(state, lab.log, TEXT)
    erase = ["audit", "erase", str(lab.log)]
    with monkeypatch.context() as patch:
        patch.setattr(vault, "destroy", lambda *_: None)
        assert main([*erase, "--blob", digest]) == 0
        assert main([*erase, "--actor", "siti@bank.example"]) == 0
    assert main([*erase, "--actor", "siti@bank.example"]) == 0
    for path in (state / "requests").iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert "siti" not in path.read_text()
    hands = Hands()
    exporter = writer(lab.base, hands, boot="boot-3", origin="bank/loans")
    exporter.start(NOTHING)
    exporter.tick(hands.wall)
    exporter.stop(5.0)
    with pytest.raises(vault.NotInVault):
        vault.unseal(state, lab.log, digest)
    assert not list((state / "vault" / "actors").iterdir())
    told = [r["data"]["what"] for r in lab.records_now() if ".privacy.erasure." in r["type"]]
    assert sorted(told) == ["actor", "blob"]


@pytest.mark.parametrize("path", ["../head.json", "blobs/../../head.json", "actors/x/2026q1"])
def test_a_request_reaches_no_file_beside_the_vault(lab: Lab, path: str) -> None:
    folder = lab.base / "audit.state" / "requests"
    folder.mkdir()
    request = {
        "name": "privacy.erasure",
        "id": "privacy.erasure/x",
        "time": 0,
        "data": {"what": "actor"},
        "destroy": {"path": path},
    }
    (folder / "x.json").write_text(json.dumps(request))
    exporter = writer(lab.base, Hands(), boot="boot-3", origin="bank/loans")
    exporter.start(NOTHING)
    exporter.tick(0.0)
    exporter.stop(5.0)
    assert (lab.base / "audit.state" / "head.json").exists()
    assert ".privacy.erasure." not in lab.records_now()[-1]["type"]


def test_a_policy_cannot_be_erased(lab: Lab) -> None:
    """Verdicts must stay replayable; only what was sealed can be destroyed."""
    (blob,) = (lab.log / "blobs").iterdir()
    assert main(["audit", "erase", str(lab.log), "--blob", f"sha256:{blob.name}"]) == 2
    assert blob.exists()


@pytest.mark.parametrize("options", [[], ["--actor", "a", "--blob", "b"]])
def test_one_thing_at_a_time(lab: Lab, options: list[str]) -> None:
    assert main(["audit", "erase", str(lab.log), *options]) == 2


def test_from_a_copy_nothing_can_be_erased(lab: Lab) -> None:
    shutil.rmtree(lab.base / "audit.state")
    assert main(["audit", "erase", str(lab.log), "--actor", "a"]) == 2
