"""The main job on real components: Kafka in, Prometheus and Alertmanager out, audit log beside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from policies.model import rfc3339
from tests.real.alertmanager import Alertmanager
from tests.real.kafka_broker import KafkaBroker
from tests.real.processes import eventually
from tests.real.prometheus import Prometheus
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records, reports
from tests.support.audit_tree import verify_against_itself
from tests.support.decisions import SYSTEM, Row, as_lines, decisions, write_lines
from tests.support.produce import fill

pytestmark = pytest.mark.integration

PARTITIONS = 4
WINDOW = 300

CONFIG = (
    SYSTEM
    + """\
    owner: credit-risk@bank.example
    reference: {data: past.jsonl}
    windows: [5m]
    time: {lateness: 5s, future_skew: 20m}
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {topic}, session_timeout: 6s}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
  - {type: alertmanager, url: "{alertmanager}"}
"""
)

VERDICT = {
    "system": "loans",
    "model_version": "*",
    "rule": "FA-1",
    "principle": "P2",
    "attribute": "gender",
    "window": "5m",
}


def test_a_breached_principle_stands_in_prometheus_and_alertmanager_and_outlives_a_restart(
    kafka_broker: KafkaBroker,
    new_topic: Callable[..., str],
    alertmanager: Alertmanager,
    start_prometheus: Callable[..., Prometheus],
    tmp_path: Path,
) -> None:
    topic, port = new_topic(PARTITIONS), free_port()
    this = int(time.time()) // WINDOW * WINDOW
    write_lines(
        tmp_path / "past.jsonl", as_lines(decisions(2_000, start=this - 86_400, every=1, seed=1))
    )
    config = write_config(
        tmp_path,
        CONFIG,
        broker=kafka_broker.bootstrap,
        topic=topic,
        port=port,
        alertmanager=alertmanager.url,
    )
    audit = tmp_path / "audit"

    def produce(rows: list[Row]) -> None:
        fill(kafka_broker.bootstrap, topic, PARTITIONS, as_lines(rows))

    def pass_window(end: int) -> None:
        """Let every partition go beyond the end of a window by more than the lateness."""
        produce(decisions(PARTITIONS, start=end + 6, every=0.1, seed=end))

    # Of ten m nine are approved, of ten f five: a gap of -0.4 in the window that has just ended.
    produce(decisions(2_000, start=this - WINDOW, every=0.149, seed=2, approved=(9, 5)))
    pass_window(this)
    prometheus = start_prometheus(f"127.0.0.1:{port}")
    with AgentProcess(config, tmp_path / "agent.log", port) as agent:
        agent.until_ready()
        check_prometheus(prometheus)
        check_alerts(alertmanager, this)

        # A window of the near future, so that it is still open at the restart.
        later = this + 3 * WINDOW
        coming = decisions(1_200, start=later - WINDOW, every=0.249, seed=3, approved=(8, 6))
        produce(coming[:600])
        agent.until(lambda: events_taken(agent) == 2_604)
        began = time.monotonic()
        assert agent.terminate() == 0, agent.tail()
        assert time.monotonic() - began < 25
    assert [e["event"] for e in agent.events()][-1] == "agent_stopped"
    assert agent.events()[-1]["complete"] is True
    assert main(verify_against_itself(audit)) == 0
    before = records(audit)
    assert record_names(before)[-1] == "agent.stop"
    # An agent that is away does not read as resolved.
    check_alerts(alertmanager, this)

    with AgentProcess(config, tmp_path / "agent.log", port) as agent:
        agent.until_ready()
        # What stands was restored before the agent called itself ready.
        status, page = agent.get("/metrics")
        assert (status, 'rule="FA-1"' in page) == (200, True)
        produce(coming[600:])
        pass_window(later)
        (key,) = agent.until(lambda: measured(audit, later))
        assert agent.terminate() == 0, agent.tail()

    window = json.loads(reports(audit)[key])
    assert window["coverage"]["events"] == 1_200
    assert window["coverage"]["partitions"] == {"assigned": 4, "total": 4}
    gaps = [s for s in window["signals"] if s["name"] == "fairness.statistical_parity_difference"]
    assert gaps[0]["value"] == pytest.approx(-0.2, abs=1e-9)
    # `reports` fails if a window is recorded twice.
    assert set(reports(audit)) > {k for k in reports(audit, rfc3339(this)) if k[4] == "0"}
    now = records(audit)
    assert now[: len(before)] == before
    assert len({r["id"] for r in now}) == len(now)
    assert [r["seq"] for r in now] == list(range(len(now)))
    raised = [r for r in now if r["type"] == "io.pantau.audit.alert.raised.v1"]
    causes = [json.dumps(r["data"]["labels"], sort_keys=True) for r in raised]
    assert len(causes) == len(set(causes))
    assert main(verify_against_itself(audit)) == 0


def check_prometheus(prometheus: Prometheus) -> None:
    """Assert the verdict, the gap, and that labels are exactly those of contract C15."""
    (state,) = prometheus.await_query(
        'pantau_verdict_state{state="breach",principle="P2",rule="FA-1",model_version="*"} == 1'
    )
    outside = {"instance": prometheus.target()["labels"]["instance"], "job": "pantau"}
    assert state["metric"] == {
        "__name__": "pantau_verdict_state",
        "state": "breach",
        **VERDICT,
        **outside,
    }
    others = prometheus.query(
        'pantau_verdict_state{rule="FA-1",model_version="*",attribute="gender"}'
    )
    assert {s["metric"]["state"]: s["value"][1] for s in others} == {
        "breach": "1",
        "warn": "0",
        "ok": "0",
        "not_assessable": "0",
    }
    (gap,) = prometheus.query(
        'pantau_signal_value{signal="fairness.statistical_parity_difference",'
        'model_version="*",group=""}'
    )
    assert float(gap["value"][1]) == pytest.approx(-0.4, abs=1e-9)
    assert gap["metric"] == {
        "__name__": "pantau_signal_value",
        "signal": "fairness.statistical_parity_difference",
        **{k: v for k, v in VERDICT.items() if k != "rule"},
        **outside,
    }
    (pair,) = prometheus.query(
        'pantau_signal_samples{signal="fairness.statistical_parity_difference",'
        'model_version="*",group="f",against="m"}'
    )
    assert pair["value"][1] == "1000"
    limits = prometheus.query('pantau_rule_threshold{rule="FA-1",model_version="*"}')
    assert {s["metric"]["level"]: s["value"][1] for s in limits} == {
        "warn": "0.05",
        "breach": "0.1",
    }
    (taken,) = prometheus.query("pantau_events_total")
    assert taken["value"][1] == "2004"


def check_alerts(alertmanager: Alertmanager, window_end: int) -> None:
    """Assert that the breach stands with exactly the labels of C15, and tells what is wrong."""
    found = eventually(lambda: breaches(alertmanager) or None, "breach in Alertmanager")
    alert = next(
        a for a in found if a["labels"]["rule"] == "FA-1" and a["labels"]["model_version"] == "*"
    )
    assert alert["labels"] == {
        "alertname": "PantauBreach",
        "system": "loans",
        "model_version": "*",
        "principle": "P2",
        "rule": "FA-1",
        "attribute": "gender",
        "severity": "page",
    }
    told = json.dumps(alert["annotations"])
    for part in ("-0.4", "Fairness", "gender", "0.1"):
        assert part in told, (part, told)
    assert alert["annotations"].keys() >= {"summary", "description"}
    assert alert["startsAt"].startswith(rfc3339(window_end)[:19])


def breaches(alertmanager: Alertmanager) -> list[dict[str, Any]]:
    return [a for a in alertmanager.alerts() if a["labels"]["alertname"] == "PantauBreach"]


def events_taken(agent: AgentProcess) -> float:
    lines = agent.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("pantau_events_total"))


def measured(audit: Path, end: int) -> list[tuple[str, ...]]:
    """Return the key of the pooled report of the window that ends there, once it is recorded."""
    found = reports(audit)
    start = rfc3339(end - WINDOW)
    return [k for k in found if k[:4] == ("window.signals", "*", "5m", start)]


def record_names(found: list[dict[str, Any]]) -> list[str]:
    return [r["type"].removeprefix("io.pantau.audit.").removesuffix(".v1") for r in found]
