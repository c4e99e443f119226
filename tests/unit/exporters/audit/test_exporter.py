from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.audit import place
from exporters.audit.exporter import build, default_origin
from exporters.audit.options import AuditOptions
from exporters.audit.read.evidence import Evidence
from exporters.audit.read.verify import verify_published
from exporters.audit.verify_wal import verify
from exporters.base import ExportError
from exporters.context import SystemInfo
from policies.model import Notice, Outgoing
from tests.support.audit_tree import folders, require_whole
from tests.unit.exporters.audit.logs import (
    NOTHING,
    ORIGIN,
    POLICY,
    POLICY_TEXT,
    Hands,
    context,
    judged,
    names,
    number,
    policy_change,
    records,
    segment_paths,
    usual_items,
    write_log,
    writer,
)
from tests.unit.exporters.samples import START, alert, report

Fail = Callable[..., Any]


def failing(call: Callable[..., Any], error: int, times: int = 1) -> Fail:
    """Return `call` that raises OSError the first `times` times."""
    left = [times]

    def attempt(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise OSError(error, os.strerror(error))
        return call(*args)

    return attempt


def forget_the_size(base: Path) -> None:
    """Take away what says how long the log was: a kill before the first checkpoint."""
    for private in ("head.json", "writer.json"):
        (base / "audit.state" / private).unlink()
    for public in ("tile", "checkpoints"):
        shutil.rmtree(base / "audit" / public)
    (base / "audit" / "checkpoint").unlink()


def test_the_log_says_who_writes_it_and_then_what_happened(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    assert names(log) == [
        "log.genesis",
        "policy.change",
        "window.signals",
        "policy.verdict",
        "window.signals",
        "policy.verdict",
        "window.restated",
        "policy.verdict",
        "alert.raised",
    ]
    genesis = records(log)[0]
    assert genesis["data"]["origin"] == genesis["source"]
    assert genesis["source"].startswith(ORIGIN + "/")
    assert [record["seq"] for record in records(log)] == list(range(9))
    assert verify(log).result == "PASS"


def test_the_published_directory_has_no_private_file(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    digest = POLICY.removeprefix("sha256:")
    assert sorted(str(p.relative_to(log)) for p in log.rglob("*") if p.is_file()) == [
        f"blobs/{digest}",
        "checkpoint",
        f"checkpoints/{9:020d}",
        "log.json",
        "tile/0/000.p/9",
        "tile/entries/000.p/9",
    ]
    assert (log / "blobs" / digest).read_text() == POLICY_TEXT
    assert stat.S_IMODE((tmp_path / "audit.state").stat().st_mode) == 0o700


def test_what_comes_again_is_written_once(tmp_path: Path) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    exporter.export(number(usual_items()))
    once = names(tmp_path / "audit")
    exporter.export(number([*usual_items(), *usual_items()]))
    assert names(tmp_path / "audit") == once
    exporter.stop(1.0)


def test_what_comes_again_after_a_restart_is_written_once(tmp_path: Path) -> None:
    log = write_log(tmp_path, usual_items()[:3])
    write_log(tmp_path, usual_items(), boot="boot-2")
    assert names(log).count("log.resume") == 1
    ids = [record["id"] for record in records(log)]
    assert len(ids) == len(set(ids)) == 10
    assert verify(log).result == "PASS"


def test_a_batch_that_was_cut_in_two_is_completed(tmp_path: Path) -> None:
    """Killed between a window's record and its verdicts: the verdicts still follow it."""
    log = write_log(tmp_path, [policy_change(), judged(0)])
    (path,) = segment_paths(log)
    path.write_bytes(path.read_bytes()[:-40])
    forget_the_size(tmp_path)
    write_log(tmp_path, [policy_change(), judged(0)], boot="boot-2")
    assert names(log)[2:] == ["window.signals", "log.resume", "policy.verdict"]
    resume = records(log)[3]["data"]
    assert resume["clean"] is False
    assert resume["cut_bytes"] > 40
    assert verify(log).result == "PASS"


def test_a_clean_restart_is_called_clean(tmp_path: Path) -> None:
    write_log(tmp_path)
    hands = Hands()
    hands.pass_time(90)
    exporter = writer(tmp_path, hands, boot="boot-2")
    exporter.start(NOTHING)
    exporter.stop(1.0)
    (resume,) = [r for r in records(tmp_path / "audit") if r["type"].endswith("log.resume.v1")]
    assert resume["data"] == {
        "clean": True,
        "size": 9,
        "replayed": 0,
        "cut_bytes": 0,
        "downtime_seconds": 90.0,
    }


def test_a_restart_after_a_kill_is_not_called_clean(tmp_path: Path) -> None:
    killed = writer(tmp_path)
    killed.start(NOTHING)
    killed.export(number(usual_items()))
    os.close(killed._lock or -1)  # what the kernel does for a dead process
    exporter = writer(tmp_path, boot="boot-2")
    exporter.start(NOTHING)
    (resume,) = [r["data"] for r in records(tmp_path / "audit") if "resume" in r["type"]]
    assert (resume["clean"], resume["replayed"], resume["size"]) == (False, 8, 9)
    exporter.stop(1.0)


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    first = writer(tmp_path)
    first.start(NOTHING)
    second = writer(tmp_path, boot="boot-2")
    with pytest.raises(ExportError, match=f"process {os.getpid()} writes to it"):
        second.start(NOTHING)
    second.stop(1.0)
    first.export(number([judged()]))
    first.stop(1.0)
    second.start(NOTHING)
    second.stop(1.0)


def test_a_start_that_found_no_room_for_its_name_gives_the_lock_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = writer(tmp_path)
    monkeypatch.setattr(os, "pwrite", failing(os.pwrite, errno.ENOSPC))
    with pytest.raises(ExportError, match="full"):
        exporter.start(NOTHING)
    exporter.start(NOTHING)
    exporter.stop(1.0)
    assert names(tmp_path / "audit") == ["log.genesis"]


def test_the_log_of_another_origin_is_not_continued(tmp_path: Path) -> None:
    write_log(tmp_path)
    with pytest.raises(ExportError, match=f"belongs to {ORIGIN}, but `origin` is other"):
        writer(tmp_path, origin="other").start(NOTHING)


def test_a_full_disk_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    items = number(usual_items())
    whole = os.pwrite

    def half_written(fd: int, data: memoryview, offset: int) -> int:
        if len(data) > 200:
            return whole(fd, data[:100], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    before = segment_paths(tmp_path / "audit")[0].stat().st_size
    monkeypatch.setattr(os, "pwrite", half_written)
    with pytest.raises(ExportError, match=r"disk under .* is full") as caught:
        exporter.export(items[1:])
    assert caught.value.retry
    assert segment_paths(tmp_path / "audit")[0].stat().st_size == before
    monkeypatch.undo()
    exporter.export(items)
    exporter.stop(1.0)
    assert names(tmp_path / "audit")[1:4] == ["policy.change", "window.signals", "policy.verdict"]
    assert verify(tmp_path / "audit").result == "PASS"


def test_a_heartbeat_that_found_no_room_is_noted_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    hands.pass_time(61)
    monkeypatch.setattr(os, "pwrite", failing(os.pwrite, errno.ENOSPC))
    with pytest.raises(ExportError, match="full"):
        exporter.tick(hands.wall)
    monkeypatch.undo()
    exporter.tick(hands.wall)
    exporter.tick(hands.wall)
    exporter.export(number([alert()]))
    exporter.stop(1.0)
    assert names(tmp_path / "audit") == ["log.genesis", "log.gap", "alert.raised"]
    gap = records(tmp_path / "audit")[1]
    assert gap["type"] == "io.pantau.audit.log.gap.v1"
    assert gap["data"]["counts"] == {"heartbeat": 1}
    assert verify(tmp_path / "audit").result == "UNKNOWN"


def test_room_that_comes_back_as_a_heartbeat_is_due_leaves_a_log_that_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    monkeypatch.setattr(os, "pwrite", failing(os.pwrite, errno.ENOSPC, times=4))
    for _ in range(4):
        hands.pass_time(61)
        with pytest.raises(ExportError, match="full"):
            exporter.tick(hands.wall)
    hands.pass_time(61)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    log = tmp_path / "audit"
    assert names(log) == ["log.genesis", "log.gap", "heartbeat"]
    assert records(log)[1]["data"]["counts"] == {"heartbeat": 4}
    found = {finding.code for finding in verify_published(log, Evidence()).findings}
    assert found == {"gap_recorded", "no_external_checkpoint"}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_flush_the_file_is_left_and_a_new_one_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    exporter.export(number(usual_items()[:1]))
    (suspect,) = segment_paths(tmp_path / "audit")
    size = suspect.stat().st_size
    flushed: list[int] = []
    whole = os.fdatasync

    def flush(fd: int) -> None:
        flushed.append(os.fstat(fd).st_ino)
        if len(flushed) == 1:
            raise OSError(error, os.strerror(error))
        whole(fd)

    monkeypatch.setattr(os, "fdatasync", flush)
    with pytest.raises(ExportError):
        exporter.export(number(usual_items()))
    exporter.export(number(usual_items()))
    exporter.stop(1.0)
    assert suspect.stat().st_size == size
    assert flushed.count(suspect.stat().st_ino) == 1
    assert len(segment_paths(tmp_path / "audit")) == 2
    assert len(names(tmp_path / "audit")) == 9
    assert verify(tmp_path / "audit").result == "PASS"


def test_a_failed_flush_of_the_first_records_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    (log := exporter._opened()).wal._segment_bytes = 1
    monkeypatch.setattr(os, "fdatasync", failing(os.fdatasync, errno.EIO, times=2))
    for _ in range(2):
        with pytest.raises(ExportError):
            exporter.export(number([policy_change()]))
    exporter.export(number([policy_change()]))
    exporter.stop(1.0)
    assert log.wal.size == 2
    assert names(tmp_path / "audit") == ["log.genesis", "policy.change"]
    assert verify(tmp_path / "audit").result == "PASS"


@pytest.mark.parametrize("call", ["fsync", "pwrite", "ftruncate"])
def test_a_failure_of_any_call_while_a_file_is_begun_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    exporter._opened().wal._segment_bytes = 1
    items = number([alert(), judged()])
    if call == "ftruncate":
        monkeypatch.setattr(os, "pwrite", failing(os.pwrite, errno.EIO))
    monkeypatch.setattr(os, call, failing(getattr(os, call), errno.EIO))
    with pytest.raises(ExportError):
        exporter.export(items)
    exporter.export(items)
    exporter.stop(1.0)
    assert names(tmp_path / "audit") == [
        "log.genesis",
        "alert.raised",
        "window.signals",
        "policy.verdict",
    ]


def test_damage_before_the_end_begins_a_new_epoch_that_says_so(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    (path,) = segment_paths(log)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    damaged = records(log)[0]["source"]

    write_log(tmp_path, usual_items(), boot="boot-2")
    old, new = segment_paths(log)
    assert old.read_bytes() == bytes(content)
    assert old.parent != new.parent
    after = [r for r in records(log) if r["bootid"] == "boot-2"]
    assert after[0]["type"] == "io.pantau.audit.log.genesis.v1"
    assert after[0]["source"] != damaged
    assert after[0]["data"]["previous"]["origin"] == damaged
    assert after[1]["type"] == "io.pantau.audit.log.gap.v1"
    assert "checksum does not match" in after[1]["data"]["reason"]
    verification = verify(log)
    assert verification.result == "FAIL"
    assert verification.origin == after[0]["source"]


def test_what_can_be_read_behind_the_damage_is_in_the_next_epoch_once(tmp_path: Path) -> None:
    log = write_log(tmp_path, [judged(0), judged(1), judged(2)])
    (path,) = segment_paths(log)
    content = bytearray(path.read_bytes())
    content[content.index(b"2026-01-01T01:00:00Z")] ^= 1  # in the record of the first window
    path.write_bytes(content)
    write_log(tmp_path, [judged(0), judged(1), judged(2)], boot="boot-2")
    every = [record for folder in folders(log) for record in require_whole(folder)]
    ids = [record["id"] for record in every]
    assert len(ids) == len(set(ids))
    windows = [r["data"]["window"]["start"] for r in every if "window.signals" in r["type"]]
    assert len(windows) == len(set(windows)) == 3


def test_records_that_are_gone_from_the_end_begin_a_new_epoch(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    (path,) = segment_paths(log)
    path.write_bytes(path.read_bytes()[:-1])
    write_log(tmp_path, [], boot="boot-2")
    gap = records(log)[-1]["data"]
    assert "records 8 to 8 are gone" in gap["reason"]
    assert (gap["first"], gap["last"]) == (8, 8)


@pytest.mark.parametrize("forgotten", ["audit/log.json", "audit.state/writer.json"])
def test_a_log_whose_records_are_gone_altogether_begins_again_and_says_so(
    tmp_path: Path, forgotten: str
) -> None:
    log = write_log(tmp_path)
    before = records(log)[0]["source"]
    segment_paths(log)[0].unlink()
    (tmp_path / forgotten).unlink()
    write_log(tmp_path, [], boot="boot-2")
    genesis, gap = records(log)
    assert genesis["data"]["previous"]["origin"] == before
    assert gap["data"]["origin"] == before


def test_a_genesis_that_was_never_finished_is_put_away(tmp_path: Path) -> None:
    log = write_log(tmp_path, [])
    (path,) = segment_paths(log)
    path.write_bytes(path.read_bytes()[:-1])
    forget_the_size(tmp_path)
    (log / "log.json").unlink()
    write_log(tmp_path, [], boot="boot-2")
    assert names(log) == ["log.genesis"]
    assert verify(log).result == "PASS"
    assert list((tmp_path / "audit.state" / "quarantine").iterdir())


def test_heartbeats_count_what_happened_since(tmp_path: Path) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    exporter.tick(hands.wall)
    exporter.export(number(usual_items()))
    hands.events += 1_500
    hands.pass_time(60)
    exporter.tick(hands.wall)
    hands.pass_time(60)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    beats = [r["data"] for r in records(tmp_path / "audit") if "heartbeat" in r["type"]]
    assert beats == [
        {"interval_seconds": 60, "records": 9, "reports": 3, "alerts": 1, "events": 1_500},
        {"interval_seconds": 60, "records": 1, "reports": 0, "alerts": 0, "events": 0},
    ]


def test_a_heartbeat_counts_the_clock_step_that_is_written_just_before_it(tmp_path: Path) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    hands.pass_time(60)
    hands.wall += 5
    exporter.tick(hands.wall)
    hands.pass_time(60)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    assert names(tmp_path / "audit")[1:] == ["clock.step", "heartbeat", "heartbeat"]
    beats = [r["data"]["records"] for r in records(tmp_path / "audit") if "heartbeat" in r["type"]]
    assert beats == [2, 1]


def test_a_clock_step_and_a_heartbeat_that_found_no_room_spoil_no_later_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    hands.pass_time(60)
    hands.wall += 5
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", failing(os.pwrite, errno.ENOSPC))
        with pytest.raises(ExportError, match="full"):
            exporter.tick(hands.wall)
    for _ in range(2):
        hands.pass_time(60)
        exporter.tick(hands.wall)
    exporter.stop(1.0)
    assert names(tmp_path / "audit")[1:] == ["log.gap", "heartbeat", "heartbeat"]
    beats = [r["data"]["records"] for r in records(tmp_path / "audit") if "heartbeat" in r["type"]]
    assert beats == [0, 1]
    found = verify_published(tmp_path / "audit", Evidence()).findings
    assert {f.code for f in found} == {"gap_recorded", "no_external_checkpoint"}


def test_a_heartbeat_that_was_due_while_the_disk_could_not_be_asked_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    hands.pass_time(60)
    with monkeypatch.context() as failing_disk:
        failing_disk.setattr(os, "statvfs", failing(os.statvfs, errno.EIO))
        with pytest.raises(ExportError):
            exporter.tick(hands.wall)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    assert names(tmp_path / "audit")[1:] == ["log.gap"]
    assert records(tmp_path / "audit")[1]["data"]["counts"] == {"heartbeat": 1}


@pytest.mark.parametrize(("step", "noted"), [(3.5, [3_500]), (-3.5, [-3_500]), (1.5, [])])
def test_a_step_of_the_clock_is_noted(tmp_path: Path, step: float, noted: list[int]) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    hands.pass_time(1)
    hands.wall += step
    exporter.tick(hands.wall)
    hands.pass_time(1)
    exporter.tick(hands.wall)
    exporter.stop(1.0)
    steps = [r["data"]["step_ms"] for r in records(tmp_path / "audit") if "clock" in r["type"]]
    assert steps == noted


def test_a_change_is_written_when_it_changes_something(tmp_path: Path) -> None:
    other = "sha256:" + "d" * 64
    changes = [
        policy_change(at=START),
        policy_change(at=START + 1),
        policy_change(other, "other", at=START + 2),
        policy_change(at=START + 3),
    ]
    log = write_log(tmp_path, changes)
    write_log(tmp_path, [*changes, policy_change(at=START + 4)], boot="boot-2")
    told = [
        (r["data"].get("old"), r["data"]["digest"]) for r in records(log) if "policy" in r["type"]
    ]
    assert told == [(None, POLICY), (POLICY, other), (other, POLICY)]


def test_a_field_that_is_not_listed_is_withheld(tmp_path: Path) -> None:
    start = Notice(
        name="agent.start", id="s", time=START, system=None, data={"version": "1", "user": "siti"}
    )
    log = write_log(tmp_path, [start])
    assert records(log)[-1]["data"] == {"version": "1"}


def test_what_cannot_be_written_is_counted_in_the_log_and_holds_nothing_up(tmp_path: Path) -> None:
    broken = msgspec.structs.replace(judged().signals[0], value=float("nan"))
    items: list[Outgoing] = [
        Notice(name="weather.report", id="w", time=START, system=None, data={}),
        Notice(name="agent.stop", id="s", time=START, system=None, data={"reason": 7}),
        report([broken]),
        alert(),
    ]
    log = write_log(tmp_path, items)
    assert names(log) == ["log.genesis", "alert.raised", "log.gap"]
    counts = {"weather.report": 1, "agent.stop": 1, "report": 1}
    assert records(log)[-1]["data"]["counts"] == counts


def test_no_value_from_the_stream_reaches_the_log_by_a_notice(tmp_path: Path) -> None:
    canary = "Siti binti Ahmad"
    notice = Notice(
        name="quarantine.summary",
        id="q",
        time=START,
        system="loan-approval",
        data={"total": 1, "payload": canary, "sample": [canary]},
    )
    log = write_log(tmp_path, [notice, judged()])
    assert records(log)[1]["data"] == {"total": 1}
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    # The same in the write-ahead log and in the published entries.
    assert sum(b"quarantine.summary" in content for content in written.values()) == 2
    assert [path for path, content in written.items() if canary.encode() in content] == []


def test_check_tells_without_writing(tmp_path: Path) -> None:
    assert "a new log" in writer(tmp_path).check()
    assert list(tmp_path.iterdir()) == []
    write_log(tmp_path)
    assert "9 records or more" in writer(tmp_path).check()


def test_check_refuses_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("")
    with pytest.raises(ExportError, match="not a directory"):
        writer(tmp_path).check()


def test_stop_is_safe_before_start_and_twice(tmp_path: Path) -> None:
    exporter = writer(tmp_path)
    exporter.stop(0.0)
    exporter.start(NOTHING)
    exporter.stop(0.0)
    exporter.stop(0.0)
    with pytest.raises(ExportError, match="not open"):
        exporter.export(number([judged()]))


def test_the_state_may_lie_elsewhere(tmp_path: Path) -> None:
    exporter = writer(tmp_path, path="public", state="private")
    exporter.start(NOTHING)
    exporter.export(number(usual_items()))
    exporter.stop(1.0)
    for folder in ("public", "private"):
        assert verify(tmp_path / folder).size == 9
    assert place.find(tmp_path / "public").state.resolve() == tmp_path / "private"


def test_the_state_may_not_be_published() -> None:
    with pytest.raises(ValueError, match="must not lie inside `path`"):
        AuditOptions.model_validate({"path": "log", "state": "log/state"})


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "/a", "a/", "a//b", "ä"])
def test_an_origin_that_no_signer_could_use_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        AuditOptions.model_validate({"origin": origin})


def test_without_an_origin_the_host_and_the_system_name_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "pod 7")
    one = context(tmp_path, Hands())
    assert default_origin(one) == "pod-7/loan-approval"
    exporter = build(AuditOptions(), one)
    exporter.start(NOTHING)
    exporter.stop(1.0)
    # A pod that comes back under another name goes on with its log.
    monkeypatch.setattr("socket.gethostname", lambda: "pod-8")
    again = build(AuditOptions(), context(tmp_path, Hands(), boot="boot-2"))
    again.start(NOTHING)
    again.stop(1.0)
    assert {r["source"].rpartition("/")[0] for r in records(tmp_path / "audit")} == {
        "pod-7/loan-approval"
    }


def test_several_systems_share_a_name() -> None:
    import dataclasses

    both = dataclasses.replace(context(Path(), Hands()), systems=(SystemInfo("a"), SystemInfo("b")))
    assert default_origin(both).endswith("/pantau")
