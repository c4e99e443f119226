"""The audit log as it is written: acknowledgement, throughput, checkpoints, memory.

Run by hand: `python -m benchmarks.audit_tree [records]`.  Beside it, in the same run and on the
same disk: a plain append with fdatasync, and SQLite (WAL, synchronous=FULL), neither of which
proves anything.  Records are heartbeats of some 600 bytes.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from exporters.audit.exporter import AuditExporter
from exporters.audit.options import AuditOptions
from exporters.audit.record import Draft
from exporters.base import Standing
from exporters.context import Context, SystemInfo

BATCHES = (1, 10, 100, 1000)
ROUNDS = 200
SETTLED = 220_000
"""Records after which the memory of a growing log is full: it holds the ids of 200,000."""
FLAT_MIB = 16.0
"""How much the memory of a writer may differ after that and still be called flat."""
BEAT = Draft(
    name="heartbeat",
    id=None,
    data={"interval_seconds": 60.0, "records": 3, "reports": 1, "alerts": 0, "events": 60_000},
)


def started(base: Path) -> AuditExporter:
    """Return a writer of a new log, as the agent has it."""
    exporter = AuditExporter(
        AuditOptions(),
        Context(
            agent_version="0",
            bootid="bench",
            config_digest="sha256:" + "c" * 64,
            systems=(SystemInfo("bench"),),
            base=base,
        ),
    )
    exporter.start(Standing([], []))
    return exporter


def plain(base: Path) -> Callable[[int], None]:
    """Append and flush, nothing else."""
    fd = os.open(base / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    record = b"x" * 600

    def write(n: int) -> None:
        os.write(fd, record * n)
        os.fdatasync(fd)

    return write


def sqlite(base: Path) -> Callable[[int], None]:
    """Insert into a table and commit durably."""
    connection = sqlite3.connect(base / "sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, record BLOB)")
    rows = [(b"x" * 600,)]

    def write(n: int) -> None:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO log (record) VALUES (?)", rows * n)
        connection.execute("COMMIT")

    return write


def latencies(write: Callable[[int], None], n: int) -> str:
    """Return median and 99th percentile of one batch of n, and records a second."""
    times = []
    for _ in range(max(20, ROUNDS // max(1, n // 100))):
        began = time.perf_counter()
        write(n)
        times.append(time.perf_counter() - began)
    worst = statistics.quantiles(times, n=100)[98]
    rate = n * len(times) / sum(times)
    return (
        f"p50 {statistics.median(times) * 1e3:7.2f} ms  p99 {worst * 1e3:7.2f} ms  {rate:9,.0f}/s"
    )


def resident() -> float:
    """Return the resident memory in MiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def compare(base: Path) -> None:
    """Print the latency of an acknowledgement for several batch sizes."""
    exporter = started(base)
    writers: dict[str, Callable[[int], None]] = {
        "plain append": plain(base),
        "sqlite": sqlite(base),
        "audit log": lambda n: exporter._writer.add([BEAT] * n),
    }
    for n in BATCHES:
        for name, write in writers.items():
            print(f"acknowledged, {n:5} at once  {name:13} {latencies(write, n)}")
    exporter.stop(60.0)


def checkpoints(base: Path) -> None:
    """Print how long a checkpoint takes, for several numbers of records under it."""
    exporter = started(base)
    assert exporter._publisher is not None
    for n in BATCHES:
        times = []
        for _ in range(40):
            exporter._writer.add([BEAT] * n)
            began = time.perf_counter()
            exporter._publisher.publish()
            times.append(time.perf_counter() - began)
        middle, worst = statistics.median(times) * 1e3, max(times) * 1e3
        print(f"checkpoint over {n:5} more  p50 {middle:7.1f} ms  max {worst:7.1f} ms")
    exporter.stop(60.0)


def grow(base: Path, records: int) -> None:
    """Print memory and time while a log grows, with a checkpoint every 10,000 records.

    Every record has an id of its own, as those of reports have.  Memory is compared from when the
    writer has once held all that it ever holds: `SETTLED` records and their ids.
    """
    exporter = started(base)
    assert exporter._publisher is not None
    began, cpu = time.perf_counter(), time.process_time()
    settled = least = most = 0.0
    for done in range(0, records, 1000):
        exporter._writer.add(
            [msgspec.structs.replace(BEAT, id=f"b{done + i}") for i in range(1000)]
        )
        if done % 10_000 == 0:
            exporter._publisher.publish()
        if done % (records // 10) == 0 or done == SETTLED:
            print(f"resident after {done + 1000:9,} records {resident():6.1f} MiB")
        if done == SETTLED:
            settled = least = most = resident()
        elif done > SETTLED:
            least, most = min(least, resident()), max(most, resident())
    if records > 2 * SETTLED:
        flat = "REACHED" if most - settled <= FLAT_MIB else "MISSED"
        print(
            f"from {SETTLED:,} to {records:,} records between {least - settled:+.1f} and "
            f"{most - settled:+.1f} MiB: flat within {FLAT_MIB:.0f} MiB {flat}"
        )
    else:
        print(f"too few records to tell whether memory is flat: {2 * SETTLED:,} are needed")
    exporter.stop(60.0)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    size = sum(p.stat().st_size for p in (base / "audit").rglob("*") if p.is_file()) / 2**20
    print(f"published {size:,.0f} MiB")
    print(
        f"{records / wall:,.0f} records a second from draft to checkpoint, {cpu:.0f} s of processor"
    )


def main(records: int) -> None:
    """Print everything, each part on a new log."""
    for part in (compare, checkpoints):
        with tempfile.TemporaryDirectory() as folder:
            part(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder), records)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
