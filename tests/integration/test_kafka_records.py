"""Our walk over record batches gives what kafka-python's gives, on what a real broker sends."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from collectors.kafka_records import ChunkReader
from tests.real.kafka_broker import KafkaBroker

pytestmark = pytest.mark.integration

Records = list[tuple[int, bytes | None]]


def everything(broker: KafkaBroker, topic: str, *, fast: bool, start: int = 0) -> Records:
    """Return offset and value of every record from `start` that the group may see."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="none",
        max_partition_fetch_bytes=100_000,
    )
    try:
        tp = TopicPartition(topic, 0)
        consumer.assign([tp])
        end = consumer.end_offsets([tp])[tp]
        consumer.seek(tp, start)
        reader = ChunkReader(consumer, fast=fast)
        assert reader.fast is fast
        found: Records = []
        while consumer.position(tp) < end:
            for chunk in reader.poll(500):
                assert chunk.offsets.dtype == np.int64
                found += zip(chunk.offsets.tolist(), chunk.values, strict=True)
        return found
    finally:
        consumer.close()


def fill(broker: KafkaBroker, topic: str, compression: str | None) -> None:
    """Write what differs between records: keys, headers, tombstones, sizes, three of them large."""
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        compression_type=compression,
        linger_ms=5,
        batch_size=50_000,
        max_request_size=2_000_000,
    )
    sizes = [0, 1, 60, 63, 64, 620, 8_191, 8_192, 20_000]
    for n in range(900):
        value = None if n % 50 == 7 else os.urandom(8) * (sizes[n % len(sizes)] // 8 + 1)
        key = b"k" * (n % 200) if n % 3 or value is None else None
        headers = [("trace", b"x" * (n % 90)), ("none", b"")] if n % 4 == 0 else None
        producer.send(topic, value, key=key, headers=headers)
    for size in (70_000, 300_000, 900_000):  # three-byte lengths, and more than one fetch may hold
        producer.send(topic, os.urandom(size))
    producer.flush()
    producer.close()


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_both_paths_read_the_same(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], compression: str | None
) -> None:
    topic = new_topic()
    fill(kafka_broker, topic, compression)
    expected = everything(kafka_broker, topic, fast=False)
    assert [offset for offset, _ in expected] == list(range(903))
    assert everything(kafka_broker, topic, fast=True) == expected
    # From the middle of a batch: the broker sends the batch whole.
    assert everything(kafka_broker, topic, fast=True, start=401) == expected[401:]


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_both_paths_hide_aborted_records_and_transaction_markers(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], compression: str | None
) -> None:
    topic = new_topic()
    producers = [
        KafkaProducer(
            bootstrap_servers=kafka_broker.bootstrap,
            transactional_id=f"{topic}-{n}",
            compression_type=compression,
        )
        for n in range(2)
    ]
    for producer in producers:
        producer.init_transactions()
    seen = []
    for number in range(12):
        # Two transactions interleave; of each pair the fate differs, every third is aborted.
        for who, producer in enumerate(producers):
            producer.begin_transaction()
            for part in range(3):
                producer.send(topic, b"%d-%d-%d" % (number, who, part))
            producer.flush()
        for who, producer in enumerate(producers):
            if (number + who) % 3 == 0:
                producer.abort_transaction()
            else:
                producer.commit_transaction()
                seen += [b"%d-%d-%d" % (number, who, part) for part in range(3)]
    for producer in producers:
        producer.close()
    expected = everything(kafka_broker, topic, fast=False)
    assert [value for _, value in expected] == seen
    assert everything(kafka_broker, topic, fast=True) == expected
