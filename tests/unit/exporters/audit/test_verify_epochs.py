"""Logs of several epochs and keys: one key from outside is enough, and no link may be missing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from exporters.audit.findings import Verification
from exporters.audit.format import note
from exporters.audit.format.note import Vkey
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from exporters.audit.signer import request_rotation
from tests.unit.exporters.audit.logs import NOTHING, Hands, judged, number, policy_change, writer

DAY = 86_400.0


def newest_keys(log: Path) -> list[Vkey]:
    return [note.parse_vkey(k) for k in json.loads((log / "log.json").read_bytes())["vkeys"]]


def codes(found: Verification) -> set[str]:
    return {finding.code for finding in found.findings}


class Life:
    """A log that goes through restarts, rotations and epochs."""

    def __init__(self, base: Path) -> None:
        self.base, self.hands, self.boots = base, Hands(), 0
        self.log, self.state = base / "audit", base / "audit.state"
        self.start()
        self.exporter.export(number([policy_change(), judged(0)]))
        self.exporter.tick(self.hands.wall)
        self.restart()
        self.first_key = newest_keys(self.log)[0]
        shutil.copy(self.log / "checkpoint", base / "kept")
        self.kept = read_checkpoint(str(base / "kept"))

    def start(self) -> None:
        self.boots += 1
        self.exporter = writer(
            self.base, self.hands, boot=f"boot-{self.boots}", origin="bank/x", key_overlap="1m"
        )
        self.exporter.start(NOTHING)

    def restart(self) -> None:
        self.exporter.stop(5.0)
        self.hands.pass_time(30.0)
        self.start()

    def rotate(self) -> None:
        request_rotation(self.state)
        self.exporter.tick(self.hands.wall)
        self.restart()

    def let_the_old_key_go(self) -> None:
        self.hands.pass_time(100.0)
        self.restart()
        self.exporter._publish_if_due()
        assert self.exporter._publisher is not None
        self.exporter._publisher.publish()
        self.exporter._look_after()
        self.exporter.export(number([judged(1)]))
        self.exporter.stop(5.0)

    def next_epoch(self) -> None:
        self.hands.pass_time(91 * DAY)
        self.exporter.tick(self.hands.wall)
        self.restart()

    def verified(self, *keys: Vkey, memory: bool = True) -> Verification:
        return verify_published(self.log, Evidence(keys, (self.kept,) if memory else ()))


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


def test_the_first_key_vouches_for_rotated_keys(life: Life) -> None:
    life.rotate()
    life.let_the_old_key_go()
    keys = newest_keys(life.log)
    assert life.first_key not in keys
    assert life.verified(life.first_key).findings == ()
    assert life.verified(keys[0]).findings == ()


def test_a_new_key_that_the_old_one_never_signed_over_is_not_believed(life: Life) -> None:
    life.rotate()
    life.let_the_old_key_go()
    for path in (life.log / "checkpoints").iterdir():
        if life.first_key.key_id in {s.key_id for s in note.split(path.read_bytes())[1]}:
            path.unlink()
    assert {"key_unlinked", "key_unknown"} <= codes(life.verified(life.first_key))


def test_the_key_of_any_epoch_is_enough(life: Life) -> None:
    life.next_epoch()
    life.next_epoch()
    life.exporter.stop(5.0)
    assert len(list((life.log / "epochs").iterdir())) == 2
    for key in (life.first_key, newest_keys(life.log)[0]):
        found = life.verified(key)
        assert found.findings == (), found.findings
        assert found.result == "PASS"


def test_an_epoch_that_is_gone_is_missed(life: Life) -> None:
    life.next_epoch()
    life.exporter.stop(5.0)
    shutil.rmtree(life.log / "epochs")
    assert codes(life.verified(newest_keys(life.log)[0])) == {"epoch_missing", "rollback"}


def test_the_newest_epoch_taken_away_is_a_rollback_if_somebody_saw_it(life: Life) -> None:
    life.next_epoch()
    life.exporter.stop(5.0)
    later = read_checkpoint(str(shutil.copy(life.log / "checkpoint", life.base / "later")))
    (older,) = (life.log / "epochs").iterdir()
    shutil.move(older, life.base / "older")
    shutil.rmtree(life.log)
    shutil.move(life.base / "older", life.log)
    found = verify_published(life.log, Evidence((life.first_key,), (later,)))
    assert "rollback" in codes(found)


def test_an_altered_epoch_does_not_fit_the_next_one(life: Life) -> None:
    life.next_epoch()
    life.exporter.stop(5.0)
    (older,) = (life.log / "epochs").iterdir()
    shutil.copy(life.base / "kept", older / "checkpoint")
    assert "rollback" in codes(life.verified(newest_keys(life.log)[0]))


def test_restarts_without_a_stop_are_no_finding(life: Life) -> None:
    """As after kill -9: what is published is whole, and the next start says so."""
    life.exporter._stop_publishing(5.0, finish=True)
    life.exporter._close()
    assert life.exporter._lock is not None
    os.close(life.exporter._lock)
    life.hands.pass_time(5.0)
    life.start()
    life.exporter.stop(5.0)
    assert life.verified(life.first_key).findings == ()
