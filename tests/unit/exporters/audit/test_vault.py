"""Crypto-shredding: what is destroyed cannot be read or linked, and no proof breaks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import vault
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from exporters.audit.types import PSEUDONYM
from tests.support.tampering import Lab, write_clean
from tests.unit.exporters.audit.logs import NOTHING, Hands, writer

JANUARY, MARCH, APRIL = 1_767_225_600.0, 1_774_900_000.0, 1_775_100_000.0
TEXT = b"the applicant's father rang and complained"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("clean")
    write_clean(base)
    return base


@pytest.fixture
def lab(clean: Path, tmp_path: Path) -> Lab:
    shutil.copytree(clean, tmp_path / "lab")
    return Lab(tmp_path / "lab", tmp_path)


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
    ids = vault.erase_actor(tmp_path, "siti@bank.example")
    assert ids == [name.split(":")[1] for name in old]
    again = [vault.pseudonym(tmp_path, "siti@bank.example", at) for at in (JANUARY, APRIL)]
    assert not set(again) & set(old)
    assert vault.pseudonym(tmp_path, "budi@bank.example", JANUARY) == other
    vault.erase_actor(tmp_path, "siti@bank.example")
    with pytest.raises(vault.NotInVault):
        vault.erase_actor(tmp_path, "siti@bank.example")


def test_a_sealed_text_is_published_unreadable_and_gone_when_erased(tmp_path: Path) -> None:
    state, public = tmp_path / "state", tmp_path / "public"
    digest = vault.seal(state, public, TEXT)
    (blob,) = (public / "blobs").iterdir()
    kept = blob.read_bytes()
    assert TEXT[:10] not in kept
    assert vault.unseal(state, public, digest) == TEXT
    vault.erase_blob(state, public, digest)
    assert not blob.exists()
    blob.write_bytes(kept)
    with pytest.raises(vault.NotInVault):
        vault.unseal(state, public, digest)
    with pytest.raises(vault.NotInVault):
        vault.erase_blob(state, public, digest)


@pytest.mark.parametrize("digest", ["", "sha256:", "../../head.json", "sha256:" + "g" * 64])
def test_what_is_no_digest_reaches_no_file(tmp_path: Path, digest: str) -> None:
    with pytest.raises(vault.NotInVault):
        vault.erase_blob(tmp_path, tmp_path, digest)


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
