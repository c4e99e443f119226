"""Verifiers that this project did not write accept its logs, and it accepts theirs."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent import demo
from agent.api import Api
from agent.config.api import Api as ApiOptions
from exporters.audit.exporter import AuditExporter
from exporters.audit.format import merkle, note
from exporters.audit.read.evidence import Evidence, read_checkpoint, read_key
from exporters.audit.read.verify import verify_published
from policies.model import Notice
from tests.real import verifiers
from tests.support.tampering import Lab, write_clean
from tests.unit.exporters.audit.logs import NOTHING, Hands, number, writer
from tests.unit.exporters.samples import START

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1_200)]

SIZES = (1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 70_000)


def notices(first: int, end: int) -> list[Notice]:
    return [
        Notice(name="agent.start", id=f"n{i}", time=START, system=None, data={})
        for i in range(first, end)
    ]


def grow(exporter: AuditExporter, size: int) -> None:
    """Let the log be exactly `size` records long, and published."""
    assert exporter._publisher is not None
    known = exporter._writer.opened().wal.size
    for first in range(known, size, 4_000):
        exporter.export(number(notices(first, min(size, first + 4_000))))
    exporter._publisher.publish()


def test_logs_of_every_size_are_accepted_by_three_verifiers(tmp_path: Path) -> None:
    exporter = writer(tmp_path, Hands(), origin="bank/loans")
    exporter.start(NOTHING)
    log, key_file = tmp_path / "audit", tmp_path / "vkey"
    kept: list[Path] = []
    for size in SIZES:
        grow(exporter, size)
        (vkey,) = json.loads((log / "log.json").read_bytes())["vkeys"]
        key_file.write_text(vkey)
        assert (log / "checkpoint").read_text().splitlines()[1] == str(size)
        program = verifiers.run("verify", f"file://{log}", vkey)
        assert program.returncode == 0, program.stderr
        assert f"PASS: the {size} entries" in program.stdout
        proofs = verifiers.run("tiles", log, vkey, *kept)
        assert (proofs.returncode, proofs.stdout) == (0, "PASS\n"), proofs.stderr
        assert verifiers.fsck(f"file://{log}/", key_file)
        kept.append(log / "checkpoints" / f"{size:020d}")
    exporter.stop(5.0)
    evidence = Evidence((read_key(vkey),), tuple(read_checkpoint(str(path)) for path in kept))
    ours = verify_published(log, evidence)
    assert (ours.result, ours.findings) == ("PASS", ())
    assert ours.size >= SIZES[-1]


def test_what_was_tampered_with_is_refused_by_all(tmp_path: Path) -> None:
    """A verifier that accepts everything would accept ours, too."""
    write_clean(tmp_path)
    lab = Lab(tmp_path, tmp_path)
    key_file = tmp_path / "vkey"
    key_file.write_text(str(lab.vkey))
    assert verifiers.fsck(f"file://{lab.log}/", key_file)
    lab.flip("tile/entries/000", 5_000)
    assert verifiers.run("verify", f"file://{lab.log}", lab.vkey).returncode == 1
    try:
        accepted = verifiers.fsck(f"file://{lab.log}/", key_file)
    except subprocess.TimeoutExpired:
        accepted = False
    assert not accepted


@pytest.mark.parametrize(
    "wrong", ["cut off", "a byte more", "an entry more", "empty", "text", "missing", "a folder"]
)
@pytest.mark.parametrize("last", [False, True], ids=["full", "last"])
def test_the_go_program_says_fail_whatever_a_bundle_is(
    tmp_path: Path, wrong: str, last: bool
) -> None:
    write_clean(tmp_path)
    lab = Lab(tmp_path, tmp_path)
    partial = lab.log / "tile/entries/001.p" / str(lab.size % 256)
    path = partial if last else lab.log / "tile/entries/000"
    content = path.read_bytes()
    path.unlink()
    if wrong == "a folder":
        path.mkdir()
    elif wrong != "missing":
        made = {
            "cut off": content[:-1],
            "a byte more": content + b"\0",
            "an entry more": content + b"\0\5entry",
            "empty": b"",
            "text": b"<html>",
        }
        path.write_bytes(made[wrong])
    program = verifiers.run("verify", f"file://{lab.log}", lab.vkey)
    assert program.returncode == 1
    assert "FAIL: " in program.stderr
    assert program.stdout == ""


def test_our_verifier_accepts_a_log_that_tessera_wrote(tmp_path: Path) -> None:
    for size in (1, 256, 300):
        log = tmp_path / str(size)
        written = verifiers.run("tesseralog", log, size)
        assert written.returncode == 0, written.stderr
        found = verify_published(log, Evidence((read_key(written.stdout.strip()),)))
        # Its entries are no records of an agent; its tree and its signature are right.
        assert (found.checks["signature"], found.checks["tree"]) == ("PASS", "PASS")
        assert found.size == size
        entry = log / "tile/entries" / ("000" if size >= 256 else f"000.p/{size}")
        entry.chmod(0o644)
        entry.write_bytes(entry.read_bytes().replace(b"entry 0", b"entry O"))
        assert verify_published(log, Evidence()).checks["tree"] == "FAIL"


@contextmanager
def witness(vkey: str) -> Iterator[tuple[str, str]]:
    """Run transparency-dev's witness for a log; give its public key and its address."""
    command = [str(verifiers.require_program("witness")), vkey]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_real_witness_cosigns_our_checkpoints_and_no_fork_of_them(tmp_path: Path) -> None:
    exporter = writer(tmp_path, Hands(), origin="bank/loans")
    exporter.start(NOTHING)
    grow(exporter, 300)
    exporter.stop(5.0)
    log = tmp_path / "audit"
    (vkey,) = json.loads((log / "log.json").read_bytes())["vkeys"]
    with witness(vkey) as (theirs, url):
        options: dict[str, Any] = {"witnesses": [{"url": url, "vkey": theirs}]}
        exporter = writer(tmp_path, Hands(), boot="boot-2", origin="bank/loans", **options)
        exporter.start(NOTHING)
        for size in (500, 777):
            grow(exporter, size)
            opened = note.open(
                (log / "checkpoint").read_bytes(), [note.parse_vkey(theirs), note.parse_vkey(vkey)]
            )
            assert len(opened.verified) == 2
            assert opened.text.splitlines()[1] == str(size)
        exporter.stop(5.0)
        program = verifiers.run("verify", f"file://{log}", vkey)
        assert program.returncode == 0, program.stderr


