"""Epochs that a stranger puts among those of a log: nothing that is believed names them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit.findings import Verification
from exporters.audit.format import bundle, note, tiles
from exporters.audit.format.note import Vkey
from exporters.audit.jcs import canonical
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from exporters.audit.types import dataschema
from tests.support.tampering import said, write_log
from tests.unit.exporters.audit.lives import Life, newest_keys

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
FRONT, LAST = "01AAAAAAAAAAAAAAAAAAAAAAAA", "01ZZZZZZZZZZZZZZZZZZZZZZZZ"
KEPT = "100d"


@pytest.fixture
def life(tmp_path: Path) -> Life:
    life = Life(tmp_path, retention=KEPT)
    life.next_epoch()
    life.next_epoch()
    return life


def results(found: Verification) -> set[tuple[str, str]]:
    return {(finding.code, finding.result) for finding in found.findings}


def older(life: Life) -> list[Path]:
    return sorted((life.log / "epochs").iterdir())


def verified(life: Life, *kept: Path, keys: tuple[Vkey, ...] = ()) -> Verification:
    remembered = tuple(read_checkpoint(str(path)) for path in kept)
    return verify_published(life.log, Evidence(keys, remembered))


def keep(life: Life, folder: Path) -> Path:
    """Keep an epoch's checkpoint elsewhere."""
    return Path(shutil.copy(folder / "checkpoint", life.base / f"kept-{folder.name}"))


def forge(
    folder: Path, model: Path, epoch: str, edit: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Write a stranger's epoch that looks like `model`, in which something is changed."""
    origin, size = said(model)
    name = f"bank/x/{epoch}"
    text = (
        (model / tiles.entries_path(0, size)).read_bytes().replace(origin.encode(), name.encode())
    )
    documents = [json.loads(entry) for entry in bundle.unpack(text, size)]
    key = note.vkey(name, note.public_bytes(STRANGER))
    documents[0]["data"] |= {"vkeys": [str(key)], "epoch": epoch}
    edit(documents)
    write_log(folder, [canonical(document) for document in documents], name, STRANGER)


def expires(origin: str) -> Callable[[list[dict[str, Any]]], None]:
    """Let the last record say that an epoch was deleted by retention."""

    def edit(documents: list[dict[str, Any]]) -> None:
        documents[0]["data"]["previous"] = None
        documents[-1] |= {
            "type": "io.pantau.audit.log.expire.v1",
            "dataschema": dataschema("log.expire"),
            "data": {
                "origin": origin,
                "size": 1,
                "root": None,
                "ended": "2026-06-01T00:00:00.000Z",
                "retention_days": 200,
            },
        }

    return edit


def nothing(documents: list[dict[str, Any]]) -> None:
    """Leave it as it is."""


def test_what_a_strangers_epoch_says_of_the_others_does_not_count(life: Life) -> None:
    life.exporter.stop(5.0)
    kept, gone = keep(life, life.log), older(life)[-1]
    last = keep(life, gone)
    keys = tuple(newest_keys(life.log))
    assert results(verified(life, kept, last, keys=keys)) == set()
    origin, _ = said(gone)
    forge(life.log / "epochs" / FRONT, gone, FRONT, expires(origin))
    for folder in (path for path in older(life) if path.name != FRONT):
        shutil.rmtree(folder)
    found = results(verified(life, kept, last, keys=keys))
    assert {("epoch_missing", "FAIL"), ("rollback", "FAIL")} <= found
    assert "epoch_expired" not in {code for code, _ in found}


def test_a_strangers_epoch_takes_no_place_that_retention_left(life: Life) -> None:
    first = older(life)[0]
    life.next_epoch()
    for _ in range(62):
        life.hands.pass_time(60)
        life.exporter.tick(life.hands.wall)
    life.exporter.stop(5.0)
    assert not first.exists()
    kept, keys = keep(life, life.log), tuple(newest_keys(life.log))
    assert results(verified(life, kept, keys=keys)) == set()
    forge(life.log / "epochs" / FRONT, older(life)[0], FRONT, nothing)
    assert ("epoch_unlinked", "FAIL") in results(verified(life, kept, keys=keys))


@pytest.mark.parametrize("epoch", [LAST, "its own"])
def test_a_newest_epoch_that_the_one_before_does_not_name_is_none(life: Life, epoch: str) -> None:
    life.exporter.stop(5.0)
    before = older(life)[-1]
    kept, first = keep(life, before), life.first_key
    assert verified(life, kept).result == "PASS"
    model = Path(shutil.move(life.log, life.base / "model"))
    (life.log).mkdir()
    shutil.copytree(model / "epochs", life.log / "epochs")
    shutil.copytree(model / "blobs", life.log / "blobs")
    name = said(model)[0].rpartition("/")[2] if epoch == "its own" else epoch
    forge(life.log, model, name, nothing)
    for keys in ((), (first,)):
        assert ("epoch_unlinked", "FAIL") in results(verified(life, kept, keys=keys))


def test_a_checkpoint_of_an_epoch_that_names_no_next_one_vouches_for_none(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.exporter.stop(5.0)
    model = Path(shutil.move(life.log, life.base / "model"))
    origin, size = said(model)
    before = life.log / "epochs" / origin.rpartition("/")[2]
    shutil.copytree(model, before)
    _, _, root, *_ = (before / "checkpoint").read_text().splitlines()

    def after(documents: list[dict[str, Any]]) -> None:
        documents[0]["data"]["previous"] = {"origin": origin, "size": size, "root": root}

    forge(life.log, model, LAST, after)
    (unvouched,) = [
        finding
        for finding in verified(life, life.base / "kept").findings
        if finding.code == "no_external_checkpoint"
    ]
    assert unvouched.result == "UNKNOWN"
    assert f"what was given is of {origin}" in unvouched.detail
