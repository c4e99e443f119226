"""A running agent hears of an incident from the command line, records it and counts down."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from agent.cli.main import main
from agent.config.load import load
from agent.run import Parts, assemble, start, stop
from policies.model import rfc3339
from tests.support.audit_records import records
from tests.support.audit_tree import verify_against_itself
from tests.support.decisions import SYSTEM
from tests.support.running_agent import SteppedClock, eventually, running

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


HOUR = 3_600
NAMES = ("PantauIncidentClock", "PantauIncidentOverdue")


def programme(parts: Parts) -> str:
    """Return what the metrics say of incidents by country and sector."""
    lines = parts.metrics.exposition().decode().splitlines()
    return "\n".join(one for one in lines if one.startswith("pantau_programme_incident"))


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


def test_a_clock_reaches_a_human_by_itself_over_a_restart_and_each_change_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "live.jsonl").touch()
    file = tmp_path / "pantau.yaml"
    file.write_text(CONFIG)
    clock = SteppedClock()
    begun = rfc3339(int(time.time()))
    who = ["--by", "jane.roe@bank.example", "-c", str(file)]

    def state(moment: str) -> None:
        assert main(["policy", "clock", "state", "INC-1", "--at", f"{moment}={begun}", *who]) == 0

    def told() -> list[dict[str, Any]]:
        found = [r for r in records(tmp_path / "audit") if ".alert." in r["type"]]
        return [r for r in found if r["data"]["labels"]["alertname"] in NAMES]

    def await_told(*last: tuple[str, str, str]) -> None:
        """Wait until these were the last changes: (change, alertname, state)."""

        def newest() -> tuple[tuple[str, str, str], ...]:
            return tuple(
                (
                    r["type"].split(".")[-2],
                    r["data"]["labels"]["alertname"],
                    r["data"]["annotations"]["state"],
                )
                for r in told()[-len(last) :]
            )

        eventually(lambda: newest() == last)

    with running(file, clock):
        state("detected_at")
        await_told(("raised", NAMES[0], "waiting"))
        state("confirmed_at")
        await_told(("updated", NAMES[0], "running"))
        clock.offset = 49 * HOUR
        await_told(("raised", NAMES[0], "due_soon"), ("closed", NAMES[0], "running"))
    before = len(told())
    with running(file, clock) as parts:
        clock.offset = 73 * HOUR
        await_told(("raised", NAMES[1], "overdue"), ("closed", NAMES[0], "due_soon"))
        assert len(told()) == before + 2
        assert main(["policy", "clock", "close", "INC-1", "--reason", "told the desk", *who]) == 0
        await_told(("closed", NAMES[1], "overdue"))
        counted = programme(parts)
    with running(file, clock) as parts:
        eventually(lambda: 'incidents_open{country="VN",sector=""} 0.0' in programme(parts))
        assert programme(parts) == counted

    assert 'incident_clocks_total{country="VN",outcome="in_time",sector=""} 1.0' in counted
    count = 'incident_response_seconds_count{country="VN",sector="",stage="closed"} 1.0'
    assert count in counted
    ids = Counter(r["id"] for r in records(tmp_path / "audit"))
    assert max(ids.values()) == 1
    severities = [r["data"]["labels"]["severity"] for r in told()]
    assert severities == ["ticket", "ticket", "page", "ticket", "page", "page", "page"]
    said = json.dumps([r["data"] for r in told()])
    assert "jane" not in said
    assert "told the desk" not in said
    assert main(verify_against_itself(tmp_path / "audit")) == 0
