"""Every tampering of the table gives exactly its finding codes, and a clean log none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exporters.audit.findings import PUBLISHED, REPLAY, Verification, exit_code
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.unseal import read_keys
from exporters.audit.read.verify import verify_published
from tests.support.tampering import Given, Lab, Tampering, table, write_clean

TABLE = table()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clean(tmp_path_factory.mktemp("other"), "bank/cards")


@pytest.fixture
def lab(clean: Path, other: Path, tmp_path: Path) -> Lab:
    shutil.copytree(clean, tmp_path / "lab")
    return Lab(tmp_path / "lab", other)


def verified(lab: Lab, given: Given, key: object) -> Verification:
    keys = (key,) if given in ("key", "both") else ()
    kept = (read_checkpoint(str(lab.base / "kept")),) if given in ("checkpoint", "both") else ()
    return verify_published(
        lab.log,
        Evidence(keys, kept),  # type: ignore[arg-type]
        replay=given in ("replay", "unseal"),
        unseal=read_keys(lab.base / "audit.state") if given == "unseal" else None,
    )


def ids() -> list[str]:
    names: list[str] = []
    for line in TABLE:
        what = line.what if not line.what.startswith("the same") else names[-1].split(" / ")[0]
        names.append(f"{what} / {line.given}")
    return names


@pytest.mark.parametrize("line", TABLE, ids=ids())
def test_each_tampering_is_found_by_exactly_its_codes(line: Tampering, lab: Lab) -> None:
    key = lab.vkey
    line.do(lab)
    verification = verified(lab, line.given, key)
    assert {finding.code for finding in verification.findings} == line.codes
    assert verification.result != "PASS"
    only_unknown = line.codes <= {
        "no_external_checkpoint",
        "checkpoint_behind",
        "checkpoint_unverified",
        "verdict_not_replayed",
    }
    assert exit_code(verification) == (4 if only_unknown else 1)
    assert exit_code(verification, strict=True) == 1


def test_a_clean_log_has_no_finding(lab: Lab) -> None:
    evidence = Evidence((lab.vkey,), (read_checkpoint(str(lab.base / "kept")),))
    keys = read_keys(lab.base / "audit.state")
    verification = verify_published(lab.log, evidence, replay=True, unseal=keys)
    assert verification.findings == ()
    assert (verification.result, exit_code(verification)) == ("PASS", 0)
    assert verification.size > 300
    assert any("verdicts were judged again" in note for note in verification.notes)


def test_without_the_key_of_what_is_sealed_a_clean_log_is_unknown(lab: Lab) -> None:
    evidence = Evidence((lab.vkey,), (read_checkpoint(str(lab.base / "kept")),))
    verification = verify_published(lab.log, evidence, replay=True)
    assert [f.code for f in verification.findings] == ["verdict_not_replayed"]
    assert (verification.result, exit_code(verification)) == ("UNKNOWN", 4)


def test_without_an_outside_checkpoint_a_clean_log_is_unknown(lab: Lab) -> None:
    verification = verify_published(lab.log, Evidence((lab.vkey,)))
    assert [f.code for f in verification.findings] == ["no_external_checkpoint"]
    assert (verification.result, exit_code(verification)) == ("UNKNOWN", 4)


def test_every_code_of_the_table_belongs_to_a_check(lab: Lab) -> None:
    known = {code for _, codes in (PUBLISHED | REPLAY).values() for code in codes}
    assert {code for line in TABLE for code in line.codes} <= known
