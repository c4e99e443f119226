"""The `kafka` collector: one topic, read by one thread, in offset order per partition.

`docs/guarantees.md` says what happens when brokers, topics, offsets or the store go away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import numpy as np
import structlog
from kafka import TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError

from collectors import infer
from collectors.base import (
    Channel,
    CollectorError,
    Resume,
    SchemaResolved,
    SourceStatus,
)
from collectors.batch import EventBatch, Ints, Rejected
from collectors.decoders import table as decoders
from collectors.decoders.base import Decoder
from collectors.journey import MAX_CONTEXTS, Journey
from collectors.kafka_client import connect, explain, require_topic
from collectors.kafka_options import KafkaOptions, with_static_membership
from collectors.kafka_records import (
    Chunk,
    ChunkReader,
    Contexts,
    UnreadableBatchError,
    Values,
)
from collectors.kafka_session import KafkaSession, Progress
from collectors.schema import EventSchema

__all__ = ["KafkaCollector", "KafkaOptions", "build"]

_log = structlog.get_logger(__name__)

_POLL_MS = 250
_PAUSE = 0.2
_STATUS_EVERY = 1.0
_CLOSE_WITHIN = 1.0
_FAILURES_IN_A_ROW = 10
_SAMPLE = 200
_UNREADABLE_START = 10_000


def build(options: KafkaOptions, schema: EventSchema, id_key: bytes) -> KafkaCollector:
    """Return the collector that `options` describe; nothing is connected yet."""
    return KafkaCollector(options, schema, id_key)


class KafkaCollector:
    """Reads a topic; see `collectors.base.Collector`."""

    def __init__(
        self, options: KafkaOptions, schema: EventSchema, id_key: bytes, *, fast: bool = True
    ) -> None:
        self.name = options.name or f"kafka:{options.topic}"
        self._options, self._schema, self._id_key, self._fast = options, schema, id_key, fast
        self._format = decoders.load(options.decoder)
        self._decoder: Decoder | None = None
        self._unresolved: list[Chunk | UnreadableBatchError] = []
        self._sample: list[Mapping[str, object]] = []
        self._stop = threading.Event()
        self._progress = Progress()
        self._sent: SourceStatus | None = None
        self._sent_at = 0.0
        self._failures = 0
        self._traced = False
        self._polled: tuple[int, int] | None = None

    def check(self) -> str:
        """Connect, look for the topic, ask for the group; see `Collector.check`."""
        consumer = connect(self._options)
        try:
            partitions = require_topic(consumer, self._options)
            self._require_group(consumer)
        finally:
            consumer.close(autocommit=False, timeout_ms=1_000)
        return (
            f"kafka {', '.join(self._options.brokers)}: topic {self._options.topic}, "
            f"{partitions} partition{'s' * (partitions != 1)}, group {self._options.group}"
        )

    def run(self, channel: Channel, resume: Resume) -> None:
        """Read until `stop`; see `Collector.run`."""
        self._progress = Progress(next={int(p): o for p, o in resume.positions.items()})
        self._start_decoding(channel, resume)
        self._traced = channel.traced
        session = self._open(resume)
        try:
            while not self._stop.is_set():
                try:
                    chunks = self._fetch(session, channel)
                except FencedInstanceIdError as error:
                    raise CollectorError(explain(error, self._options)) from error
                except Exception as error:  # noqa: BLE001 - whatever breaks in the client
                    # is no reason to stop watching: say so, and take a new client.
                    session = self._recover(session, channel, resume, error)
                    continue
                self._failures = 0
                for chunk in chunks:
                    self._hand_on(channel, chunk)
                for bad in session.take_unreadable():
                    self._hand_on(channel, bad)
                self._rest(session, channel)
        finally:
            session.close(_CLOSE_WITHIN)

    def stop(self) -> None:
        """Ask `run` to return; see `Collector.stop`."""
        self._stop.set()

    def _fetch(self, session: KafkaSession, channel: Channel) -> list[Chunk]:
        """Commit, tell how things stand, and return what came; nothing comes while full."""
        full = channel.full()
        session.hold(full)
        session.commit(channel.take_acknowledged(), channel.replay_from)
        self._tell(channel, session.status())
        # Last, because what `poll` returns counts as read: nothing may fail behind it.
        if not channel.traced:
            return session.poll(0 if full else _POLL_MS)
        began = time.time_ns()
        chunks = session.poll(0 if full else _POLL_MS)
        self._polled = began, time.time_ns()
        return chunks

    def _rest(self, session: KafkaSession, channel: Channel) -> None:
        if channel.full():
            channel.wait_for_room(_PAUSE)
        elif session.problem is not None:
            self._stop.wait(_PAUSE)

    # Connecting.

    def _open(self, resume: Resume, patience: int | None = None) -> KafkaSession:
        options = with_static_membership(self._options, resume.store_id, self.name)
        if patience is not None and patience < options.connect_timeout:
            options = options.model_copy(update={"connect_timeout": patience})
        consumer = connect(options)
        try:
            partitions = require_topic(consumer, options)
            self._require_group(consumer)
            reader = ChunkReader(consumer, fast=self._fast, traced=self._traced)
            return KafkaSession(
                self.name, consumer, reader, options, resume, self._progress, partitions
            )
        except BaseException:
            consumer.close(autocommit=False, timeout_ms=1_000)
            raise

    def _require_group(self, consumer: object) -> None:
        """Ask for a committed offset: it fails now, and not later, where that is not allowed."""
        first = TopicPartition(self._options.topic, 0)
        try:
            consumer.committed(first, timeout_ms=self._options.connect_timeout * 1000)  # type: ignore[attr-defined]
        except KafkaError as error:
            raise CollectorError(explain(error, self._options)) from error

    def _recover(
        self, session: KafkaSession, channel: Channel, resume: Resume, error: Exception
    ) -> KafkaSession:
        """Return a session that may work: this one for a while, then a new one."""
        self._failures += 1
        problem = explain(error, self._options)
        _log.warning("kafka_read_failed", source=self.name, error=problem, times=self._failures)
        self._tell(channel, self._away(problem))
        self._stop.wait(min(5.0, 0.1 * 2**self._failures))
        if self._failures < _FAILURES_IN_A_ROW and getattr(error, "retriable", False):
            return session
        session.close(_CLOSE_WITHIN)
        patience = 1  # Short at first: `stop` waits for an attempt to end.
        while not self._stop.is_set():
            try:
                return self._open(resume, patience)
            except (CollectorError, KafkaError, OSError) as still:
                self._tell(channel, self._away(str(still)))
                self._stop.wait(5.0)
                patience *= 2
        return session

    # Telling.

    def _away(self, problem: str) -> SourceStatus:
        before = self._sent
        return SourceStatus(
            source=self.name,
            assigned=before.assigned if before else frozenset(),
            total=before.total if before else 0,
            caught_up=frozenset(),
            connected=False,
            problem=problem,
        )

    def _tell(self, channel: Channel, status: SourceStatus) -> None:
        """Put a status that differs from the last one, or comes a second after it."""
        now = time.monotonic()
        same = self._sent is not None and replace(self._sent, lag=status.lag, lost={}) == status
        if same and now - self._sent_at < _STATUS_EVERY:
            return
        if self._sent is None or status.connected != self._sent.connected:
            _log.info(
                "kafka_connected" if status.connected else "kafka_disconnected",
                source=self.name,
                problem=status.problem,
            )
        self._sent, self._sent_at = status, now
        channel.put(status)

    # Decoding.

    def _start_decoding(self, channel: Channel, resume: Resume) -> None:
        schema = resume.schema or self._schema
        if schema.is_resolved():
            self._resolved(channel, schema, ())

    def _resolved(self, channel: Channel, schema: EventSchema, notes: tuple[str, ...]) -> None:
        self._decoder = self._format(schema, self._id_key)
        channel.put(SchemaResolved(self.name, schema, notes))

    def _infer(self, channel: Channel, read: Chunk | UnreadableBatchError) -> bool:
        """Infer the schema once a record can be read; hold what was read until then."""
        self._unresolved.append(read)
        if isinstance(read, Chunk):
            values = [value for value in read.values[:_UNREADABLE_START] if value is not None]
            self._sample += self._format.sample(values)[:_SAMPLE]
        if not self._sample:
            held = sum(len(r.values) if isinstance(r, Chunk) else 1 for r in self._unresolved)
            if held >= _UNREADABLE_START:
                raise CollectorError(
                    f"none of the first {held} records of topic {self._options.topic!r} can be "
                    f"read as {self._options.decoder}: correct `topic` or `decoder`"
                )
            return False
        schema, notes = infer.resolve(self._schema, self._sample[:_SAMPLE])
        self._resolved(channel, schema, tuple(notes))
        return True

    def _hand_on(self, channel: Channel, read: Chunk | UnreadableBatchError) -> None:
        if self._decoder is None:
            if self._infer(channel, read):
                held, self._unresolved = self._unresolved, []
                for one in held:
                    self._hand_on(channel, one)
        elif isinstance(read, Chunk):
            self._hand_on_chunk(channel, self._decoder, read)
        else:
            self._hand_on_unreadable(channel, self._decoder, read)

    def _hand_on_chunk(self, channel: Channel, decoder: Decoder, chunk: Chunk) -> None:
        limit, count = self._options.batch_max_records, len(chunk.values)
        for at in range(0, max(1, count), limit):
            behind = at + limit
            following = chunk.next_offset if behind >= count else int(chunk.offsets[behind])
            part = chunk._replace(
                offsets=chunk.offsets[at:behind],
                values=chunk.values[at:behind],
                next_offset=following,
                contexts=_within(chunk.contexts, chunk.offsets[at:behind]),
            )
            channel.put(self._batch(decoder, part))

    def _batch(self, decoder: Decoder, chunk: Chunk) -> EventBatch:
        values, offsets, partition = chunk.values, chunk.offsets, str(chunk.partition)
        full: Values = values
        if None in values:
            kept = np.fromiter((v is not None for v in values), np.bool_, len(values))
            full = [v for v in values if v is not None]
            empty = offsets[~kept]
            offsets = offsets[kept]
        else:
            empty = offsets[:0]
        began = time.time_ns()
        batch = decoder.decode(self.name, partition, full, offsets, chunk.next_offset)  # type: ignore[arg-type]
        if self._polled is not None:
            batch = replace(batch, journey=self._journey(chunk, self._polled, began))
        if not len(empty):
            return batch
        rows = np.searchsorted(batch.offset, empty)
        tombstones = tuple(
            Rejected("empty_record", int(offset), int(row), "the record has no value")
            for offset, row in zip(empty, rows, strict=True)
        )
        rejected = sorted((*batch.rejected, *tombstones), key=lambda one: one.offset)
        return replace(batch, rejected=tuple(rejected))

    def _journey(self, chunk: Chunk, polled: tuple[int, int], began: int) -> Journey:
        contexts = dict.fromkeys(content for _, content in chunk.contexts)
        return Journey(
            polled=polled,
            decoded=(began, time.time_ns()),
            system="kafka",
            destination=self._options.topic,
            group=self._options.group,
            contexts=tuple(c.decode("ascii", "replace") for c in islice(contexts, MAX_CONTEXTS)),
        )

    def _hand_on_unreadable(
        self, channel: Channel, decoder: Decoder, bad: UnreadableBatchError
    ) -> None:
        nothing = Chunk(bad.partition, None, bad.next_offset, np.empty(0, np.int64), [])
        why = f"a batch of up to {bad.next_offset - bad.offset} records cannot be read"
        rejected = (Rejected("corrupt_batch", bad.offset, 0, why),)
        channel.put(replace(self._batch(decoder, nothing), rejected=rejected))


def _within(contexts: Contexts, offsets: Ints) -> Contexts:
    """Return the contexts of the records at `offsets`, which ascend."""
    if not contexts or not len(offsets):
        return ()
    first, last = offsets[0], offsets[-1]
    return [one for one in contexts if first <= one[0] <= last]
