"""What the tests of the Kafka collector share: events, a collector in its thread, what it put."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from kafka import KafkaProducer

from collectors.base import Channel, Item, Resume, SchemaResolved, SourceStatus
from collectors.batch import EventBatch
from collectors.kafka import KafkaCollector
from collectors.kafka_options import KafkaOptions
from collectors.schema import EventSchema, FeatureField

SCHEMA = EventSchema(
    id="id",
    time="time",
    prediction="approve",
    task="classification",
    features={"income": FeatureField("income", "numeric")},
)
START = 1_767_225_600


def event(number: int, **more: Any) -> bytes:
    """Return event `number` as a record's value; its income is its number."""
    body = {"id": f"e{number}", "time": START + number, "approve": 1, "income": number, **more}
    return json.dumps(body).encode()


def produce(
    bootstrap: str,
    topic: str,
    values: Iterable[bytes | None],
    *,
    partition: int = 0,
    **settings: Any,
) -> None:
    """Write `values` to one partition and wait until the broker has them."""
    settings = {"enable_idempotence": False, "max_request_size": 16_000_000} | settings
    producer = KafkaProducer(bootstrap_servers=bootstrap, **settings)
    try:
        for value in values:
            producer.send(topic, value, key=None if value else b"key", partition=partition)
        producer.flush()
    finally:
        producer.close()


def options(bootstrap: str, topic: str, **more: Any) -> KafkaOptions:
    settings = {"group": f"group-{topic}", "session_timeout": "6s"} | more
    return KafkaOptions.model_validate({"brokers": [bootstrap], "topic": topic, **settings})


class Reading:
    """A collector at work: everything it put, and ways to wait for what it is to put."""

    def __init__(
        self,
        collector: KafkaCollector,
        resume: Resume | None = None,
        channel: Channel | None = None,
    ) -> None:
        self.collector, self.channel = collector, channel or Channel()
        self.items: list[Item] = []
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(resume or Resume(store_id="s"),))

    def _run(self, resume: Resume) -> None:
        try:
            self.collector.run(self.channel, resume)
        except Exception as error:  # noqa: BLE001 - for the test to look at
            self.error = error

    def __enter__(self) -> Reading:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.stop()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the collector did not stop"

    def wait(
        self, done: Callable[[Reading], object], timeout: float = 60, *, take: bool = True
    ) -> Reading:
        """Wait until `done(self)` holds, taking items meanwhile, or leaving them."""
        deadline = time.monotonic() + timeout
        while not done(self):
            assert self._thread.is_alive() or self.channel.waiting(), f"ended: {self.error!r}"
            assert time.monotonic() < deadline, (
                f"not within {timeout} s; last: {self.statuses[-1:]}"
            )
            if not take:
                threading.Event().wait(0.01)
                continue
            item = self.channel.get(0.1)
            if item is not None:
                self.items.append(item)
        return self

    def wait_for_events(self, count: int, timeout: float = 60) -> Reading:
        return self.wait(lambda reading: sum(b.n for b in reading.batches) >= count, timeout)

    @property
    def batches(self) -> list[EventBatch]:
        return [item for item in self.items if isinstance(item, EventBatch)]

    @property
    def statuses(self) -> list[SourceStatus]:
        return [item for item in self.items if isinstance(item, SourceStatus)]

    @property
    def schemas(self) -> list[SchemaResolved]:
        return [item for item in self.items if isinstance(item, SchemaResolved)]

    @property
    def lost(self) -> dict[str, int | None]:
        return {name: n for status in self.statuses for name, n in status.lost.items()}

    def offsets(self, partition: int = 0) -> list[int]:
        return [int(o) for b in self._of(partition) for o in b.offset]

    def incomes(self, partition: int = 0) -> list[int]:
        found = [b.features["income"] for b in self._of(partition)]
        return [int(x) for column in found for x in np.asarray(column)]

    def rejected(self) -> list[tuple[str, int]]:
        return [(r.reason, r.offset) for b in self.batches for r in b.rejected]

    def positions(self) -> Mapping[str, int]:
        return {b.partition: b.next_offset for b in self.batches}

    def _of(self, partition: int) -> list[EventBatch]:
        return [b for b in self.batches if b.partition == str(partition)]


def read(kafka_options: KafkaOptions, *, fast: bool = True, **more: Any) -> Reading:
    """Return a reading of a topic of `event`s, to be entered."""
    return Reading(KafkaCollector(kafka_options, SCHEMA, b"k" * 16, fast=fast), **more)
