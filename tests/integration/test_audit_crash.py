"""The audit log under what really happens to it: kill -9 while it writes, and a full disk."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.audit.exporter import AuditExporter
from exporters.audit.verify_wal import verify
from exporters.base import ExportError
from tests.real.components import missing
from tests.real.verifiers import require_accepted
from tests.support.audit_tree import names as tree_names
from tests.support.audit_tree import require_whole
from tests.support.small_disk import small_disk as disk_of
from tests.unit.exporters.audit.logs import (
    NOTHING,
    Hands,
    judged,
    names,
    number,
    policy_change,
    records,
    writer,
)
from tests.unit.exporters.samples import alert

WRITER = """
import sys
from pathlib import Path
from exporters.base import Numbered
from tests.unit.exporters.audit.logs import NOTHING, judged, policy_change, writer

base, boot, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
exporter = writer(base, boot=boot, segment_mb=1)
exporter.start(NOTHING)
exporter.export([Numbered(1, policy_change())])
while True:
    exporter.export([Numbered(n + 2, judged(n)) for n in range(first, first + 3)])
    first += 3
    print(first, flush=True)
"""


@pytest.mark.slow
@pytest.mark.integration
def test_killed_again_and_again_no_acknowledged_record_is_lost_or_doubled(tmp_path: Path) -> None:
    rng = random.Random(7)
    acknowledged = 0
    for boot in range(20):
        # What was not known to be acknowledged comes again, and some of what was.
        first = max(0, acknowledged - rng.randrange(20))
        command = [sys.executable, "-c", WRITER, str(tmp_path), f"boot-{boot}", str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(rng.randrange(1, 60)):
                acknowledged = max(acknowledged, int(child.stdout.readline()))
            child.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
    log = tmp_path / "audit"
    starts = [r["data"]["window"]["start"] for r in records(log) if "window" in r["type"]]
    assert len(starts) == len(set(starts)) >= acknowledged > 300
    assert names(log).count("log.resume") == 19
    assert verify(log).findings == ()
    exporter = writer(tmp_path, boot="boot-20", segment_mb=1)
    exporter.start(NOTHING)
    exporter.stop(60.0)
    assert len(require_whole(log)) == len(records(log))
    require_accepted(log)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("a tmpfs of one's own", "run as root, with the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(exporter: AuditExporter) -> int:
    """Write windows until one cannot be written; return its number."""
    for index in range(1_000):
        try:
            exporter.export(number([judged(index)]))
        except ExportError:
            return index
    raise AssertionError("the disk did not fill up")


def test_on_a_disk_that_fills_up_nothing_is_lost_once_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(100_000))
    exporter = writer(small_disk)
    exporter.start(NOTHING)
    exporter.export(number([policy_change()]))
    written = fill(exporter)
    assert written > 10
    with pytest.raises(ExportError, match="is full"):
        exporter.export(number([judged(written)]))
    assert verify(small_disk / "audit").result == "PASS"
    ballast.unlink()
    for index in range(written + 5):
        exporter.export(number([judged(index)]))
    exporter.stop(1.0)
    assert names(small_disk / "audit").count("window.signals") == written + 5
    assert verify(small_disk / "audit").result == "PASS"


def test_on_a_real_disk_that_stays_full_what_matters_most_is_still_written(tmp_path: Path) -> None:
    hands = Hands()
    with disk_of(tmp_path / "disk", megabytes=8) as disk:
        exporter = writer(disk.path, hands, ballast_mb=1)
        exporter.start(NOTHING)
        exporter.export(number([policy_change()]))
        disk.fill()
        items = number([judged(0), alert()])
        for seconds in (0, 31):
            hands.pass_time(seconds)
            with pytest.raises(ExportError, match="is full"):
                exporter.export(items)
        exporter.export(items)  # into the room that the ballast had kept
        hands.pass_time(60)
        exporter.tick(hands.wall)
        exporter.export(number([judged(1)]))
        disk.free()
        exporter.tick(hands.wall)
        exporter.export(number([judged(2)]))
        exporter.stop(5.0)
        found = require_whole(disk.path / "audit")
    said = tree_names(found)
    assert said[2:5] == ["window.signals", "policy.verdict", "alert.raised"]
    assert [r["data"].get("shortened") for r in found if "window.signals" in r["type"]] == [
        True,
        True,
        None,
    ]
    (gap,) = [r["data"] for r in found if "log.gap" in r["type"]]
    assert gap["counts"]["window.signals"] == 2
    assert said[-2:] == ["window.signals", "policy.verdict"]


def test_published_on_a_full_disk_is_published_once_there_is_room(tmp_path: Path) -> None:
    """The published directory alone is full: records are safe, checkpoints follow."""
    with disk_of(tmp_path / "disk", megabytes=2) as disk:
        exporter = writer(tmp_path, path="disk/audit", state="state")
        exporter.start(NOTHING)
        disk.fill()
        exporter.export(number([judged(index) for index in range(20)]))
        assert exporter._publisher is not None
        exporter._publisher.attempt()
        assert "No space left" in (exporter._publisher.problem or "")
        disk.free()
        exporter.stop(5.0)
        assert tree_names(require_whole(disk.path / "audit")).count("window.signals") == 20
