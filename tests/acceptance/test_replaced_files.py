"""The agent on a file that is replaced from one run to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.run import Parts, RunError
from tests.support.audit_records import records
from tests.support.decisions import SYSTEM, as_lines, decisions
from tests.support.running_agent import eventually, running

START = 1_767_225_600  # 2026-01-01T00:00:00Z
DAY = 86_400
SOURCE = {"source": "file:day.jsonl"}

CONFIG = (
    SYSTEM
    + """\
    windows: [1h]
    time: {lateness: 5s}
collectors:
  - {type: file, path: day.jsonl}
exporters:
  - {type: audit, path: audit}
"""
)


def put(folder: Path, day: int, n: int) -> None:
    (folder / "pantau.yaml").write_text(CONFIG)
    rows = as_lines(decisions(n, start=START + day * DAY, every=20, seed=day))
    (folder / "day.jsonl").write_bytes(b"".join(line + b"\n" for line in rows))


def counted(parts: Parts, name: str) -> float:
    return parts.metrics.registry.get_sample_value(f"pantau_{name}_total", SOURCE) or 0.0


def run(folder: Path) -> tuple[float, float]:
    """Run to the end of the file; return the events and how often it was read anew."""
    with running(folder / "pantau.yaml") as parts:
        eventually(lambda: parts.thread is not None and not parts.thread.is_alive())
        return counted(parts, "events"), counted(parts, "source_read_anew")


def windows(folder: Path) -> int:
    kinds = [r["type"] for r in records(folder / "audit")]
    return kinds.count("io.pantau.audit.window.signals.v1")


def test_the_file_of_another_day_in_its_place_is_judged(tmp_path: Path) -> None:
    put(tmp_path, 0, 500)
    assert run(tmp_path) == (500, 0)
    before = windows(tmp_path)
    assert run(tmp_path) == (0, 0)
    put(tmp_path, 1, 400)
    assert run(tmp_path) == (400, 1)
    assert windows(tmp_path) >= before + 2
    assert run(tmp_path) == (0, 0)


def test_a_file_that_was_cut_ends_the_run_and_says_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, 0, 500)
    run(tmp_path)
    put(tmp_path, 0, 400)
    with pytest.raises(RunError, match="another `name`"):
        run(tmp_path)
