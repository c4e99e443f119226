"""A real Kafka broker on a core of its own, and topics filled with events."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from kafka import KafkaProducer

from tests.real.kafka_broker import KafkaBroker

PARTITIONS = 4


@contextlib.contextmanager
def broker(core: int | None) -> Iterator[KafkaBroker]:
    """Run a broker whose threads stay on `core` (None: anywhere)."""
    before = os.sched_getaffinity(0)
    one = KafkaBroker()
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})
        try:
            one.start()
        finally:
            os.sched_setaffinity(0, before)
        yield one
    finally:
        one.close()


def fill(one: KafkaBroker, topic: str, events: Iterable[bytes]) -> int:
    """Create the topic and send the events, one partition after the other; return how many."""
    one.create_topic(topic, PARTITIONS)
    producer = _producer(one)
    sent = 0
    for sent, event in enumerate(events, start=1):
        producer.send(topic, event, partition=sent % PARTITIONS)
    producer.flush()
    producer.close()
    return sent


def send_paced(
    one: KafkaBroker, topic: str, events: Iterable[bytes], rate: int
) -> tuple[int, float]:
    """Send at `rate` a second to an existing topic; return how many in how many seconds."""
    producer = _producer(one)
    per_tick = max(1, rate // 50)
    started = time.perf_counter()
    sent = 0
    for sent, event in enumerate(events, start=1):
        producer.send(topic, event, partition=sent % PARTITIONS)
        if sent % per_tick == 0:
            ahead = started + sent / rate - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
    producer.flush()
    seconds = time.perf_counter() - started
    producer.close()
    return sent, seconds


def _producer(one: KafkaBroker) -> Any:
    return KafkaProducer(
        bootstrap_servers=one.bootstrap,
        linger_ms=20,
        batch_size=262_144,
        acks=1,
        enable_idempotence=False,
    )
