"""Keys that are replaced, epochs that end, epochs that expire, and a disk that is full."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.audit import (
    blobs,
    frames,
    place,
    retention,
    salvage,
    signer,
    unnamed,
    upkeep,
    vault,
    writer,
)
from exporters.audit.exporter import AuditExporter
from exporters.audit.format import note
from exporters.audit.opening import Terms, open_log
from exporters.audit.read.evidence import Evidence, read_key
from exporters.audit.read.verify import verify_published
from exporters.audit.tree_files import TreeFiles
from exporters.base import ExportError
from policies.model import Notice
from tests.support.audit_tree import entries, folders, names, newest, require_whole
from tests.unit.exporters.audit import logs
from tests.unit.exporters.audit.logs import NOTHING, Hands, judged, number, usual_items
from tests.unit.exporters.samples import alert

DAY = 86_400
TERMS = Terms(
    origin=logs.ORIGIN,
    default=logs.ORIGIN,
    writer="pantau",
    now=0.0,
    segment_bytes=1 << 20,
    retention_days=None,
    seal=lambda *_: b"",
)


def started(base: Path, hands: Hands, boot: str = "boot-1", **options: Any) -> AuditExporter:
    exporter = logs.writer(base, hands, boot, **options)
    exporter.start(NOTHING)
    return exporter


def publish(exporter: AuditExporter) -> None:
    assert exporter._publisher is not None
    exporter._publisher.publish()


def kill(exporter: AuditExporter) -> None:
    """End a writer as a kill does: nothing is published or noted any more."""
    assert exporter._publisher is not None
    exporter._publisher.stop(1.0)
    os.close(exporter._lock or -1)


def signed_by(log: Path) -> list[str]:
    """Return the keys of log.json that signed the newest checkpoint."""
    keys = [note.parse_vkey(k) for k in place.hinted_keys(log)]
    opened = note.open((log / "checkpoint").read_bytes(), keys)
    assert opened.unknown == ()
    return sorted(str(found.key) for found in opened.verified)


def test_a_start_flushes_all_that_a_killed_writer_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, flushed, fsync = Hands(), set[str](), os.fsync
    exporter = started(tmp_path, hands)
    exporter.export(number(usual_items()))
    publish(exporter)
    kill(exporter)

    def watched(fd: int) -> None:
        flushed.add(str(Path(f"/proc/self/fd/{fd}").readlink()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    open_log(place.locate(tmp_path / "audit"), TERMS)
    left = {str(p) for p in tmp_path.rglob("*") if p.is_dir() or p.suffix == ".wal"}
    assert left >= {str(tmp_path / "audit/blobs"), str(tmp_path / "audit.state/keys")}
    assert flushed >= left | {str(tmp_path)}


# Keys.


def test_a_key_that_is_asked_for_is_recorded_and_signs_beside_the_old_one(tmp_path: Path) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands, key_overlap="2d")
    publish(exporter)
    (first,) = place.hinted_keys(log)
    signer.request_rotation(tmp_path / "audit.state")
    exporter.tick(hands.wall)
    publish(exporter)
    rotate = require_whole(log, first)[-1]
    assert rotate["data"]["old"] == first
    assert rotate["data"]["reason"] == "asked for"
    assert signed_by(log) == sorted([first, rotate["data"]["new"]])

    hands.pass_time(2 * DAY)
    exporter.tick(hands.wall)  # writes a heartbeat, which both keys still sign
    publish(exporter)
    assert signed_by(log) == sorted([first, rotate["data"]["new"]])
    exporter.tick(hands.wall)
    exporter.export(number([alert()]))
    exporter.stop(1.0)
    assert signed_by(log) == [rotate["data"]["new"]]
    assert names(require_whole(log)).count("log.key.rotate") == 1
    (file,) = (tmp_path / "audit.state/keys").iterdir()
    assert len(msgspec.json.decode(file.read_bytes())) == 1


def test_a_key_is_replaced_when_its_time_is_over(tmp_path: Path) -> None:
    hands = Hands()
    exporter = started(tmp_path, hands, key_max_age="30d")
    hands.pass_time(30 * DAY)
    exporter.tick(hands.wall)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    rotations = [r for r in require_whole(tmp_path / "audit") if "log.key.rotate" in r["type"]]
    assert [r["data"]["reason"] for r in rotations] == ["its time was over"]


def test_a_key_whose_record_could_not_be_written_is_recorded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = started(tmp_path, hands)
    signer.request_rotation(tmp_path / "audit.state")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(5, "io")))
        with pytest.raises(ExportError):
            exporter.tick(hands.wall)
    kill(exporter)
    again = started(tmp_path, hands, boot="boot-2")
    again.stop(1.0)
    records = require_whole(tmp_path / "audit")
    (rotation,) = [r["data"] for r in records if "rotate" in r["type"]]
    assert place.hinted_keys(tmp_path / "audit") == [rotation["new"], rotation["old"]]


def test_a_key_whose_record_could_not_be_written_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = started(tmp_path, hands)
    signer.request_rotation(tmp_path / "audit.state")
    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "key_draft", lambda *_: (_ for _ in ()).throw(OSError(5, "io")))
        for _ in range(3):
            with pytest.raises(ExportError):
                exporter.tick(hands.wall)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    (rotation,) = [r["data"] for r in require_whole(tmp_path / "audit") if "rotate" in r["type"]]
    assert place.hinted_keys(tmp_path / "audit") == [rotation["new"], rotation["old"]]


# Epochs.


def in_the_second_epoch(base: Path, hands: Hands, **options: Any) -> AuditExporter:
    """Return a writer whose first epoch, of 90 days, has just ended with items in it."""
    exporter = started(base, hands, epoch_length="90d", **options)
    exporter.export(number(usual_items()))
    hands.pass_time(90 * DAY)
    exporter.tick(hands.wall)
    return exporter


def test_an_epoch_ends_when_its_time_is_over_and_vouches_for_the_next_key(tmp_path: Path) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = in_the_second_epoch(tmp_path, hands)
    exporter.export(number([judged(5)]))
    exporter.stop(1.0)
    old, new = folders(log)
    before, after = require_whole(old), require_whole(new)
    assert names(before)[-1] == "log.close"
    following = before[-1]["data"]["next"]
    assert newest(new, following["vkey"]).origin == following["origin"] == after[0]["source"]
    assert names(after)[0] == "log.genesis"
    assert "log.gap" not in names(after)
    assert after[0]["data"]["previous"]["size"] == len(before)
    assert after[0]["data"]["retention_days"] == 400


def test_an_epoch_that_could_not_begin_begins_at_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands, epoch_length="90d")
    hands.pass_time(90 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(5, "io")))
        with pytest.raises(ExportError):
            exporter.tick(hands.wall)
        with pytest.raises(ExportError):
            exporter.export(number([judged(0)]))
    exporter.export(number([judged(0)]))
    exporter.stop(1.0)
    old, new = folders(log)
    assert names(require_whole(old))[-1] == "log.close"
    assert names(require_whole(new)) == ["log.genesis", "window.signals", "policy.verdict"]


def test_only_epochs_that_were_kept_long_enough_are_deleted_and_it_is_recorded(
    tmp_path: Path,
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands, epoch_length="90d", retention="100d")
    for _ in range(3):
        hands.pass_time(90 * DAY)
        exporter.tick(hands.wall)
        hands.pass_time(3_600)
        exporter.tick(hands.wall)
    exporter.stop(1.0)
    every = folders(log)
    assert len(every) == 3
    expired = [r for f in every for r in require_whole(f) if "log.expire" in r["type"]]
    assert len(expired) == 1
    gone = expired[0]["data"]["origin"].rpartition("/")[2]
    assert expired[0]["data"]["size"] >= 2
    assert not (log / "epochs" / gone).exists()
    assert not (tmp_path / "audit.state/wal" / gone).exists()
    assert not (tmp_path / "audit.state/keys" / f"{gone}.json").exists()


def test_an_epoch_that_could_not_be_deleted_at_once_is_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = in_the_second_epoch(tmp_path, hands, retention="30d")
    hands.pass_time(31 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete", lambda *_: (_ for _ in ()).throw(OSError(5, "io")))
        with pytest.raises(ExportError):
            exporter.tick(hands.wall)
    hands.pass_time(3_600)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    assert folders(log) == [log]
    assert names(require_whole(log)).count("log.expire") == 1


def test_what_remains_of_a_log_whose_first_epoch_was_deleted_can_still_be_judged(
    tmp_path: Path,
) -> None:
    """The policy was put in force in the epoch that is gone, and nothing has changed since."""
    hands, log = Hands(), tmp_path / "audit"
    exporter = in_the_second_epoch(tmp_path, hands, retention="30d")
    exporter.export(number([judged(5)]))
    hands.pass_time(31 * DAY)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    assert folders(log) == [log]
    found = require_whole(log)
    (again,) = [r["data"] for r in found if "policy.change" in r["type"]]
    assert again == {
        **dict.fromkeys(("blob", "digest", "old"), logs.POLICY),
        "bytes": len(logs.POLICY_TEXT),
        "system": "loan-approval",
    }
    ours = Evidence((read_key(place.hinted_keys(log)[0]),))
    assert "policy_unknown" not in {f.code for f in verify_published(log, ours).findings}
    assert verify_published(log, ours, replay=True).checks["blobs"] == "PASS"


def in_force(text: str, at: int) -> Notice:
    return logs.policy_change(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", text, at)


def test_blobs_that_no_kept_record_names_go_with_their_epoch(tmp_path: Path) -> None:
    hands, log, state = Hands(), tmp_path / "audit", tmp_path / "audit.state"
    old, standing, young = (in_force(f"text {n}", n) for n in range(3))
    exporter = started(tmp_path, hands, epoch_length="90d", retention="30d")
    sealed = vault.seal(state, log, b"what somebody wrote")
    noted = msgspec.structs.replace(old, id="n", system="b", data={"digest": sealed})
    replaced = msgspec.structs.replace(standing, id="m", system="b")
    exporter.export(number([old, noted, standing, replaced]))
    hands.pass_time(90 * DAY)
    exporter.tick(hands.wall)
    coming = blobs.put(log, b"text 2")  # its record is on its way
    for name in (old.data["digest"], standing.data["digest"], sealed):
        os.utime(log / "blobs" / str(name).removeprefix("sha256:"), (0, 0))
    hands.pass_time(29 * DAY)
    exporter.tick(hands.wall)
    assert len(list((log / "blobs").iterdir())) == 4
    hands.pass_time(2 * DAY)
    exporter.export(number([in_force("text 3", 3)]))
    exporter.tick(hands.wall)
    wait_for(lambda: not (state / unnamed.MARK).exists())
    assert blobs.problem(log, coming) is None
    exporter.export(number([young]))
    exporter.stop(1.0)
    kept = [standing, young, in_force("text 3", 3)]
    assert {f"sha256:{path.name}" for path in (log / "blobs").iterdir()} == {
        notice.data["digest"] for notice in kept
    }
    assert not list((state / "vault" / "blobs").iterdir())
    ours = Evidence((read_key(place.hinted_keys(log)[0]),))
    assert verify_published(log, ours).checks["blobs"] == "PASS"


def test_looking_for_unnamed_blobs_is_done_later_if_it_could_not_be(tmp_path: Path) -> None:
    hands, log, state = Hands(), tmp_path / "audit", tmp_path / "audit.state"
    exporter = started(tmp_path, hands)
    exporter.export(number([in_force("text", 0)]))
    gone = log / "blobs" / blobs.put(log, b"of an epoch before").removeprefix("sha256:")
    os.utime(gone, (0, 0))
    at = place.locate(log)
    unnamed.look_for(at, hands.wall)
    for path in (p for p in (log / "blobs").iterdir() if p != gone):
        os.utime(path, (0, 0))
    assert unnamed.delete(at, lambda: False) == 0
    assert gone.exists()
    hands.pass_time(3_700)
    exporter.tick(hands.wall)
    wait_for(lambda: not (state / unnamed.MARK).exists())
    exporter.stop(1.0)
    assert not gone.exists()
    assert len(list((log / "blobs").iterdir())) == 1


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.mark.parametrize("killed", [False, True])
def test_a_new_epoch_repeats_all_that_was_said_of_what_is_in_force(
    tmp_path: Path, killed: bool
) -> None:
    hands, policy = Hands(), logs.policy_change()
    waiver = {
        "rule": "fairness.parity",
        "pack": "base",
        "loosens": ["at_least 0.8 to 0.7"],
        "by": "model-risk",
        "reason": "approved",
        "expires": "2027-01-01",
    }
    said = {"packs": ["base", "banking"], "switched_off": ["country-sg"], "waivers": [waiver]}
    policy = msgspec.structs.replace(policy, data={**policy.data, **said})
    reference = msgspec.structs.replace(
        policy,
        name="reference.change",
        id="reference",
        data={"digest": "sha256:" + "4" * 64, "version": "7", "rows": 1_000, "features": 3},
    )
    exporter = started(tmp_path, hands, epoch_length="1d")
    exporter.export(number([policy, reference]))
    if killed:
        kill(exporter)
    else:
        exporter.stop(1.0)
    hands.pass_time(DAY)
    exporter = started(tmp_path, hands, "boot-2", epoch_length="1d")
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    first, again = (
        [r["data"] for r in require_whole(epoch) if ".change." in r["type"]]
        for epoch in folders(tmp_path / "audit")
    )
    assert (first[0]["packs"], first[0]["switched_off"]) == (said["packs"], said["switched_off"])
    assert [w["expires"] for w in first[0]["waivers"]] == ["2027-01-01"]
    assert (first[1]["version"], first[1]["rows"], first[1]["features"]) == ("7", 1_000, 3)
    assert again == [{**data, "old": data["digest"]} for data in first]


def test_an_epoch_that_is_being_deleted_is_out_of_sight_and_goes_at_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = in_the_second_epoch(tmp_path, hands, retention="30d")
    (old,) = (log / "epochs").iterdir()
    hands.pass_time(31 * DAY)
    with monkeypatch.context() as patch:
        real = os.unlink

        def unlink(path: Any, *, dir_fd: int | None = None) -> None:
            if dir_fd is not None and path == "checkpoint":
                raise OSError(errno.EIO, "io")
            real(path, dir_fd=dir_fd)

        patch.setattr(os, "unlink", unlink)
        with pytest.raises(ExportError):
            exporter.tick(hands.wall)
    assert [path.name for path in (log / "epochs").iterdir()] == [f".{old.name}"]
    assert not (tmp_path / "audit.state/wal" / old.name).exists()
    publish(exporter)
    ours = Evidence((read_key(place.hinted_keys(log)[0]),))
    found = verify_published(log, ours)
    assert (found.checks["signature"], found.checks["tree"]) == ("PASS", "PASS")
    exporter.stop(1.0)
    again = started(tmp_path, hands, boot="boot-2")
    hands.pass_time(3_600)
    again.tick(hands.wall)
    again.stop(1.0)
    assert list((log / "epochs").iterdir()) == []


def test_the_run_that_closes_a_damaged_epoch_writes_no_id_twice(tmp_path: Path) -> None:
    """Ids of the log's own records are run and number, and numbers begin anew in each epoch."""
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    exporter.export(number(usual_items()))
    exporter.stop(1.0)
    (path,) = logs.segment_paths(log)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    exporter = started(tmp_path, hands, boot="boot-2")
    for _ in range(20):
        hands.pass_time(60)
        exporter.tick(hands.wall)
    exporter.stop(1.0)
    old, new = map(require_whole, folders(log))
    assert len(new) > len(old)
    assert old[-1]["data"]["size"] == old[-1]["seq"]
    ids = [record["id"] for record in (*old, *new)]
    assert sorted(set(ids)) == sorted(ids)
    found = verify_published(log, Evidence())
    assert {f.code for f in found.findings} & {"duplicate_id", "restart_untold"} == set()


