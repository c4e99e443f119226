"""An incident's clock by a real Alertmanager, and the rules for Prometheus by a real promtool."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.cli.main import main
from agent.config.load import load
from agent.run import assemble, start, stop
from policies.model import rfc3339
from tests.acceptance.test_incident_clock import CONFIG
from tests.real.alertmanager import Alertmanager, Receiver
from tests.real.components import require_binary
from tests.real.processes import eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
HOUR = 3_600
LABELS = {
    "system": "loans",
    "model_version": "*",
    "principle": "P6",
    "rule": "vn-ai-serious-incident/INC-1",
}


def test_a_clock_notifies_at_each_stage_and_resolves(
    tmp_path: Path, alertmanager: Alertmanager, receiver: Receiver
) -> None:
    (tmp_path / "live.jsonl").touch()
    file = tmp_path / "pantau.yaml"
    file.write_text(f"{CONFIG}  - {{type: alertmanager, url: '{alertmanager.url}', repost: 1s}}\n")
    now = int(time.time())

    def state(confirmed: int) -> None:
        at = f"confirmed_at={rfc3339(confirmed)}"
        by = ["--by", "risk-officer", "-c", str(file)]
        assert main(["policy", "clock", "state", "INC-1", "--at", at, *by]) == 0

    def notified(count: int) -> dict[str, Any]:
        more = eventually(lambda: of_clock(receiver)[count - 1 :] or None, f"notification {count}")
        return more[0]

    parts = assemble(load(file))
    try:
        start(parts)
        state(now)
        assert notified(1)["labels"] == {
            "alertname": "PantauIncidentClock",
            **LABELS,
            "severity": "ticket",
        }
        state(now - 50 * HOUR)
        page = notified(2)
        assert page["labels"]["severity"] == "page"
        assert re.fullmatch(r"2[12] h \d+ min left", page["annotations"]["time_left"])
        state(now - 73 * HOUR)
        overdue = notified(3)
        assert overdue["labels"] == {
            "alertname": "PantauIncidentOverdue",
            **LABELS,
            "severity": "page",
        }
        assert overdue["annotations"]["time_left"].startswith("overdue by 1 h")
        assert "risk-officer" not in json.dumps(of_clock(receiver))
        closing = ["INC-1", "--by", "risk-officer", "--reason", "told", "-c", str(file)]
        assert main(["policy", "clock", "close", *closing]) == 0
        eventually(lambda: standing(alertmanager) == [] or None, "end of the alert")
        stop(parts, "test")
    finally:
        parts.store.close()


def of_clock(receiver: Receiver) -> list[dict[str, Any]]:
    return [a for a in receiver.alerts("firing") if a["labels"].get("rule") == LABELS["rule"]]


def standing(alertmanager: Alertmanager) -> list[dict[str, Any]]:
    return [a for a in alertmanager.alerts() if a["labels"].get("rule") == LABELS["rule"]]


SERIES = 'pantau_incident_clocks_open{system="loan",clock="c",state="%s"}'


def test_the_rules_for_prometheus_page_by_state_and_outlive_the_agent(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    (block,) = re.findall(
        r"```yaml\n(groups:\n  - name: pantau-incident-clocks\n.*?)```", text, re.S
    )
    (tmp_path / "rules.yaml").write_text(block)
    ids = {"system": "loan", "clock": "c"}

    def firing(at: str, name: str, *severities: str) -> dict[str, Any]:
        labels = [{**ids, "severity": severity, "principle": "P6"} for severity in severities]
        alerts = [{"exp_labels": one} for one in labels]
        return {"eval_time": at, "alertname": name, "exp_alerts": alerts}

    case = {
        "interval": "1m",
        "input_series": [
            # Runs, is due soon, is overdue, is closed.
            {"series": SERIES % "running", "values": "1x10 0x50"},
            {"series": SERIES % "due_soon", "values": "0x10 1x10 0x39"},
            # The agent is away from minute 40 on, with the clock overdue.
            {"series": SERIES % "overdue", "values": "0x21 1x18 _x300"},
        ],
        "alert_rule_test": [
            firing("5m", "PantauIncidentClock", "ticket"),
            firing("15m", "PantauIncidentClock", "page"),
            firing("15m", "PantauIncidentOverdue"),
            firing("30m", "PantauIncidentClock"),
            firing("30m", "PantauIncidentOverdue", "page"),
            firing("4h", "PantauIncidentOverdue", "page"),
            firing("5h", "PantauIncidentOverdue"),
        ],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [str(require_binary("promtool")), "test", "rules", "test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
