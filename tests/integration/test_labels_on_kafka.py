"""Labels on a topic of their own, late, shuffled and twice, killed on the way: same reports."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from policies.model import Report, rfc3339
from tests.real.kafka_broker import KafkaBroker
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records
from tests.support.decisions import LABELLED, Row, as_lines, decisions, write_lines

N = 3_000
SILENCE = "anomaly.silence"

SYSTEM = (
    LABELLED
    + """\
    windows: [5m, 1h]
    time: {lateness: 2m, idle: 3s, label_horizon: 2h}
"""
)
RUN = (
    SYSTEM
    + """\
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {group}-e, system: loans}
  - type: kafka
    brokers: ["{broker}"]
    topic: {labels}
    group: {group}-l
    system: loans
    labels: {label: outcome}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
"""
)
BACKTEST = SYSTEM + "collectors:\n  - {type: file, path: {file}}\n"


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(600)
def test_labels_of_a_topic_give_the_numbers_of_labels_in_the_event(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(4)
    start = int(time.time()) // 3_600 * 3_600 - 6 * 3_600
    rows = decisions(N, start=start, every=2, seed=8, approved=(8, 5))
    known = {str(r["id"]): int(rng.random() < 0.7) for r in rows}
    # Behind the horizon: nothing of the first two hours waits any more.
    last = [{"id": f"t{i}", "at": rfc3339(start + 5 * 3_600)} for i in range(2)]
    end = rfc3339(start + 2 * 3_600)
    labelled = [{**row, "repaid": known[str(row["id"])]} for row in rows]
    expected = in_the_event(tmp_path, [*labelled, *last], end)

    topic, labels = new_topic(2), new_topic(3)
    later = [
        {"id": key, "outcome": value, "recorded_at": rfc3339(start + 6_000)}
        for key, value in known.items()
    ]
    twice = rng.sample([*later, *later], 2 * len(later))
    send(kafka_broker.bootstrap, labels, 3, twice)
    send(kafka_broker.bootstrap, topic, 2, rows)
    send(kafka_broker.bootstrap, topic, 2, last)

    source = {"broker": kafka_broker.bootstrap, "topic": topic, "labels": labels}
    quiet = run(tmp_path / "quiet", source, end, expected.keys(), kills=0)
    killed = run(tmp_path / "killed", source, end, expected.keys(), kills=5)
    # By version and pooled while decisions come, and empty windows pooled.
    assert len(expected) == 2 * (20 + 2) + 4
    assert {key: line(found) for key, found in killed.items()} == {
        key: line(found) for key, found in quiet.items()
    }
    for key, document in expected.items():
        assert what_counts(killed[key]) == what_counts(document)


def run(
    folder: Path,
    source: dict[str, str],
    end: str,
    wanted: Set[Any],
    *,
    kills: int,
    template: str = RUN,
    metric: str = "pantau_labels_total",
) -> dict[Any, dict[str, Any]]:
    """Run the agent until everything wanted is final; return the final reports it recorded.

    `metric` is what it must have when all that is joined has been read.
    """
    rng = random.Random(5)
    port = free_port()
    config = write_config(folder, template, port=port, group=f"{source['topic']}-{kills}", **source)
    log = folder / "agent.log"
    for _ in range(kills):
        agent = AgentProcess(config, log, port)
        time.sleep(rng.uniform(1.0, 3.0))
        assert agent.running(), agent.tail()
        agent.kill()
    with AgentProcess(config, log, port) as agent:
        agent.until(lambda: final(config.parent / "audit", end).keys() >= wanted, 120)
        # All may have been final before the last kill, so that this agent has only just started.
        agent.until(lambda: metric in agent.get("/metrics")[1], 60)
        assert agent.terminate() == 0
    return final(config.parent / "audit", end)


def in_the_event(
    folder: Path, rows: list[Row], until: str, template: str = BACKTEST
) -> dict[Any, dict[str, Any]]:
    """Return the final reports of a backtest with what is joined in the events."""
    file = write_lines(folder / "live.jsonl", as_lines(rows))
    config = write_config(folder / "backtest", template, file=file)
    from agent.backtest import replay
    from agent.config.load import load
    from policies.model import report_document

    loaded = load(config, env={})
    reports: list[Report] = []
    replay(loaded, loaded.systems[0], file, reports.append)
    lines = [json.dumps(report_document(r)) for r in reports]
    documents: list[dict[str, Any]] = [json.loads(one) for one in lines]
    assert all(d["final"] for d in documents)
    return {identity(d): d for d in documents if d["window"]["end"] <= until}


def final(audit: Path, until: str) -> dict[Any, dict[str, Any]]:
    """Return the final reports in an audit log, to the end of a window."""
    if not audit.exists():
        return {}
    whole: dict[Any, dict[str, Any]] = {}
    for record in records(audit):
        if ".window." not in record["type"] and ".policy.verdict." not in record["type"]:
            continue
        data = {**record["data"], "model_version": record["model"]["version"]}
        if not data["final"] or data["window"]["end"] > until:
            continue
        held = whole.setdefault(identity(data), {})
        # A report that is long stands in several records.
        parts = {k: [*held.get(k, ()), *data.get(k, ())] for k in ("signals", "verdicts")}
        held.update({**data, **parts})
        held["parts"] = held.get("parts", 0) + 1
    return whole


def identity(document: dict[str, Any]) -> tuple[str, str, str]:
    window = document["window"]
    return document["model_version"], window["length"], window["start"]


def line(document: dict[str, Any]) -> str:
    """Return a final report on one line, all of it but silence, which is told by the wall clock."""
    return json.dumps(document | without_silence(document), sort_keys=True)


def without_silence(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "signals": [s for s in document["signals"] if s["name"] != SILENCE],
        "verdicts": [v for v in document["verdicts"] if v["because"][0]["name"] != SILENCE],
    }


def what_counts(document: dict[str, Any]) -> dict[str, Any]:
    """Return what `run` and `backtest` agree on: all but silence, partitions and restatements."""
    coverage = {k: v for k, v in document["coverage"].items() if k != "partitions"}
    kept = {k: document[k] for k in ("model_version", "window", "final")}
    return kept | {"coverage": coverage} | without_silence(document)


def send(broker: str, topic: str, partitions: int, rows: list[dict[str, Any]]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker, enable_idempotence=False)
    for i, row in enumerate(rows):
        producer.send(topic, json.dumps(row).encode(), partition=i % partitions)
    producer.flush()
    producer.close()
