"""What cannot be read is no log, or unknown: never a PASS, and never an accusation."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit.format import checkpoint, note
from exporters.audit.format.merkle import ProofError
from exporters.audit.read.compare import compare
from exporters.audit.read.evidence import Evidence
from exporters.audit.read.export import rows
from exporters.audit.read.key_list import list_keys
from exporters.audit.read.source import SourceError
from exporters.audit.read.verify import verify_published
from tests.unit.exporters.audit.logs import write_log


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    """A log whose entries are garbage."""
    log = write_log(tmp_path / "torn")
    (bundle,) = (log / "tile" / "entries").rglob("[0-9]*.p/[0-9]*")
    bundle.chmod(0o644)
    bundle.write_bytes(b"\xff" * 4_000)
    return log


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe garbage"])
def test_where_there_is_no_log_no_check_passes(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "checkpoint").write_bytes(content)
    found = verify_published(tmp_path, Evidence(), replay=content is not None)
    assert found.result == "FAIL"
    assert "PASS" not in found.checks.values()


def test_records_that_cannot_be_read_pass_no_check(torn: Path) -> None:
    found = verify_published(torn, Evidence(), replay=True)
    passed = {name for name, result in found.checks.items() if result == "PASS"}
    assert passed <= {"history", "memory", "epochs"}


def test_nothing_is_compared_with_a_folder_that_holds_no_log(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    for one, other in ((log, tmp_path / "nowhere"), (tmp_path / "nowhere", log)):
        with pytest.raises(SourceError, match="nowhere holds no published log"):
            compare(one, other)


def test_a_log_that_names_no_key_says_so(torn: Path) -> None:
    with pytest.raises(SourceError, match="names no key"):
        list_keys(torn)


def test_a_checkpoint_that_claims_any_size_holds_nobody_up(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    key = Ed25519PrivateKey.generate()
    origin = checkpoint.parse(note.split((log / "checkpoint").read_bytes())[0]).origin
    claim = checkpoint.text(origin, 10**15, bytes(32))
    (log / "checkpoint").write_bytes(note.sign(claim, [(origin, key)]))
    found = verify_published(log, Evidence(), replay=True)
    assert found.result == "FAIL"
    assert found.checks["tree"] == "FAIL"
    assert {"bundle_missing", "tile_missing"} <= {f.code for f in found.findings}
    with pytest.raises(SourceError, match="names no key"):
        list_keys(log)
    with pytest.raises(ProofError, match="damaged"):
        list(rows(log, lambda count: None))
