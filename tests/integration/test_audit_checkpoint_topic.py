"""Checkpoints on a topic of a real broker: a copy that the agent's host cannot take back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from exporters.audit.format import checkpoint, note
from tests.real.kafka_broker import SASL_PASSWORD, SASL_USER, KafkaBroker
from tests.unit.exporters.audit.logs import NOTHING, Hands, judged, number, policy_change, writer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def messages(broker: KafkaBroker, topic: str) -> list[tuple[bytes, bytes]]:
    """Return key and value of everything on the topic's only partition."""
    place = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)
    try:
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        found: list[Any] = []
        while len(found) < end:
            found += [m for batch in consumer.poll(1_000).values() for m in batch]
    finally:
        consumer.close()
    return [(m.key, m.value) for m in found]


@pytest.mark.parametrize("listener", ["plain", "sasl", "tls"])
def test_every_checkpoint_arrives_under_the_logs_origin(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path, listener: str
) -> None:
    (tmp_path / "password").write_text(f"{SASL_PASSWORD}\n")
    how: dict[str, Any] = {
        "plain": {"brokers": kafka_broker.bootstrap},
        "sasl": {
            "brokers": kafka_broker.bootstrap_sasl,
            "protocol": "SASL_PLAINTEXT",
            "mechanism": "PLAIN",
            "username": SASL_USER,
            "password_file": "password",
        },
        "tls": {
            "brokers": kafka_broker.bootstrap_tls,
            "protocol": "SSL",
            "ca_file": str(kafka_broker.tls_ca),
        },
    }[listener]
    topic = new_topic(cleanup_policy="delete")
    for run in range(2):
        exporter = writer(
            tmp_path, Hands(), boot=f"boot-{run}", checkpoint_topic={"topic": topic, **how}
        )
        exporter.start(NOTHING)
        exporter.export(number([policy_change()]))
        for index in range(3):
            exporter.export(number([judged(3 * run + index)]))
            assert exporter._publisher is not None
            exporter._publisher.publish()
        exporter.stop(30.0)
    log = tmp_path / "audit"
    (vkey,) = json.loads((log / "log.json").read_bytes())["vkeys"]
    found = messages(kafka_broker, topic)
    told = []
    for key, value in found:
        said = checkpoint.parse(note.open(value, [note.parse_vkey(vkey)]).text)
        assert key.decode() == said.origin == vkey.partition("+")[0]
        assert value == (log / "checkpoints" / f"{said.size:020d}").read_bytes()
        told.append(said.size)
    kept = sorted(int(path.name) for path in (log / "checkpoints").iterdir())
    assert told == kept
    assert len(told) >= 6
    assert found[-1][1] == (log / "checkpoint").read_bytes()
