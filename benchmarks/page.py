"""The results as tables, between two markers of `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import Result

BEGIN = "<!-- measured: begin (written by `make bench`) -->"
END = "<!-- measured: end -->"


def speed_table(results: Sequence[Result], baseline: Result) -> str:
    """Return the Markdown table of throughputs; `ratio` compares CPU per event to `baseline`."""
    lines = [
        "| What | events/s | µs/event, wall | µs/event, CPU | CPU, × plain decode | peak memory |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {r.what} | {r.per_second():,.0f} | {r.wall_us():.2f} | {r.cpu_us():.2f} |"
        f" {r.cpu_us() / baseline.cpu_us():.1f} | {_memory(r)} |"
        for r in results
    ]
    return "\n".join(lines)


def machine_table(machine: Mapping[str, str]) -> str:
    """Return the Markdown table of what it was measured on."""
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in machine.items())])


def write(path: Path, measured: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace what stands between the markers; raise ValueError if they are missing."""
    text = path.read_text(encoding="utf-8")
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path}: the markers {begin!r} and {end!r} are missing")
    path.write_text(f"{head}{begin}\n\n{measured}\n\n{end}{tail}", encoding="utf-8")


def _memory(result: Result) -> str:
    peaks = [run.peak_mib for run in result.runs if run.peak_mib is not None]
    return f"{median(peaks):,.0f} MiB" if peaks else ""
