"""Copying a served log: resumable, and a log that goes back on its word is found out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit.read.evidence import Evidence, memory_of, with_memory
from exporters.audit.read.pull import pull
from exporters.audit.read.source import SourceError
from exporters.audit.read.unseal import read_keys
from exporters.audit.read.verify import verify_published
from tests.support.tampering import (
    Lab,
    flip_in_checkpoint,
    flip_verdict,
    restore_old,
    said,
    sign_with_another_key,
    write_clean,
)
from tests.unit.exporters.audit.served import Served, codes, public


def test_a_copy_is_the_log(lab: Lab, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    pulled = pull(Served(lab.log), copy)
    assert pulled.problems == []
    assert public(copy) == public(lab.log)
    keys = read_keys(lab.base / "audit.state")
    found = verify_published(copy, Evidence((lab.vkey,)), replay=True, unseal=keys)
    assert [f.code for f in found.findings] == ["no_external_checkpoint"]
    assert b'"state"' not in (copy / "log.json").read_bytes()


@pytest.mark.parametrize("requests", [0, 1, 2, 3, 4, 5, 7])
def test_an_interrupted_pull_goes_on_and_fetches_nothing_twice(
    lab: Lab, tmp_path: Path, requests: int
) -> None:
    copy, served = tmp_path / "copy", Served(lab.log)
    served.fail_after = requests
    with pytest.raises(SourceError):
        pull(served, copy)
    assert not (copy / "checkpoint").exists()
    again = Served(lab.log)
    assert pull(again, copy).problems == []
    assert public(copy) == public(lab.log)
    first = {path for path in served.asked[:requests] if path.startswith("tile/")}
    assert not first & set(again.asked)


def test_a_second_pull_fetches_what_is_new_and_has_a_memory(lab: Lab, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    newest = tmp_path / "newest"
    shutil.copytree(lab.log, newest)
    restore_old(lab, clean_up=True)
    pull(Served(lab.log), copy)
    assert said(copy)[1] < said(newest)[1]
    served = Served(newest)
    assert pull(served, copy).problems == []
    assert said(copy) == said(newest)
    evidence = with_memory(Evidence((lab.vkey,)), copy)
    assert verify_published(copy, evidence).result == "PASS"
    unchanged = Served(newest)
    assert pull(unchanged, copy).problems == []
    assert not [path for path in unchanged.asked if path.startswith("tile/entries/000")]


def refused(lab: Lab, copy: Path, tamper: Callable[[], object]) -> list[str]:
    """Pull, tamper, pull again; the copy must stay as it was and the evidence be kept."""
    assert pull(Served(lab.log), copy).problems == []
    before = public(copy)
    tamper()
    found = codes(pull(Served(lab.log), copy))
    assert public(copy).items() >= before.items()
    assert (copy / "checkpoint").read_bytes() == before["checkpoint"]
    (kept,) = copy.with_name("copy.evidence").iterdir()
    assert kept.read_bytes() == (lab.log / "checkpoint").read_bytes()
    return found


def test_a_rollback_is_found_and_the_copy_stays(lab: Lab, tmp_path: Path) -> None:
    def tamper() -> None:
        restore_old(lab, clean_up=True)

    assert refused(lab, tmp_path / "copy", tamper) == ["rollback"]


def test_a_fork_is_found_and_the_copy_stays(lab: Lab, tmp_path: Path) -> None:
    assert refused(lab, tmp_path / "copy", lambda: lab.resign(flip_verdict)) == ["fork"]


def test_a_longer_fork_is_found_by_its_entries(lab: Lab, tmp_path: Path) -> None:
    def tamper() -> None:
        lab.resign(lambda documents: [*flip_verdict(documents), dict(documents[-1])])

    assert refused(lab, tmp_path / "copy", tamper) == ["fork"]


def test_another_log_is_found(lab: Lab, tmp_path: Path) -> None:
    other = write_clean(tmp_path, "bank/cards")
    copy = tmp_path / "copy"
    pull(Served(lab.log), copy)
    assert codes(pull(Served(other), copy)) == ["wrong_log"]
    assert said(copy)[0] == lab.origin


def test_what_the_signed_root_does_not_cover_is_not_taken_over(lab: Lab, tmp_path: Path) -> None:
    lab.flip("tile/entries/000", 5_000)
    copy = tmp_path / "copy"
    assert codes(pull(Served(lab.log), copy)) == ["root_mismatch"]
    assert not copy.exists()


def test_a_wrong_signature_is_refused_also_at_the_first_pull(lab: Lab, tmp_path: Path) -> None:
    flip_in_checkpoint(lab, -1)
    copy = tmp_path / "copy"
    assert codes(pull(Served(lab.log), copy)) == ["signature_invalid"]
    assert not copy.exists()


def test_signatures_can_be_left_to_somebody_who_verifies_at_once(lab: Lab, tmp_path: Path) -> None:
    flip_in_checkpoint(lab, -1)
    copy = tmp_path / "copy"
    assert pull(Served(lab.log), copy, signed=False).problems == []
    assert verify_published(copy, Evidence((lab.vkey,))).checks["signature"] == "FAIL"


def test_missing_and_damaged_bundles_are_told(lab: Lab, tmp_path: Path) -> None:
    (lab.log / "tile/entries/000").unlink()
    assert codes(pull(Served(lab.log), tmp_path / "one")) == ["bundle_missing"]
    lab.put("tile/entries/000", b"\0\x05ab")
    assert codes(pull(Served(lab.log), tmp_path / "two")) == ["bundle_damaged"]
    lab.put("checkpoint", b"no checkpoint")
    assert codes(pull(Served(lab.log), tmp_path / "three")) == ["checkpoint_malformed"]


def test_a_damaged_copy_is_fetched_again(lab: Lab, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    pull(Served(lab.log), copy)
    (copy / "tile/entries/000").write_bytes(b"rubbish")
    assert pull(Served(lab.log), copy).problems == []
    lab.flip("tile/entries/000", 5_000)
    (copy / "tile/entries/000").write_bytes((lab.log / "tile/entries/000").read_bytes())
    lab.flip("tile/entries/000", 5_000)
    assert pull(Served(lab.log), copy).problems == []
    assert public(copy) == public(lab.log)


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no `checkpoint`"):
        pull(Served(tmp_path), tmp_path / "copy")
    assert not memory_of(tmp_path / "copy").exists()


def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    assert main(["audit", "pull", "not-an-address", "-o", str(tmp_path / "copy")]) == 2


def test_the_key_of_another_signer_is_found_in_the_copy(lab: Lab, tmp_path: Path) -> None:
    key = lab.vkey
    sign_with_another_key(lab)
    pull(Served(lab.log), tmp_path / "copy")
    found = verify_published(tmp_path / "copy", Evidence((key,)))
    assert "key_unknown" in {f.code for f in found.findings}
