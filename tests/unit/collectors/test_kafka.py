"""What the Kafka collector hands on of what a session reads, without a broker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from collectors import kafka
from collectors.base import Channel, CollectorError, Item, Resume, SchemaResolved, SourceStatus
from collectors.batch import EventBatch
from collectors.kafka import KafkaCollector, KafkaOptions
from collectors.kafka_records import Chunk, UnreadableBatchError
from collectors.schema import EventSchema
from tests.support.events import SCHEMA

OPEN = EventSchema(id="id", prediction="approve")
Read = Sequence[Chunk | UnreadableBatchError]


def event(number: int) -> bytes:
    return b'{"id":"%d","time":"2026-01-01T00:00:%02dZ","approve":1,"income":%d}' % (
        number,
        number,
        number,
    )


def chunk(first: int, *values: bytes, partition: int = 0) -> Chunk:
    behind = first + len(values)
    return Chunk(partition, first, behind, np.arange(first, behind, dtype=np.int64), list(values))


def bad(first: int, behind: int, partition: int = 0) -> UnreadableBatchError:
    return UnreadableBatchError(partition, first, behind, "the checksum is wrong")


class Script:
    """A session that reads what it is given, a list for each poll, then stops the collector."""

    problem = None

    def __init__(self, collector: KafkaCollector, polls: Sequence[Read]) -> None:
        self._collector, self._polls = collector, list(polls)
        self._unreadable: list[UnreadableBatchError] = []

    def poll(self, _timeout_ms: int) -> list[Chunk]:
        read = self._polls.pop(0)
        if not self._polls:
            self._collector.stop()
        self._unreadable += [one for one in read if isinstance(one, UnreadableBatchError)]
        return [one for one in read if isinstance(one, Chunk)]

    def take_unreadable(self) -> list[UnreadableBatchError]:
        taken, self._unreadable = self._unreadable, []
        return taken

    def status(self) -> SourceStatus:
        return SourceStatus("kafka:loans", frozenset({"0"}), 1, frozenset())

    def hold(self, held: bool) -> None:
        """Nothing to hold."""

    def commit(self, *_: object) -> None:
        """Nothing to commit to."""

    def close(self, _timeout: float) -> None:
        """Nothing to close."""


def read(schema: EventSchema, *polls: Read) -> list[Item]:
    """Return what a collector puts, without the statuses."""
    options = KafkaOptions(brokers=("127.0.0.1:9",), topic="loans", group="pantau")
    collector = KafkaCollector(options, schema, b"k" * 16)
    collector._open = lambda *_: Script(collector, polls)  # type: ignore[method-assign, assignment]
    channel = Channel()
    collector.run(channel, Resume())
    items: list[Item] = []
    while (item := channel.get(0)) is not None:
        if not isinstance(item, SourceStatus):
            items.append(item)
    return items


def rejected(items: Sequence[Item]) -> list[tuple[str, str, int]]:
    """Return partition, reason and offset of what was put aside."""
    batches = [item for item in items if isinstance(item, EventBatch)]
    return [(b.partition, one.reason, one.offset) for b in batches for one in b.rejected]


def test_a_batch_that_cannot_be_read_is_told_with_its_offset() -> None:
    items = read(SCHEMA, [chunk(0, event(0))], [bad(1, 30)])
    assert rejected(items) == [("0", "corrupt_batch", 1)]
    assert isinstance(items[-1], EventBatch)
    assert items[-1].next_offset == 30


def test_one_that_comes_before_the_schema_is_known_is_told_once_it_is() -> None:
    items = read(OPEN, [bad(0, 20), bad(0, 7, partition=1)], [chunk(20, event(1), event(2))])
    assert isinstance(items[0], SchemaResolved)
    assert rejected(items) == [("0", "corrupt_batch", 0), ("1", "corrupt_batch", 0)]
    batches = [item for item in items if isinstance(item, EventBatch)]
    places = [(b.partition, b.next_offset, b.n) for b in batches]
    assert places == [("0", 20, 0), ("1", 7, 0), ("0", 22, 2)], "in the order of offsets"


def test_a_topic_of_nothing_but_broken_batches_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "_UNREADABLE_START", 3)
    with pytest.raises(CollectorError, match="first 3 records of topic 'loans'"):
        read(OPEN, [bad(0, 1), bad(1, 2)], [bad(2, 3)])
