"""Kill -9 while reading a real Kafka topic: nothing lost, nothing doubled, the same bytes."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from agent.cli.main import main
from policies.model import rfc3339
from tests.real.kafka_broker import KafkaBroker
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records, reports
from tests.support.audit_tree import verify_against_itself
from tests.support.decisions import SYSTEM

KILLS = 20
PARTITIONS = 4
EVENTS = 24_000

CONFIG = (
    SYSTEM
    + """\
    reference: {path: {reference}}
    windows: [5m, 1h]
    time: {lateness: 2m, idle: 5s}
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {group}, system: loans}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
"""
)


def events(rng: random.Random, start: int) -> list[tuple[int, bytes]]:
    """Return (partition, record): out of order, with repeats, conflicts and garbage."""
    rows: list[tuple[float, int, bytes]] = []
    for i in range(EVENTS):
        at = start + i * 7_200 / EVENTS
        row: dict[str, Any] = {
            "id": f"e{i}",
            "at": rfc3339(int(at)),
            "approve": int(rng.random() < 0.6),
            "score": round(rng.random(), 4),
            "version": "v1" if i < EVENTS // 2 else "v2",
            "income": round(rng.gauss(50, 9), 2),
            "purpose": rng.choice(["car", "home", "shop"]),
            "gender": rng.choice("mf"),
        }
        partition = i % PARTITIONS
        place = at + rng.uniform(0, 100)
        rows.append((place, partition, json.dumps(row).encode()))
        if i % 40 == 0:
            rows.append((place + 5, partition, json.dumps(row).encode()))
        if i % 90 == 0:
            changed = json.dumps({**row, "approve": 1 - row["approve"]}).encode()
            rows.append((place + 6, partition, changed))
        if i % 70 == 0:
            rows.append((place, partition, b'{"id": "broken'))
    rows.sort(key=lambda r: r[0])
    return [(partition, value) for _, partition, value in rows]


def produce(broker: str, topic: str, rows: list[tuple[int, bytes]], seconds: float) -> None:
    """Write the records over about `seconds`."""
    producer = KafkaProducer(bootstrap_servers=broker, enable_idempotence=False)
    started = time.monotonic()
    for number, (partition, value) in enumerate(rows):
        producer.send(topic, value, partition=partition)
        if number % 100 == 99:
            due = started + seconds * number / len(rows)
            time.sleep(max(0.0, due - time.monotonic()))
    producer.flush()
    producer.close()


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_reports_after_twenty_kills_equal_those_of_an_undisturbed_run(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(11)
    hour = int(time.time()) // 3_600 * 3_600
    # Everything ends an hour before the present one, so that it closes as soon as all is read.
    start, end = hour - 3 * 3_600, hour - 3_600
    rows = events(rng, start)
    topic = new_topic(PARTITIONS)
    reference = build_reference(tmp_path, rows, topic, kafka_broker.bootstrap)
    last = rfc3339(end)

    def folder(name: str) -> tuple[Path, int]:
        port = free_port()
        config = write_config(
            tmp_path / name,
            CONFIG,
            reference=reference,
            broker=kafka_broker.bootstrap,
            topic=topic,
            group=f"{topic}-{name}",
            port=port,
        )
        return config, port

    producing = threading.Thread(
        target=produce, args=(kafka_broker.bootstrap, topic, rows, KILLS * 2.5)
    )
    producing.start()
    config, port = folder("troubled")
    kills = 0
    log = tmp_path / "troubled.log"
    while kills < KILLS:
        agent = AgentProcess(config, log, port)
        time.sleep(rng.uniform(0.2, 4.0))
        assert agent.running(), agent.tail()
        agent.kill()
        kills += 1
    producing.join()
    run_to_the_end(config, log, port, last)

    quiet, port = folder("quiet")
    run_to_the_end(quiet, tmp_path / "quiet.log", port, last)

    expected = reports(quiet.parent / "audit", last)
    found = reports(config.parent / "audit", last)
    assert len(expected) == 2 * (24 + 24 + 4)
    assert found == expected
    coverage = [json.loads(v)["coverage"] for k, v in found.items() if k[:3] == PER_5M]
    assert sum(c["events"] for c in coverage) == EVENTS
    ids = [record["id"] for record in records(config.parent / "audit")]
    assert len(ids) == len(set(ids))
    assert [r["seq"] for r in records(config.parent / "audit")] == list(range(len(ids)))
    assert main(verify_against_itself(config.parent / "audit")) == 0


PER_5M = ("window.signals", "*", "5m")


def run_to_the_end(config: Path, log: Path, port: int, last: str) -> None:
    """Run the agent until the last window is in the audit log, then stop it in order."""
    with AgentProcess(config, log, port) as agent:
        agent.until(lambda: is_complete(config.parent / "audit", last), timeout=240)
        assert agent.terminate() == 0


def is_complete(audit: Path, last: str) -> bool:
    """Tell whether the newest window of both lengths is in the log."""
    if not audit.exists():
        return False
    found = [record["data"]["window"] for record in records(audit) if "window" in record["data"]]
    return {w["length"] for w in found if w["end"] == last} == {"5m", "1h"}


def build_reference(folder: Path, rows: list[tuple[int, bytes]], topic: str, broker: str) -> Path:
    """Build a reference profile from the first events, by the command."""
    sample = folder / "sample.jsonl"
    sample.write_bytes(b"".join(v + b"\n" for _, v in rows[:3_000] if v.endswith(b"}")))
    config = write_config(
        folder / "build",
        CONFIG.replace("    reference: {path: {reference}}\n", ""),
        broker=broker,
        topic=topic,
        group="none",
        port=0,
    )
    out = folder / "ref.json"
    code = main(["reference", "build", "-c", str(config), "--input", str(sample), "-o", str(out)])
    assert code == 0
    return out
