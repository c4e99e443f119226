"""Traces, metrics and logs of an agent on real Kafka, in the OpenTelemetry Collector's receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.kafka_broker import KafkaBroker
from tests.real.otlp_receiver import Entry, OtlpReceiver
from tests.real.processes import eventually
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records, reports
from tests.support.decisions import SYSTEM, as_lines, decisions
from tests.support.produce import fill

# Building the receiver, once, is part of the first test's time.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

WINDOW = 300
ROWS = 400
PARTITIONS = 2
PRODUCER = "4bf92f3577b34da6a3ce929d0e0e4736"

CONFIG = (
    SYSTEM
    + """\
    windows: [5m]
    time: {lateness: 5s, future_skew: 20m}
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {topic}, session_timeout: 6s}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
"""
)


@pytest.fixture
def start_agent(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> Callable[[], AgentProcess]:
    """Return a function that fills a topic with one whole window and starts an agent on it."""

    def start() -> AgentProcess:
        topic, port = new_topic(PARTITIONS), free_port()
        this = int(time.time()) // WINDOW * WINDOW
        broker = kafka_broker.bootstrap
        config = write_config(tmp_path, CONFIG, broker=broker, topic=topic, port=port)
        rows = as_lines(decisions(ROWS, start=this - WINDOW, every=0.7, seed=2, approved=(9, 5)))
        after = as_lines(decisions(PARTITIONS, start=this + 6, every=0.1, seed=3))
        traceparent = f"00-{PRODUCER}-00f067aa0ba902b7-01"
        fill(broker, topic, PARTITIONS, rows + after, traceparent)
        return AgentProcess(config, tmp_path / "agent.log", port)

    return start


def audited(folder: Path) -> bool:
    return (folder / "audit").exists() and bool(reports(folder / "audit"))


def test_one_trace_goes_from_the_poll_to_the_audit_record(
    otlp_receiver: OtlpReceiver,
    start_agent: Callable[[], AgentProcess],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp_receiver.url)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "watch-loans")
    with start_agent() as agent:
        agent.until_ready()
        agent.until(lambda: audited(tmp_path))
        eventually(
            lambda: named(otlp_receiver.points(), "pantau_verdict_state") or None, "a verdict"
        )
        assert agent.terminate() == 0, agent.tail()

    spans = otlp_receiver.spans()
    assert {span.resource["service.name"] for span in spans} == {"watch-loans"}
    by_id = {span.raw["spanId"]: span for span in spans}
    written = next(
        span
        for span in named(spans, "write audit record")
        if span.attributes["pantau.audit.record.type"] == "window.signals"
    )
    # From the audit record up to the span of the producer, which is not the agent's to send.
    path = [written]
    while path[-1].raw["parentSpanId"] in by_id:
        path.append(by_id[path[-1].raw["parentSpanId"]])
    topic = path[-1].attributes["messaging.destination.name"]
    assert [span.name for span in path] == [
        "write audit record",
        "export audit",
        "close window",
        "absorb",
        f"process {topic}",
    ]
    assert {span.raw["traceId"] for span in path} == {PRODUCER}
    root = path[-1]
    assert root.raw["parentSpanId"] == "00f067aa0ba902b7"
    assert root.raw["links"][0]["traceId"] == PRODUCER
    below = {s.name for s in spans if s.raw.get("parentSpanId") == root.raw["spanId"]}
    assert below == {f"poll {topic}", "decode", "absorb"}
    window = path[2]
    assert (window.attributes["pantau.system"], window.attributes["pantau.events"]) == (
        "loans",
        400,
    )
    assert "commit" in {s.name for s in spans if s.raw.get("parentSpanId") == window.raw["spanId"]}
    for span in spans:
        assert int(span.raw["startTimeUnixNano"]) <= int(span.raw["endTimeUnixNano"]), span

    # The same trace in the record, in the agent's log and in the log records.
    found = records(tmp_path / "audit")
    record = next(r for r in found if r["id"] == written.attributes["pantau.audit.record.id"])
    assert record["corr"]["trace_id"] == PRODUCER
    lines = [line for line in agent.events() if line["event"] == "window_closed"]
    assert PRODUCER in {line["trace_id"] for line in lines}
    logged = named(otlp_receiver.logs(), "window_closed")
    assert PRODUCER in {entry.raw["traceId"] for entry in logged}
    assert len(logged) == len(lines)

    # Metrics: what /metrics says, and the conventions' own.
    states = named(otlp_receiver.points(), "pantau_verdict_state")
    assert {"loans"} == {point.attributes["system"] for point in states}
    consumed = newest(named(otlp_receiver.points(), "messaging.client.consumed.messages"))
    assert sum(int(point.raw["asInt"]) for point in consumed) == ROWS + PARTITIONS
    events = newest(named(otlp_receiver.points(), "pantau_events"))
    assert [point.raw["asDouble"] for point in events] == [ROWS + PARTITIONS]

    # Nothing that an event held: its id is the easiest to find.
    for name in ("traces", "logs", "metrics"):
        assert '"2-1' not in (otlp_receiver.folder / f"{name}.jsonl").read_text()


def test_an_endpoint_that_hangs_then_is_gone_does_not_touch_the_agent(
    otlp_receiver: OtlpReceiver,
    start_agent: Callable[[], AgentProcess],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp_receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
    otlp_receiver.hang()
    with start_agent() as agent:
        agent.until_ready()
        agent.until(lambda: audited(tmp_path))
        agent.until(lambda: lost(agent))
        otlp_receiver.go_on()
        otlp_receiver.stop()
        agent.until(lambda: agent.get("/readyz")[0] == 200)
        began = time.monotonic()
        assert agent.terminate() == 0, agent.tail()
        assert time.monotonic() - began < 25, "the deadline of the stop holds"
    told = {line["event"] for line in agent.events()}
    assert "telemetry_failed" in told
    assert not told & {"delivery_failed", "pipeline_failed", "exporter_stop_timed_out"}
    assert len(records(tmp_path / "audit")) > 5


def lost(agent: AgentProcess) -> bool:
    return 'pantau_telemetry_items_dropped_total{reason="failed"' in agent.get("/metrics")[1]


def named(entries: list[Entry], name: str) -> list[Entry]:
    return [entry for entry in entries if entry.name == name]


def newest(points: list[Entry]) -> list[Entry]:
    """Return the last data point of each series."""
    last = {json.dumps(point.attributes, sort_keys=True): point for point in points}
    return list(last.values())
