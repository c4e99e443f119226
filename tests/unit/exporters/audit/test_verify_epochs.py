"""Logs of several epochs and keys: one key from outside is enough, and no link may be missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from exporters.audit.findings import Verification
from exporters.audit.format import note
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from tests.unit.exporters.audit.lives import Life, newest_keys


def codes(found: Verification) -> set[str]:
    return {finding.code for finding in found.findings}


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


def test_keys_that_were_rotated_in_an_older_epoch_are_followed(life: Life) -> None:
    life.rotate()
    life.let_the_old_key_go()
    life.start()
    life.next_epoch()
    life.exporter.stop(5.0)
    found = life.verified(life.first_key)
    assert "key_unlinked" not in codes(found)
    assert found.checks["signature"] == "PASS"


def test_what_an_older_epoch_kept_is_checked_too(life: Life) -> None:
    life.next_epoch()
    life.exporter.stop(5.0)
    (older,) = (life.log / "epochs").iterdir()
    kept = min((older / "checkpoints").iterdir())
    kept.write_bytes(b"rubbish")
    (found,) = life.verified(life.first_key).findings
    place = f"epochs/{older.name}/checkpoints/{kept.name}"
    assert (found.code, found.where) == ("kept_checkpoint_altered", place)


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