def test_a_tree_that_breaks_while_it_runs_begins_a_new_epoch_with_all_its_records(
    tmp_path: Path,
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    publish(exporter)
    exporter.export(number(usual_items()))
    (log / "tile/entries/000.p/9").write_bytes(b"somebody else was here")
    assert exporter._publisher is not None
    exporter._publisher.attempt()
    exporter.tick(hands.wall)
    exporter.export(number([judged(7)]))
    exporter.stop(1.0)
    old, new = folders(log)
    assert newest(old).size == 1
    records = require_whole(new)
    assert names(records)[:2] == ["log.genesis", "log.gap"]
    assert "differs" in records[1]["data"]["reason"]
    assert names(records).count("window.signals") == 3
    ids = [r["id"] for r in records]
    assert len(ids) == len(set(ids))


def killed_and_torn(base: Path, hands: Hands) -> Path:
    """Return a log whose writer was killed with items it had not published, and lost a tile."""
    exporter = started(base, hands)
    publish(exporter)
    exporter.export(number(usual_items()))
    kill(exporter)
    (base / "audit/tile/0/000.p/1").unlink()
    return base / "audit"


def test_records_are_taken_over_once_though_it_is_killed_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    log = killed_and_torn(tmp_path, hands)
    monkeypatch.setattr(writer, "BATCH_BYTES", 1)
    monkeypatch.setattr(salvage, "settle", lambda *_: (_ for _ in ()).throw(OSError(5, "")))
    second = logs.writer(tmp_path, hands, "boot-2")
    with pytest.raises(ExportError):
        second.start(NOTHING)
    second.stop(1.0)
    monkeypatch.undo()
    started(tmp_path, hands, "boot-3").stop(1.0)
    records = require_whole(log)
    ids = [r["id"] for r in records if r["data"].get("window") or "alert" in r["type"]]
    assert len(ids) == len(set(ids)) == 7
    assert names(records).count("window.signals") == 2


def test_records_that_cannot_be_read_are_taken_over_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage begins a new epoch, and then the disk fails once where the old one is read."""
    hands = Hands()
    log = killed_and_torn(tmp_path, hands)
    with monkeypatch.context() as patch:
        read = frames.scan
        failing = iter([OSError(errno.EIO, "io")])

        def scan(file: Any, end: int) -> Any:
            first, *others = read(file, end)
            yield first
            for error in failing if "state/wal" in file.name else ():
                raise error
            yield from others

        patch.setattr(salvage, "ids", lambda *_: set())
        patch.setattr(salvage, "scan", scan)
        started(tmp_path, hands, "boot-2").stop(1.0)
    assert "window.signals" not in names(require_whole(log))
    started(tmp_path, hands, "boot-3").stop(1.0)
    assert names(require_whole(log)).count("window.signals") == 2
    started(tmp_path, hands, "boot-4").stop(1.0)
    assert names(require_whole(log)).count("window.signals") == 2


def test_a_failing_disk_does_not_keep_a_writer_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = started(tmp_path, hands)
    exporter.export(number(usual_items()))
    lock, close = exporter._lock, os.close

    def failing(fd: int) -> None:
        close(fd)
        if fd == lock:
            raise OSError(errno.EIO, "io")

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", failing)
        exporter.stop(1.0)
    assert names(require_whole(tmp_path / "audit")).count("window.signals") == 2
    started(tmp_path, hands, "boot-2").stop(1.0)


# Room.


class FullDisk:
    """Lets `pwrite` fail while `full`, as a disk does that has no byte left but the ballast's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ballast: Path) -> None:
        self.full, self._ballast, self._whole = False, ballast, os.pwrite
        monkeypatch.setattr(os, "pwrite", self._pwrite)

    def _pwrite(self, fd: int, data: Any, offset: int) -> int:
        if self.full and self._ballast.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._whole(fd, data, offset)


def test_on_a_disk_that_stays_full_signals_give_way_and_verdicts_and_alerts_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands, ballast_mb=1)
    ballast = tmp_path / "audit.state/ballast"
    assert ballast.stat().st_blocks * 512 >= 1 << 20
    disk = FullDisk(monkeypatch, ballast)
    disk.full = True
    items = number([judged(0), alert()])
    for _ in range(2):  # at first everything waits
        with pytest.raises(ExportError, match="full"):
            exporter.export(items)
        assert ballast.exists()
    hands.pass_time(31)
    with pytest.raises(ExportError, match="full"):
        exporter.export(items)
    assert not ballast.exists()
    exporter.export(items)
    monkeypatch.setattr(type(exporter._room), "take", lambda _: False)
    hands.pass_time(60)
    exporter.tick(hands.wall)
    monkeypatch.undo()
    exporter.tick(hands.wall)
    exporter.export(number([judged(1)]))
    exporter.stop(1.0)
    assert not ballast.exists()
    records = require_whole(log)
    assert names(records)[1:4] == ["window.signals", "policy.verdict", "alert.raised"]
    assert records[1]["data"]["signals"] == []
    assert records[1]["data"]["shortened"] is True
    (gap,) = [r["data"] for r in records if "log.gap" in r["type"]]
    assert gap["counts"]["window.signals"] == 1
    assert gap["since"] < gap["until"]
    assert names(records)[-2:] == ["window.signals", "policy.verdict"]


