"""Every tampering of the table gives exactly its finding codes, and a clean log none."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from exporters.audit import read
from exporters.audit.findings import MOST_PER_CODE, PUBLISHED, REPLAY, Verification, exit_code
from exporters.audit.format.note import Vkey
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.unseal import read_keys
from exporters.audit.read.verify import verify_published
from tests.support import tampering_epochs
from tests.support.tampering import Given, Lab, Tampering, claim_more, table, write_clean

TABLE = [*table(), *tampering_epochs.table()]
UNKNOWN = {
    "no_external_checkpoint",
    "checkpoint_behind",
    "checkpoint_unverified",
    "epoch_expired",
    "gap_recorded",
    "heartbeat_late",
    "key_unvouched",
    "note_missing",
    "part_awaited",
    "stop_missing",
    "verdict_not_replayed",
    "window_missing",
}
"""What cannot be known; everything else is a FAIL."""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clean(tmp_path_factory.mktemp("other"), "bank/cards")


@pytest.fixture(scope="module")
def of_two_epochs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("epochs")
    tampering_epochs.write_clean_epochs(base)
    return base


@pytest.fixture
def lab(clean: Path, other: Path, tmp_path: Path) -> Lab:
    shutil.copytree(clean, tmp_path / "lab")
    return Lab(tmp_path / "lab", other)


@pytest.fixture
def labs(lab: Lab, of_two_epochs: Path, tmp_path: Path) -> dict[int, Lab]:
    shutil.copytree(of_two_epochs, tmp_path / "epochs")
    return {1: lab, 2: Lab(tmp_path / "epochs", lab.other)}


def verified(lab: Lab, given: Given, keys: dict[str, Vkey]) -> Verification:
    brought = (keys[given],) if given in keys else ()
    kept = (read_checkpoint(str(lab.base / "kept")),) if given in ("checkpoint", "both") else ()
    return verify_published(
        lab.log,
        Evidence(brought, kept),
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
def test_each_tampering_is_found_by_exactly_its_codes(
    line: Tampering, labs: dict[int, Lab]
) -> None:
    lab = labs[line.epochs]
    keys = {"key": lab.vkey, "both": lab.vkey, "first": lab.first_key}
    line.do(lab)
    verification = verified(lab, line.given, keys)
    assert {finding.code for finding in verification.findings} == line.codes
    assert verification.result != "PASS"
    assert exit_code(verification) == (4 if line.codes <= UNKNOWN else 1)
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


def test_a_clean_log_of_two_epochs_has_no_finding(labs: dict[int, Lab]) -> None:
    lab = labs[2]
    kept = read_checkpoint(str(lab.base / "kept"))
    for key in (lab.vkey, lab.first_key):
        assert verify_published(lab.log, Evidence((key,), (kept,))).findings == ()


def test_that_no_more_of_a_long_hole_was_looked_for_is_told(lab: Lab) -> None:
    claim_more(lab)
    found = verify_published(lab.log, Evidence((lab.vkey,))).findings
    (last,) = (f for f in found if f.code == "bundle_missing" and f.result == "UNKNOWN")
    # Of the log's two bundles the first is whole.
    assert last.where == "tile/entries/x001/000"
    assert "no later one was looked for" in last.detail
    assert sum(f.code == "bundle_missing" for f in found) == MOST_PER_CODE + 2


def test_the_table_has_every_code_of_the_checks() -> None:
    known = {code for _, codes in (PUBLISHED | REPLAY).values() for code in codes}
    assert {code for line in TABLE for code in line.codes} == known


def test_the_checks_have_every_code_that_the_verifier_gives() -> None:
    known = {code for _, codes in (PUBLISHED | REPLAY).values() for code in codes}
    assert codes_in_source() == known


def codes_in_source() -> set[str]:
    """Return every finding code that stands in the code of the verifier."""
    found: set[str] = set()
    for path in Path(read.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                place = {"findings.add": 0, "_Difference": 1}.get(named(node.func), -1)
                if place >= 0:
                    found |= codes_of(node.args[place])
    return found


def named(function: ast.expr) -> str:
    text = ast.unparse(function)
    return "findings.add" if text.endswith("findings.add") else text


def codes_of(code: ast.expr) -> set[str]:
    if isinstance(code, ast.JoinedStr):
        assert ast.unparse(code) == "f'blob_{problem}'"
        return {"blob_missing", "blob_altered"}
    if isinstance(code, ast.Constant) and isinstance(code.value, str):
        return {code.value}
    return set()
