"""Timing, memory and the form of a result, the same for every benchmark.

Each benchmark is a program of its own: `python -m benchmarks.<name>` does one run and prints one
`Run` as JSON.  `benchmarks.run` starts them, pinned to a core, several times, and takes medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run: `events` handled in `wall` and `cpu` seconds (all threads), memory in MiB."""

    events: int
    wall: float
    cpu: float
    resident_mib: float | None = None
    peak_mib: float | None = None
    notes: dict[str, float | int | str] = {}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark's runs; figures are medians over them."""

    name: str
    what: str
    runs: tuple[Run, ...]

    def per_second(self) -> float:
        """Events a second of wall time."""
        return statistics.median(run.events / run.wall for run in self.runs)

    def wall_us(self) -> float:
        """Microseconds of wall time an event."""
        return statistics.median(run.wall / run.events * 1e6 for run in self.runs)

    def cpu_us(self) -> float:
        """Microseconds of processor time an event."""
        return statistics.median(run.cpu / run.events * 1e6 for run in self.runs)


def start(core: int | None, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program on one core (all its threads), or unpinned; its output can be read.

    Affinity is inherited, so it holds from the first instruction: a library that starts threads
    when it is imported cannot escape.
    """
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    finally:
        os.sched_setaffinity(0, before)


def measured(core: int | None, *command: str) -> Run:
    """Start a benchmark, wait for it and return its run; raise RuntimeError if it fails."""
    process = start(core, command)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}")
    return msgspec.json.decode(output.splitlines()[-1], type=Run)


def timed(work: Callable[[], int]) -> Run:
    """Run `work`, which returns how many events it handled, and measure it."""
    wall, cpu = time.perf_counter(), time.process_time()
    events = work()
    return Run(events=events, wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)


def memory_mib(pid: int | str = "self") -> tuple[float, float]:
    """Return a process's resident memory now and its peak so far, in MiB."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return _mib(fields["VmRSS"]), _mib(fields["VmHWM"])


def cpu_seconds(pid: int) -> float:
    """Return the processor time that another process has used so far (user and system)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(run: Run) -> None:
    """Print the run for `benchmarks.run` to read."""
    sys.stdout.buffer.write(msgspec.json.encode(run) + b"\n")


def _mib(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) / 1024