def test_the_vectors_are_what_the_library_says_today() -> None:
    written = verifiers.run("vectors")
    kept = verifiers.SOURCE.parent / "vectors" / "merkle_proofs.jsonl"
    assert written.stdout == kept.read_text(encoding="utf-8")


def test_the_reference_tree_of_the_library_is_ours_and_its_proofs_hold() -> None:
    """Every hash that transparency-dev/merkle has written down, every proof of that tree."""
    written = verifiers.run("reference")
    assert written.returncode == 0, written.stderr
    found = json.loads(written.stdout, object_hook=unpacked)
    leaves = [merkle.leaf_hash(entry) for entry in found["entries"]]
    level, nodes = leaves, []
    while level:
        nodes.append(level)
        level = [merkle.node_hash(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
    assert nodes == found["nodes"]
    roots = [merkle.root(leaves[:size]) for size in range(9)]
    assert roots == found["roots"]

    def read(level: int, index: int) -> bytes:
        return nodes[level][index]

    for one in found["inclusion"]:
        index, size, proof = one["first"], one["size"], one["proof"]
        merkle.verify_inclusion(leaves[index], index, size, proof, roots[size])
        assert merkle.prove_inclusion(index, size, read) == proof
        with pytest.raises(merkle.ProofError):
            merkle.verify_inclusion(leaves[index - 1], index, size, proof, roots[size - 1])
    for one in found["consistency"]:
        old, new, proof = one["first"], one["size"], one["proof"]
        merkle.verify_consistency(old, new, proof, roots[old], roots[new])
        assert merkle.prove_consistency(old, new, read) == proof
        with pytest.raises(merkle.ProofError):
            merkle.verify_consistency(old, new, proof, roots[old - 1], roots[new])
    assert (len(found["inclusion"]), len(found["consistency"])) == (36, 36)


def unpacked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the bytes that Go wrote as base64."""

    def unpack(value: Any) -> Any:
        if isinstance(value, list):
            return [unpack(one) for one in value]
        return base64.b64decode(value) if isinstance(value, str) else value

    return {key: [] if value is None else unpack(value) for key, value in document.items()}


def test_url_key_and_the_go_program_verify_what_the_demo_left_behind(tmp_path: Path) -> None:
    """All that an auditor needs: the address, the public key, and a program that is not ours."""
    folder = tmp_path / "pantau-demo"
    console = Console(file=io.StringIO(), width=160)
    assert demo.main(folder, console=console, speed=2_000_000) == 0
    vkey = (folder / "audit.vkey").read_text().strip()
    token = "an-auditor-has-this-token"
    (tmp_path / "token").write_text(token)
    api = Api(
        ApiOptions(token_file=tmp_path / "token", host="127.0.0.1", port=0),
        tmp_path,
        folder / "audit",
    )
    api.start()
    try:
        url = f"http://127.0.0.1:{api.port}/audit"
        program = verifiers.run("verify", url, vkey, token=token)
        assert program.returncode == 0, program.stderr
        assert program.stdout.startswith("PASS: the ")
        assert verifiers.run("verify", url, vkey, token="wrong").returncode == 1
        assert verifiers.fsck(f"{url}/", folder / "audit.vkey", token)
    finally:
        api.stop(10.0)
    found = verify_published(folder / "audit", Evidence((read_key(vkey),)), replay=True)
    # Group values are published at one length only, so the others cannot be judged again.
    assert {f.code for f in found.findings} == {"no_external_checkpoint", "verdict_not_replayed"}
    assert all(f.detail.startswith(("nothing here", "4 windows of 12h")) for f in found.findings)
