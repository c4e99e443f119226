"""A running agent hears of an incident from the command line, records it and counts down."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from agent.cli.main import main
from agent.config.load import load
from agent.run import assemble, start, stop
from tests.support.audit_records import records
from tests.support.decisions import SYSTEM

CONFIG = (
    SYSTEM.replace("  - id: loans\n", "  - id: loans\n    country: VN\n")
    + """\
    windows: [5m]
collectors:
  - {type: file, path: live.jsonl, follow: true}
exporters:
  - {type: audit, path: audit}
  - {type: prometheus, host: 127.0.0.1, port: 0}
"""
)


def eventually(is_so: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_statement_reaches_the_audit_log_and_the_metrics(tmp_path: Path) -> None:
    (tmp_path / "live.jsonl").touch()
    file = tmp_path / "pantau.yaml"
    file.write_text(CONFIG)
    command = ["policy", "clock", "state", "INC-1", "--by", "risk-officer", "-c", str(file)]

    def told() -> list[dict[str, str]]:
        kind = "io.pantau.audit.incident.clock.v1"
        return [r["data"] for r in records(tmp_path / "audit") if r["type"] == kind]

    parts = assemble(load(file))
    start(parts)
    try:
        assert main([*command, "--at", "confirmed_at=2099-01-01T00:00:00Z"]) == 0
        eventually(lambda: bool(told()))
        page = parts.metrics.exposition().decode()
    finally:
        stop(parts, "test")
        parts.store.close()
    (clock,) = told()
    assert (clock["clock"], clock["state"]) == ("vn-ai-serious-incident", "running")
    assert clock["due"] == "2099-01-04T00:00:00Z"
    assert 'pantau_incident_clock_remaining_seconds{clock="vn-ai-serious-incident"' in page
    assert 'pantau_programme_systems{country="VN",sector=""} 1.0' in page
