"""What a server that cannot sign, or lies about sizes, can make an auditor fetch: little."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.cli.main import main
from exporters.audit import types
from exporters.audit.format import checkpoint, note
from exporters.audit.jcs import canonical
from exporters.audit.read import bounds, taking
from exporters.audit.read import pull as pulling
from exporters.audit.read.bounds import LEAST_RECORD, MOST_ASKED
from exporters.audit.read.files import kept_path, kept_sizes
from exporters.audit.read.pull import pull
from exporters.audit.read.source import Folder, SourceError
from exporters.audit.read.taking import Refused
from exporters.audit.room import spare
from tests.support.raw_server import answering, whole
from tests.support.tampering import Lab, write_log
from tests.unit.exporters.audit.lives import Life, newest_keys
from tests.unit.exporters.audit.served import Served, codes, public

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
TERA = 10**12


def claim(origin: str, size: int, key: Ed25519PrivateKey = STRANGER) -> bytes:
    return note.sign(checkpoint.text(origin, size, bytes(32)), [(origin, key)])


def large(served: Served) -> list[str]:
    return [path for path in served.asked if path.startswith(("tile/", "epochs/", "blobs/"))]


@pytest.mark.parametrize("pulled_before", [False, True])
def test_from_who_cannot_sign_nothing_large_is_fetched(
    lab: Lab, tmp_path: Path, pulled_before: bool
) -> None:
    copy, keys = tmp_path / "copy", [] if pulled_before else [lab.vkey]
    if pulled_before:
        pull(Served(lab.log), copy)
    lab.put("checkpoint", claim(lab.origin, 1_000))
    shutil.rmtree(lab.log / "checkpoints")
    served = Served(lab.log)
    assert codes(pull(served, copy, keys=keys)) == ["key_unknown"]
    assert large(served) == []


def test_after_a_rotation_the_old_key_is_enough(tmp_path: Path) -> None:
    life = Life(tmp_path)
    behind = tmp_path / "behind"
    pull(Served(life.log), behind)
    life.rotate()
    life.let_the_old_key_go()
    assert life.first_key not in newest_keys(life.log)
    for copy, keys in ((tmp_path / "copy", [life.first_key]), (behind, [])):
        assert pull(Served(life.log), copy, keys=keys).problems == []
        assert public(copy) == public(life.log)


class Kept:
    """A log that keeps many checkpoints, of which one is signed by a key that is known."""

    def __init__(self, origin: str, sizes: Sequence[int], ours: range, key: object) -> None:
        self.name, self.asked = "kept", list[str]()
        self._origin, self._sizes, self._ours = origin, sizes, ours
        assert isinstance(key, Ed25519PrivateKey)
        self._key = key

    def read(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path == "checkpoints/":
            return "\n".join(map(str, self._sizes)).encode()
        size = int(path.rpartition("/")[2])
        return claim(self._origin, size, self._key if size in self._ours else STRANGER)


def require(lab: Lab, ours: range, seen: int = 0) -> Kept:
    kept = Kept(lab.origin, range(10, 20_000, 10), ours, lab.key)
    newest = claim(lab.origin, 30_000)
    said = checkpoint.parse(note.split(newest)[0])
    bounds.require_signer(kept, newest, said, [lab.vkey], seen)
    return kept


@pytest.mark.parametrize("ours", [range(11), range(19_990, 20_000), range(7_000, 9_000)])
def test_a_kept_checkpoint_of_a_known_key_is_found_in_few_requests(lab: Lab, ours: range) -> None:
    assert len(require(lab, ours).asked) <= 1 + MOST_ASKED


def test_what_was_seen_before_is_asked_for_first(lab: Lab) -> None:
    assert require(lab, range(5_000, 5_001), 5_000).asked == ["checkpoints/", kept_path(5_000)]
    with pytest.raises(Refused, match="nor any checkpoint that the log kept"):
        require(lab, range(4_000), 5_000)


def test_who_never_signed_is_refused_after_few_requests(lab: Lab) -> None:
    kept = Kept(lab.origin, range(10, 20_000, 10), range(0), lab.key)
    newest = claim(lab.origin, 30_000)
    said = checkpoint.parse(note.split(newest)[0])
    with pytest.raises(Refused, match="no known key signed it"):
        bounds.require_signer(kept, newest, said, [lab.vkey], 0)
    assert len(kept.asked) == 1 + MOST_ASKED
    assert len(set(kept.asked)) == len(kept.asked)


def test_a_log_that_cannot_fit_is_not_fetched(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(whole(claim(lab.origin, TERA))) as server:
        assert main(["audit", "pull", server.url, "-o", str(tmp_path / "copy")]) == 3
    told = capsys.readouterr().err
    assert f"{TERA} records, which take at least {TERA * (LEAST_RECORD + 32)} bytes" in told
    assert "there is room for " in told
    assert "defect" not in told
    assert not (tmp_path / "copy").exists()


def test_what_is_there_already_needs_no_room_again(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, least = tmp_path / "copy", lab.size * (LEAST_RECORD + 32)
    monkeypatch.setattr(bounds, "spare", lambda path: least - 1)
    served = Served(lab.log)
    with pytest.raises(SourceError, match=f"room for {least - 1}, "):
        pull(served, copy)
    assert large(served) == []
    monkeypatch.setattr(bounds, "spare", lambda path: least)
    assert pull(Served(lab.log), copy).problems == []
    monkeypatch.setattr(bounds, "spare", lambda path: 1)
    assert pull(Served(lab.log), copy).problems == []


def test_a_disk_is_not_filled_and_the_next_pull_goes_on(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, left = tmp_path / "copy", iter([1 << 30, 0])
    monkeypatch.setattr(taking, "spare", lambda path: next(left))
    with pytest.raises(SourceError, match=f"after 256 of {lab.size} records; make room"):
        pull(Served(lab.log), copy)
    assert not copy.exists()
    monkeypatch.setattr(taking, "spare", spare)
    served = Served(lab.log)
    assert pull(served, copy).problems == []
    assert "tile/entries/000" not in served.asked


def test_no_record_is_smaller_than_is_reckoned_with(lab: Lab) -> None:
    """The shortest that `types.read` takes: each string as short as its kind allows."""
    beat = next(r for r in lab.records() if "heartbeat" in r["type"])
    shortest = {
        **{key: beat[key] for key in ("specversion", "type", "datacontenttype", "dataschema")},
        "id": "a",
        "source": "",
        "time": beat["time"],
        "seq": 0,
        "bootid": "a",
        "mono": "0",
        "sev": "info",
        "actor": {"type": "agent", "id": "a"},
        "corr": {},
        "agent": {**beat["agent"]},
        "data": beat["data"],
    }
    read = canonical(shortest)
    assert isinstance(types.read(read)[1], types.RECORDS["heartbeat"])
    assert len(read) - len(canonical(beat["data"])) - len(canonical(beat["agent"])) > LEAST_RECORD


def chain(log: Path, names: Sequence[str], model: bytes) -> None:
    """Write epochs of one record each, every one of which names the one after it in `names`."""
    for index, name in enumerate(names):
        origin = f"bank/loans/{name}"
        document = msgspec.json.decode(model)
        key = note.vkey(origin, note.public_bytes(STRANGER))
        document["source"] = origin
        document["data"] |= {"epoch": name, "origin": origin, "vkeys": [str(key)]}
        if index + 1 < len(names):
            before = {"origin": f"bank/loans/{names[index + 1]}", "size": None, "root": None}
            document["data"]["previous"] = {**(document["data"]["previous"] or {}), **before}
        folder = log if index == 0 else log / "epochs" / name
        write_log(folder, [canonical(document)], origin, STRANGER)


def test_an_endless_chain_of_epochs_is_not_followed(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "MOST_EPOCHS", 3)
    names = [f"01Z{9 - index}".ljust(26, "0") for index in range(6)]
    chain(tmp_path / "log", names, lab.entries()[0])
    served, copy = Served(tmp_path / "log"), tmp_path / "copy"
    assert codes(pull(served, copy)) == ["epoch_unlinked"]
    assert sorted(path.name for path in (copy / "epochs").iterdir()) == sorted(names[1:4])
    assert not any(names[4] in path for path in served.asked)


@pytest.mark.parametrize("names", [["01B", "01A", "01B"], ["01B", "01A", "01AB"], ["01A", "01A"]])
def test_epochs_before_another_are_older(lab: Lab, tmp_path: Path, names: list[str]) -> None:
    chain(tmp_path / "log", [name.ljust(26, "0") for name in names], lab.entries()[0])
    served = Served(tmp_path / "log")
    assert codes(pull(served, tmp_path / "copy")) == ["epoch_unlinked"]
    assert len(served.asked) < 20
    assert json.loads(Folder(tmp_path / "copy").read("log.json") or b"{}") == {}
    assert kept_sizes(Folder(tmp_path / "copy")) == [1]
