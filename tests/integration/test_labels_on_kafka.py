"""Labels on a topic of their own, late, shuffled and twice, killed on the way: same numbers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from agent.signals.table import label_based
from policies.model import rfc3339
from tests.real.kafka_broker import KafkaBroker
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records
from tests.support.decisions import Row, as_lines, decisions, write_lines

N = 3_000
HORIZON = 2 * 3_600

SYSTEM = """\
systems:
  - id: loans
    event: {id: id, time: at, prediction: approve, score: score, model_version: version,
            label: repaid, recorded_time: recorded_at}
    task: classification
    favourable: 1
    features: {income: numeric, purpose: categorical}
    audit_attributes:
      gender: {privileged: m, lawful_basis: test, purpose: test, dpia_ref: T-1, expires: 2099-12-31}
    windows: [5m, 1h]
    time: {lateness: 2m, idle: 3s, label_horizon: 2h}
"""
RUN = (
    SYSTEM
    + """\
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {topic}, system: loans}
  - type: kafka
    brokers: ["{broker}"]
    topic: {labels}
    group: {labels}
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
    expected = in_the_event(tmp_path, rows, known)
    end = rfc3339(start + 2 * 3_600)

    topic, labels = new_topic(2), new_topic(3)
    later = [
        {"id": key, "outcome": value, "recorded_at": rfc3339(start + 6_000)}
        for key, value in known.items()
    ]
    twice = rng.sample([*later, *later], 2 * len(later))
    send(kafka_broker.bootstrap, labels, 3, twice)
    send(kafka_broker.bootstrap, topic, 2, rows)
    # Behind the horizon: nothing of the first two hours waits any more.
    last = [{"id": f"t{i}", "at": rfc3339(start + 5 * 3_600)} for i in range(2)]
    send(kafka_broker.bootstrap, topic, 2, last)

    port = free_port()
    config = write_config(
        tmp_path / "run",
        RUN,
        broker=kafka_broker.bootstrap,
        topic=topic,
        labels=labels,
        port=port,
    )
    log = tmp_path / "agent.log"
    for _ in range(5):
        agent = AgentProcess(config, log, port)
        time.sleep(rng.uniform(1.0, 3.0))
        assert agent.running(), agent.tail()
        agent.kill()
    with AgentProcess(config, log, port) as agent:
        agent.until(lambda: final(config.parent / "audit", end).keys() >= expected.keys(), 120)
        assert "pantau_labels_total" in agent.get("/metrics")[1]
        assert agent.terminate() == 0
    found = final(config.parent / "audit", end)
    # The agent also reports the windows behind the last of these events.
    assert {key: found[key] for key in expected} == expected


def in_the_event(folder: Path, rows: list[Row], known: dict[str, int]) -> dict[Any, Any]:
    """Return the final numbers of a backtest with the labels in the events."""
    labelled = [{**row, "repaid": known[str(row["id"])]} for row in rows]
    file = write_lines(folder / "live.jsonl", as_lines(labelled))
    config = write_config(folder / "backtest", BACKTEST, file=file)
    from agent.backtest import replay
    from agent.config.load import load
    from policies.model import report_document

    loaded = load(config, env={})
    result = replay(loaded, loaded.systems[0], file)
    documents = [report_document(r) for r in result.last_revisions()]
    assert all(d["final"] for d in documents)
    return {identity(d): numbers(d) for d in documents}


def final(audit: Path, until: str) -> dict[Any, Any]:
    """Return the numbers of the final reports in an audit log, to the end of a window."""
    if not audit.exists():
        return {}
    whole: dict[Any, dict[str, Any]] = {}
    for record in records(audit):
        if ".window." not in record["type"]:
            continue
        data = {**record["data"], "model_version": record["model"]["version"]}
        if not data["final"] or data["window"]["end"] > until:
            continue
        held = whole.setdefault(identity(data), {**data, "signals": []})
        held["signals"] = [*held["signals"], *data["signals"]]
    return {key: numbers(data) for key, data in whole.items()}


def identity(document: dict[str, Any]) -> tuple[str, str, str]:
    window = document["window"]
    return document["model_version"], window["length"], window["start"]


def numbers(document: dict[str, Any]) -> list[Any]:
    coverage = {key: document["coverage"][key] for key in ("events", "labelled", "label_coverage")}
    kept = ("name", "subject", "value", "low", "high", "n", "status", "reason")
    made = [s for s in document["signals"] if s["name"] in label_based()]
    assert made
    return [coverage, [{key: s.get(key) for key in kept} for s in made]]


def send(broker: str, topic: str, partitions: int, rows: list[dict[str, Any]]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker, enable_idempotence=False)
    for i, row in enumerate(rows):
        producer.send(topic, json.dumps(row).encode(), partition=i % partitions)
    producer.flush()
    producer.close()
