"""The published tree: what outsiders see, and what a start makes of what it finds."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.audit import disk, place
from exporters.audit.exporter import AuditExporter
from exporters.audit.format import checkpoint, note
from exporters.audit.jcs import canonical
from exporters.audit.publisher import Publisher
from exporters.audit.signer import Signer
from exporters.audit.tree_files import TreeFiles
from exporters.base import ExportError
from policies.model import Notice
from tests.support.audit_tree import entries, folders, names, newest, require_whole
from tests.unit.exporters.audit.logs import (
    NOTHING,
    Hands,
    judged,
    number,
    payloads,
    rewrite,
    segment_paths,
    usual_items,
    write_log,
    writer,
)
from tests.unit.exporters.samples import START


def publisher(exporter: AuditExporter) -> Publisher:
    assert exporter._publisher is not None
    return exporter._publisher


def notice(index: int) -> Notice:
    return Notice(name="agent.start", id=f"n{index}", time=START, system=None, data={})


def started(base: Path, boot: str = "boot-1", **options: Any) -> AuditExporter:
    exporter = writer(base, boot=boot, **options)
    exporter.start(NOTHING)
    return exporter


def test_every_record_is_in_the_tree_as_it_was_written(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    records = require_whole(log)
    assert records == [msgspec.json.decode(payload) for payload in payloads(log)]
    assert (
        records[0]["data"]["vkeys"] == msgspec.json.decode((log / "log.json").read_bytes())["vkeys"]
    )


def test_the_key_is_private_and_the_tiles_are_read_only(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    (key,) = (tmp_path / "audit.state" / "keys").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    seed = msgspec.json.decode(key.read_bytes())[0]["seed"].encode()
    for path in log.rglob("*"):
        assert not path.is_file() or seed not in path.read_bytes()
    assert stat.S_IMODE((log / "tile/0/000.p/9").stat().st_mode) == 0o444


@pytest.mark.parametrize("sizes", [[1, 255, 256, 257], [255, 600], [2, 3, 512, 513]])
def test_it_grows_over_the_borders_of_tiles_and_starts(tmp_path: Path, sizes: list[int]) -> None:
    for boot, size in enumerate(sizes):
        exporter = started(tmp_path, boot=f"boot-{boot}")
        have = exporter._opened().wal.size
        exporter.export(number([notice(i) for i in range(have, size)]))
        publisher(exporter).publish()
        assert newest(tmp_path / "audit").size == size
        exporter.stop(1.0)
    assert len(require_whole(tmp_path / "audit")) == sizes[-1]


def test_every_published_checkpoint_is_kept(tmp_path: Path) -> None:
    exporter = started(tmp_path)
    for index in range(4):
        exporter.export(number([notice(index)]))
        publisher(exporter).publish()
    exporter.stop(1.0)
    kept = sorted(int(p.name) for p in (tmp_path / "audit" / "checkpoints").iterdir())
    assert kept == [2, 3, 4, 5]
    require_whole(tmp_path / "audit")


def test_partial_files_go_once_the_full_ones_are_exposed(tmp_path: Path) -> None:
    exporter = started(tmp_path)
    exporter.export(number([notice(i) for i in range(254)]))
    publisher(exporter).publish()
    log = tmp_path / "audit"
    assert (log / "tile/0/000.p/255").exists()
    exporter.export(number([notice(254)]))
    exporter.stop(1.0)
    assert sorted(str(p.relative_to(log)) for p in (log / "tile").rglob("*") if p.is_file()) == [
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/000",
    ]


def test_a_tick_publishes_when_it_is_time(tmp_path: Path) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands, checkpoint_every="10s")
    exporter.start(NOTHING)
    done: list[int] = []
    log, told = publisher(exporter), publisher(exporter)._told

    def tell(tree: Any, content: bytes) -> None:
        told(tree, content)
        done.append(tree.size)

    log._told = tell
    exporter.tick(hands.wall)
    wait_for(lambda: done == [1], log)
    exporter.export(number([notice(1)]))
    hands.pass_time(9)
    exporter.tick(hands.wall)
    assert not log._woken.is_set()
    hands.pass_time(1)
    exporter.tick(hands.wall)
    wait_for(lambda: done == [1, 2], log)
    exporter.stop(1.0)


def wait_for(done: Callable[[], bool], log: Publisher) -> None:
    for _ in range(500):
        if done():
            return
        with log._working:
            pass
        assert log._thread is not None
        log._thread.join(0.01)
    raise AssertionError("it was not published")


def test_a_log_of_the_release_before_the_tree_is_taken_into_it(tmp_path: Path) -> None:
    """Its records, its write-ahead log and its head.json are all there was."""
    log = write_log(tmp_path)
    genesis = msgspec.json.decode(payloads(log)[0])
    del genesis["data"]["vkeys"]
    before = [canonical(genesis), *payloads(log)[1:]]
    rewrite(log, before)
    state = tmp_path / "audit.state"
    shutil.rmtree(state / "keys")
    old = msgspec.json.decode((state / "writer.json").read_bytes())
    del old["digests"]["log.key"]
    (state / "head.json").write_bytes(msgspec.json.encode(old))
    (state / "writer.json").unlink()
    for made in ("tile", "checkpoints"):
        shutil.rmtree(log / made)
    (log / "checkpoint").unlink()

    write_log(tmp_path, boot="boot-2")
    records = require_whole(log)
    assert names(records)[-2:] == ["log.resume", "log.key.rotate"]
    assert records[-2]["data"]["clean"] is True
    rotate = records[-1]["data"]
    assert rotate["old"] is None
    assert newest(log, rotate["new"]).size == len(before) + 2
    assert entries(log, len(records))[: len(before)] == before


# What goes wrong while it is published.


@pytest.mark.parametrize("call", ["fsync", "link", "pwrite", "open"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_whatever_fails_once_is_done_at_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    exporter = started(tmp_path)
    exporter.export(number(usual_items()))
    whole, calls, fail_at = getattr(os, call), [0], [0]

    def once(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == fail_at[0]:
            raise OSError(error, os.strerror(error))
        return whole(*args, **more)

    monkeypatch.setattr(os, call, once)
    while True:
        calls[0], fail_at[0] = 0, fail_at[0] + 1
        try:
            publisher(exporter).publish()
        except OSError:
            exporter.export(number([notice(fail_at[0])]))
            continue
        break
    assert fail_at[0] >= 4
    monkeypatch.undo()
    exporter.stop(1.0)
    require_whole(tmp_path / "audit")


def test_a_problem_is_kept_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = started(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "create", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        publisher(exporter).attempt()
        assert "full" in (publisher(exporter).problem or "")
    publisher(exporter).attempt()
    assert publisher(exporter).problem is None
    exporter.stop(1.0)


def test_nothing_is_signed_before_the_head_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = started(tmp_path)
    monkeypatch.setattr(place, "write_head", lambda *_: (_ for _ in ()).throw(OSError(5, "io")))
    signed: list[int] = []
    monkeypatch.setattr(Signer, "sign", lambda _, size, root: signed.append(size))
    publisher(exporter).attempt()
    assert signed == []
    monkeypatch.undo()
    exporter.stop(1.0)


# What a start finds.


def killed(exporter: AuditExporter) -> None:
    """End a writer as a kill does: nothing is published or noted any more."""
    publisher(exporter).stop(1.0)
    exporter._opened().wal.close()
    os.close(exporter._lock or -1)


def test_killed_before_publishing_the_next_start_publishes_the_same_tree(tmp_path: Path) -> None:
    exporter = started(tmp_path)
    exporter.export(number(usual_items()[:2]))
    publisher(exporter).publish()
    first = newest(tmp_path / "audit")
    exporter.export(number(usual_items()))
    killed(exporter)
    write_log(tmp_path, boot="boot-2")
    assert folders(tmp_path / "audit") == [tmp_path / "audit"]
    require_whole(tmp_path / "audit")
    assert newest(tmp_path / "audit").size > first.size


def test_killed_between_head_and_checkpoint_the_same_root_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = started(tmp_path)
    exporter.export(number(usual_items()))
    monkeypatch.setattr(TreeFiles, "expose", lambda *_: (_ for _ in ()).throw(OSError(5, "killed")))
    publisher(exporter).attempt()
    head = place.read_head(exporter._place)
    assert head is not None
    assert not (tmp_path / "audit/checkpoint").exists()
    kept = (tmp_path / f"audit/checkpoints/{head.size:020d}").read_bytes()
    killed(exporter)
    monkeypatch.undo()
    write_log(tmp_path, boot="boot-2")
    require_whole(tmp_path / "audit")
    assert (tmp_path / f"audit/checkpoints/{head.size:020d}").read_bytes() == kept


def damage_tile(base: Path) -> None:
    path = base / "audit/tile/0/000.p/9"
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def damage_bundle(base: Path) -> None:
    path = base / "audit/tile/entries/000.p/9"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def lose_tile(base: Path) -> None:
    (base / "audit/tile/0/000.p/9").unlink()


def lose_key(base: Path) -> None:
    shutil.rmtree(base / "audit.state/keys")


def garble_key(base: Path) -> None:
    (key,) = (base / "audit.state/keys").iterdir()
    key.write_text("[]")


def lose_head(base: Path) -> None:
    (base / "audit.state/head.json").unlink()


def lose_state(base: Path) -> None:
    shutil.rmtree(base / "audit.state")


def lose_records(base: Path) -> None:
    shutil.rmtree(base / "audit.state/wal")


def older_head(base: Path) -> None:
    path = base / "audit.state/head.json"
    head = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(head | {"size": 0}))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage_tile, "does not hold the entries"),
        (damage_bundle, "is cut off"),
        (lose_tile, "000.p/9 is missing"),
        (lose_key, "the key that signs it is not in"),
        (garble_key, "holds no signing keys"),
        (lose_head, "it is an older copy"),
        (older_head, "it is an older copy"),
        (lose_state, "are not in audit.state"),
        (lose_records, "are not in audit.state"),
    ],
)
def test_a_tree_that_is_not_what_was_signed_is_never_signed_again(
    tmp_path: Path, harm: Callable[[Path], None], said: str
) -> None:
    log = write_log(tmp_path)
    before = newest(log)
    old_key = msgspec.json.decode((log / "log.json").read_bytes())["vkeys"][0]
    harm(tmp_path)
    write_log(tmp_path, [], boot="boot-2")
    old, new = folders(log)
    assert old.name == before.origin.rpartition("/")[2]
    assert newest(old, old_key).origin == before.origin
    records = require_whole(new)
    assert names(records) == ["log.genesis", "log.gap"]
    assert records[0]["data"]["previous"]["origin"] == before.origin
    assert records[0]["data"]["previous"]["size"] >= 9
    assert said in records[1]["data"]["reason"]
    # Nobody ever sees two roots for one size.
    kept = (old / f"checkpoints/{9:020d}").read_bytes()
    assert checkpoint.parse(note.split(kept)[0]).root == before.root


def test_damage_in_the_write_ahead_log_closes_the_epoch_in_order(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    (path,) = segment_paths(log)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    write_log(tmp_path, usual_items(), boot="boot-2")
    old, new = folders(log)
    before, after = require_whole(old), require_whole(new)
    closed = before[-1]["data"]
    assert names(before)[-1] == "log.close"
    assert closed["next"]["origin"] == newest(new, closed["next"]["vkey"]).origin
    previous = after[0]["data"]["previous"]
    assert previous["origin"] == newest(old).origin
    assert (previous["size"], len(before)) == (10, 10)
    assert b64decode(previous["root"]) == newest(old).root


def dying(call: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Return `call`, which never succeeds again from its `at`th use on."""
    used = [0]

    def attempt(*args: Any, **more: Any) -> Any:
        used[0] += 1
        if used[0] >= at:
            raise OSError(errno.EIO, "killed")
        return call(*args, **more)

    return attempt