def test_while_room_is_low_heartbeats_give_way_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    monkeypatch.setattr(type(exporter._room), "low", lambda _: True)
    for _ in range(3):
        hands.pass_time(60)
        exporter.tick(hands.wall)
    exporter.export(number([judged(0)]))
    monkeypatch.setattr(type(exporter._room), "low", lambda _: False)
    hands.pass_time(60)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    records = require_whole(log)
    assert names(records) == [
        "log.genesis",
        "window.signals",
        "policy.verdict",
        "log.gap",
        "heartbeat",
    ]
    assert records[-2]["data"]["counts"] == {"heartbeat": 3}


def test_what_was_left_out_is_told_at_the_end_of_the_run_at_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    monkeypatch.setattr(type(exporter._room), "low", lambda _: True)
    for _ in range(3):
        hands.pass_time(60)
        exporter.tick(hands.wall)
    exporter.export(number([logs.policy_change(), judged(0)]))
    exporter.stop(1.0)
    records = require_whole(log)
    assert names(records)[-1] == "log.gap"
    assert records[-1]["data"]["counts"] == {"heartbeat": 3}
    found = verify_published(log, Evidence()).findings
    assert {finding.code for finding in found} == {"gap_recorded", "no_external_checkpoint"}


def test_a_run_that_cannot_tell_what_it_left_out_did_not_end_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    monkeypatch.setattr(type(exporter._room), "low", lambda _: True)
    for _ in range(3):
        hands.pass_time(60)
        exporter.tick(hands.wall)
    exporter.export(number([logs.policy_change(), judged(0)]))

    def full(*given: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        exporter.stop(1.0)
    started(tmp_path, hands, "boot-2").stop(1.0)
    (resumed,) = [r["data"] for r in require_whole(log) if ".log.resume." in r["type"]]
    assert not resumed["clean"]
    found = verify_published(log, Evidence()).findings
    assert {finding.code for finding in found} == {"heartbeat_late", "no_external_checkpoint"}


@pytest.mark.parametrize("epoch_ends", [False, True])
@pytest.mark.parametrize(("back", "told"), [(2, []), (3, [-3_000]), (86_400, [-86_400_000])])
def test_a_clock_that_stands_before_the_last_record_is_told_at_the_start(
    tmp_path: Path, back: int, told: list[int], epoch_ends: bool
) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    exporter.export(number([judged(0)]))
    exporter.stop(1.0)
    if epoch_ends:
        shutil.rmtree(tmp_path / "audit.state" / "keys")
    hands.wall -= back
    exporter = started(tmp_path, hands, "boot-2")
    exporter.export(number([judged(1)]))
    exporter.stop(1.0)
    records = require_whole(log)
    assert ("log.resume" in names(records)) == (not epoch_ends)
    steps = [r["data"]["step_ms"] for r in records if ".clock.step." in r["type"]]
    assert steps == told
    found = {finding.code for finding in verify_published(log, Evidence()).findings}
    assert "clock_unexplained" not in found


def test_segments_that_are_in_the_tree_are_dropped_but_the_newest_two(tmp_path: Path) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    exporter._opened().wal._segment_bytes = 1
    for index in range(6):
        exporter.export(number([judged(index)]))
    publish(exporter)
    hands.pass_time(3_600)
    exporter.tick(hands.wall)
    folder = exporter._opened().wal.directory
    assert len(list(folder.glob("*.wal"))) == 2
    exporter.stop(1.0)
    again = started(tmp_path, hands, boot="boot-2")
    again.export(number([judged(5), judged(6)]))
    again.stop(1.0)
    records = require_whole(log)
    assert folders(log) == [log]
    assert names(records).count("window.signals") == 7
    assert len(entries(log, newest(log).size)) == len(records)


def test_a_checkpoint_for_another_root_of_the_same_size_is_refused(tmp_path: Path) -> None:
    hands, log = Hands(), tmp_path / "audit"
    exporter = started(tmp_path, hands)
    publish(exporter)
    files = TreeFiles(log)
    other = exporter._opened().signer.sign(1, b"x" * 32)
    with pytest.raises(Exception, match="was signed before, for another root"):
        files.put_checkpoint(1, other)
    exporter.stop(1.0)
