"""Sealed values over several epochs: a key for each, and records that had to move keep theirs."""

from __future__ import annotations

from pathlib import Path

from exporters.audit import vault
from exporters.audit.findings import REPLAY
from exporters.audit.read.evidence import Evidence
from exporters.audit.read.unseal import read_keys
from exporters.audit.read.verify import verify_published
from policies.memory import Memory
from policies.model import Outgoing
from tests.support.audit_tree import folders, newest, require_whole
from tests.support.tampering import judged, policy_notice
from tests.unit.exporters.audit.logs import NOTHING, Hands, number, writer

DAY = 86_400


def reports(first: int, memory: dict[str, Memory]) -> list[Outgoing]:
    """Return three reports that withhold something, with the engine's verdicts."""
    return [judged(index, memory) for index in range(first, first + 3)]


def replayed(base: Path) -> list[tuple[str, str]]:
    """Return what judging again finds, with the keys that there are."""
    found = verify_published(
        base / "audit", Evidence(), replay=True, unseal=read_keys(base / "audit.state")
    )
    return [(f.code, f.detail) for f in found.findings if f.code in REPLAY["replay"][1]]


def test_each_epoch_is_judged_by_its_own_key(tmp_path: Path) -> None:
    hands, memory = Hands(), dict[str, Memory]()
    exporter = writer(tmp_path, hands, epoch_length="90d")
    exporter.start(NOTHING)
    exporter.export(number([policy_notice(), *reports(0, memory)]))
    hands.pass_time(90 * DAY)
    exporter.tick(hands.wall)
    exporter.export(number(reports(3, memory)))
    exporter.stop(5.0)
    old, _ = folders(tmp_path / "audit")
    assert replayed(tmp_path) == []
    assert len(read_keys(tmp_path / "audit.state")) == 2
    state = tmp_path / "audit.state"
    vault.destroy(state, tmp_path / "audit", vault.replay_targets(state, old.name))
    assert [(code, detail[:15]) for code, detail in replayed(tmp_path)] == [
        ("verdict_not_replayed", "3 windows of 1h")
    ]


def test_a_record_that_is_written_again_in_the_next_epoch_keeps_its_seal(tmp_path: Path) -> None:
    hands, memory = Hands(), dict[str, Memory]()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    assert exporter._publisher is not None
    exporter._publisher.publish()
    exporter.export(number([policy_notice(), *reports(0, memory)]))
    in_the_way = tmp_path / "audit/tile/entries/000.p/8"
    in_the_way.write_bytes(b"somebody else was here")
    exporter._publisher.attempt()
    exporter.tick(hands.wall)
    exporter.export(number(reports(3, memory)))
    exporter.stop(5.0)
    old, new = folders(tmp_path / "audit")
    assert newest(old).size == 1
    sealed = [r["data"]["sealed"] for r in require_whole(new) if "sealed" in r["data"]]
    keys = vault.replay_keys(tmp_path / "audit.state")
    assert [key.epoch for key in keys] == [old.name, newest(new).origin.rpartition("/")[2]]
    assert [one["key"] for one in sealed] == [keys[0].id] * 3 + [keys[1].id] * 3
    assert replayed(tmp_path) == []