@pytest.mark.parametrize(
    "call", ["rename", "mkdir", "link", "replace", pytest.param("fsync", marks=pytest.mark.slow)]
)
def test_killed_at_any_step_of_changing_epochs_the_next_start_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    for at in range(1, 60):
        base = tmp_path / f"{at}"
        base.mkdir()
        log = write_log(base)
        (path,) = segment_paths(log)
        path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
        owner: Any = Path if call in ("rename", "mkdir", "replace") else os
        whole = getattr(owner, call)

        fail = dying(whole, at)
        exporter = writer(base, boot="boot-2")
        with monkeypatch.context() as patch:
            patch.setattr(owner, call, fail)
            try:
                exporter.start(NOTHING)
            except ExportError:
                pass
            else:
                patch.undo()
                exporter.stop(1.0)
                assert at > 1
                return
            if exporter._lock is not None:
                os.close(exporter._lock)
        write_log(base, [judged(7)], boot="boot-3")
        every = [require_whole(folder) for folder in folders(log)]
        assert names(every[0])[-1] == "log.close", at
        for one, following in itertools.pairwise(every):
            assert following[0]["data"]["previous"]["origin"] == one[0]["source"]
        assert "window.signals" in names(every[-1])
        shutil.rmtree(base)
    raise AssertionError("it never came through")
