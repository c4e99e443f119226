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
from exporters.audit.verify import verify
from exporters.base import ExportError
from tests.unit.exporters.audit.logs import (
    NOTHING,
    judged,
    names,
    number,
    policy_change,
    records,
    writer,
)

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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk; the unit tests inject the error")
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
