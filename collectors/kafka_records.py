"""A fast walk over Kafka's record batches, put in the place of kafka-python's own.

kafka-python builds a tuple of thirteen fields, a list of headers and a timestamp for each record; a
collector needs the value's bytes and its offset.  `ChunkReader` makes the consumer's `poll` return
whole `Chunk`s; where the installed kafka-python does not have the seam for that, it builds the same
chunks from the records of the public `poll`.  Why: `docs/adr/0004-*`.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import calc_crc32c

from collectors.batch import Ints

_log = structlog.get_logger(__name__)

# BaseOffset, Length, PartitionLeaderEpoch, Magic, CRC, Attributes, LastOffsetDelta,
# FirstTimestamp, MaxTimestamp, ProducerId, ProducerEpoch, BaseSequence, number of records.
_HEADER = struct.Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH_COUNTS = 12
_MAGIC_AT = 16
_CRC_COVERS_FROM = 21

_CODEC, _TRANSACTIONAL, _CONTROL = 0x07, 0x10, 0x20
_DECOMPRESS = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}

CHUNK_RECORDS = 20_000
CHUNK_BYTES = 12 * 1024 * 1024
"""A chunk ends with the record batch that reaches one of these; bytes after decompression."""

Values = list[bytes | None]
Contexts = Sequence[tuple[int, bytes]]

TRACEPARENT = b"traceparent"
"""The header that carries a record's trace (W3C Trace Context), as OpenTelemetry writes it."""


class Chunk(NamedTuple):
    """Records of one partition in offset order: `values[i]` is the value at `offsets[i]`.

    The records were fetched from position `start` (None: not known) and reading goes on at
    `next_offset`.  Offsets in between that are not in `offsets` belong to no record: compacted
    away, transaction markers, aborted.  A value of None is a tombstone.  `contexts` are the
    offsets and `traceparent` headers of records that have one, noted by a reader that is asked to.
    """

    partition: int
    start: int | None
    next_offset: int
    offsets: Ints
    values: Values
    contexts: Contexts = ()


class UnreadableBatchError(CorruptRecordError):  # type: ignore[misc]
    """A record batch whose checksum, structure or compression is wrong, and where it is."""

    def __init__(self, partition: int, offset: int, next_offset: int, why: str) -> None:
        super().__init__(f"partition {partition}, offsets {offset} to {next_offset - 1}: {why}")
        self.partition, self.offset, self.next_offset = partition, offset, next_offset

    def __str__(self) -> str:
        return str(self.args[0])


class ChunkReader:
    """Polls a consumer for chunks.  `fast` tells whether the seam is there and in use.

    `traced`: whether chunks note the trace contexts of their records.
    """

    def __init__(self, consumer: KafkaConsumer, *, fast: bool = True, traced: bool = False) -> None:
        self._consumer, self._traced = consumer, traced
        self.fast = fast and install(consumer, traced=traced)

    def poll(self, timeout_ms: int) -> list[Chunk]:
        """Return what there is within `timeout_ms`; raises what the consumer's `poll` raises."""
        if self.fast:
            # What the seam returns counts as one record each: one fetch response at a time.
            chunks = self._consumer.poll(timeout_ms=timeout_ms, max_records=1)
            return [chunk for group in chunks.values() for chunk in group]
        records = self._consumer.poll(timeout_ms=timeout_ms, max_records=CHUNK_RECORDS)
        return [_from_records(None, group, self._traced) for group in records.values()]


def install(consumer: KafkaConsumer, *, traced: bool = False) -> bool:
    """Make this consumer return chunks for records; False, saying so once, where it cannot."""
    missing = missing_seam(consumer)
    if missing is None:
        consumer._fetcher.PartitionRecords = TracedChunkRecords if traced else ChunkRecords
        return True
    _log.warning("kafka_fast_path_unavailable", missing=missing, effect="reading is slower")
    return False


def missing_seam(consumer: object) -> str | None:
    """Return what this kafka-python lacks of what `ChunkRecords` relies on, or None."""
    parent = getattr(Fetcher, "PartitionRecords", None)
    if not isinstance(parent, type):
        return "Fetcher.PartitionRecords"
    fetcher = getattr(consumer, "_fetcher", None)
    if fetcher is None or not callable(getattr(fetcher, "_parse_fetched_data", None)):
        return "KafkaConsumer._fetcher"
    first = list(inspect.signature(parent).parameters)[:3]
    if first != ["fetch_offset", "tp", "records"]:
        return f"PartitionRecords{tuple(first)}"
    for method in ("take", "drain", "_consume_aborted_transactions_up_to", "_is_batch_aborted"):
        if not callable(getattr(parent, method, None)):
            return f"PartitionRecords.{method}"
    if not isinstance(getattr(MemoryRecords(b""), "_buffer", None), bytes):
        return "MemoryRecords._buffer"
    return None


class ChunkRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """kafka-python's reader of one partition's fetch response, with chunks for records.

    What the fetcher relies on (`next_fetch_offset`, `leader_epoch`, `drain`) and the rules about
    aborted transactions stay the parent's.
    """

    traced = False

    def __init__(
        self, fetch_offset: int, tp: TopicPartition, records: Any, *rest: Any, **named: Any
    ) -> None:
        super().__init__(fetch_offset, tp, records, *rest, **named)
        self._data = bytes(records._buffer)
        self._at = 0
        self._unpacked = 0
        self._later: UnreadableBatchError | None = None
        self._contexts: list[tuple[int, bytes]] = []
        # Message formats 0 and 1 are gone in Kafka 4; from an old broker the parent reads them.
        self._modern = self._data[_MAGIC_AT : _MAGIC_AT + 1] in (b"\x02", b"")

    def take(self, n: int | None = None) -> list[Chunk]:
        """Return one chunk, or none at the end.

        Raises `UnreadableBatchError` when the next batch cannot be read, and drains: the next poll
        fetches it again.
        """
        if self.record_iterator is None:
            return []
        start = self.next_fetch_offset
        if not self._modern:
            records = super().take(CHUNK_RECORDS)
            return [_from_records(start, records, self.traced)] if records else []
        if self._later is not None:
            self.drain()
            raise self._later
        values: Values = []
        offsets: list[Ints] = []
        end = self._unpacked + CHUNK_BYTES
        while len(values) < CHUNK_RECORDS and self._unpacked < end:
            try:
                found = self._next_batch()
            except UnreadableBatchError as error:
                if not values:
                    self.drain()
                    raise
                self._later = error
                break
            if found is None:
                self.drain()
                break
            values += found[0]
            offsets.append(found[1])
        if self.next_fetch_offset == start:
            return []
        self.records_read += len(values)
        joined = np.concatenate(offsets) if offsets else np.empty(0, np.int64)
        contexts, self._contexts = self._contexts, []
        partition = self.topic_partition.partition
        return [Chunk(partition, start, self.next_fetch_offset, joined, values, contexts)]

    def _next_batch(self) -> tuple[Values, Ints] | None:
        """Walk one batch and step behind it; None at the end of the response."""
        data, at = self._data, self._at
        if len(data) - at < _HEADER.size:
            return None
        base, length, epoch, _, crc, flags, last, _, _, producer, _, _, count = _HEADER.unpack_from(
            data, at
        )
        end = at + _BEFORE_LENGTH_COUNTS + length
        if end > len(data):
            return None  # A response may cut its last batch off; the next one begins with it.
        behind = base + last + 1
        try:
            if (
                self.check_crcs
                and calc_crc32c(memoryview(data)[at + _CRC_COVERS_FROM : end]) != crc
            ):
                raise ValueError("the checksum is wrong")
            if flags & _CONTROL or (producer >= 0 and self.aborted_transactions):
                hidden = self._hidden(data[at:end])
            else:
                hidden = bool(flags & _TRANSACTIONAL) and producer in self.aborted_producer_ids
            if hidden:
                found: tuple[Values, Ints] = ([], np.empty(0, np.int64))
            else:
                body, first, stop = _unpack(data, at + _HEADER.size, end, flags & _CODEC)
                self._unpacked += stop - first
                found = _records(body, first, stop, base, last, count)
                if self.traced:
                    self._note(found[1], walk_header(body, first, count, TRACEPARENT))
        except Exception as error:  # Codecs raise whatever they like for broken input.
            partition = self.topic_partition.partition
            why = str(error) or type(error).__name__
            raise UnreadableBatchError(partition, base, behind, why) from error
        self._at, self.next_fetch_offset, self.leader_epoch = end, behind, epoch
        self.bytes_read += end - at
        if base < self.fetch_offset:
            cut = int(np.searchsorted(found[1], self.fetch_offset))
            found = found[0][cut:], found[1][cut:]
        return found

    def _note(self, offsets: Ints, headers: list[bytes | None]) -> None:
        self._contexts += [
            (int(offset), header)
            for offset, header in zip(offsets, headers, strict=True)
            if header is not None and offset >= self.fetch_offset
        ]

    def _hidden(self, batch_bytes: bytes) -> bool:
        """Tell whether a batch is a transaction marker or aborted, by the parent's rules."""
        batch = DefaultRecordBatch(batch_bytes)
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


class TracedChunkRecords(ChunkRecords):
    """The same, noting trace contexts: a second walk that otherwise nobody pays for."""

    traced = True


def _unpack(data: bytes, first: int, end: int, codec: int) -> tuple[bytes, int, int]:
    """Return bytes that hold the batch's records, and where in them these begin and end."""
    if not codec:
        return data, first, end
    if codec not in _DECOMPRESS:
        raise ValueError(f"compression {codec} is not known")
    # kafka-python's decoders of three of the four formats want bytes, not a view.
    body = bytes(_DECOMPRESS[codec](data[first:end]))
    return body, 0, len(body)


def _records(
    body: bytes, first: int, end: int, base: int, last: int, count: int
) -> tuple[Values, Ints]:
    values, stop = walk(body, first, count)
    if stop != end:
        raise ValueError("the records do not fill their batch")
    if last + 1 == count:
        return values, np.arange(base, base + count, dtype=np.int64)
    # Compaction has taken records out of the batch.
    return values, base + np.array(walk_offsets(body, first, count), np.int64)


def walk(data: bytes, position: int, count: int) -> tuple[Values, int]:  # noqa: C901 - inlined
    """Return the values of `count` records (format v2) at `position`, and where they end.

    Raises ValueError or IndexError where the bytes are not records.
    """
    values: Values = []
    append = values.append
    for _ in range(count):
        # A length of 64 to 8,191 takes two bytes: the usual case is inlined, the others are not.
        size = data[position]
        position += 1
        if size > 127:
            more = data[position]
            if more < 128:
                size += (more << 7) - 128
                position += 1
            else:
                size, position = _varint(data, position - 1)
        end = position + (size >> 1)
        position += 1  # attributes
        while data[position] > 127:  # time
            position += 1
        position += 1
        while data[position] > 127:  # offset
            position += 1
        position += 1
        size = data[position]
        position += 1
        if size != 1:  # a key; 1 is the number -1, for none
            if size > 127:
                size, position = _varint(data, position - 1)
            position += size >> 1
        size = data[position]
        position += 1
        if size > 127:
            more = data[position]
            if more < 128:
                size += (more << 7) - 128
                position += 1
            else:
                size, position = _varint(data, position - 1)
        if size == 1:
            append(None)
        else:
            stop = position + (size >> 1)
            if stop >= end or size & 1:
                raise ValueError("a value is longer than its record")
            append(data[position:stop])
        position = end
    return values, position


def walk_offsets(data: bytes, position: int, count: int) -> list[int]:
    """Return the offsets of `count` records relative to their batch's; compaction leaves gaps."""
    offsets = []
    for _ in range(count):
        size, position = _varint(data, position)
        end = position + (size >> 1)
        position += 1
        _, position = _varint(data, position)
        delta, _ = _varint(data, position)
        offsets.append(delta >> 1)
        position = end
    return offsets


def walk_header(data: bytes, position: int, count: int, name: bytes) -> list[bytes | None]:
    """Return of each of `count` records the value of its last header `name`, if it has one."""
    found: list[bytes | None] = []
    for _ in range(count):
        size, position = _varint(data, position)
        end = position + (size >> 1)
        position += 1
        _, position = _varint(data, position)
        _, position = _varint(data, position)
        position = _bytes(data, position)[1]
        position = _bytes(data, position)[1]
        headers, position = _varint(data, position)
        value = None
        for _ in range(headers >> 1):
            key, position = _bytes(data, position)
            content, position = _bytes(data, position)
            if key == name:
                value = content
        if position > end:
            raise ValueError("a header is longer than its record")
        found.append(value)
        position = end
    return found


def _bytes(data: bytes, position: int) -> tuple[bytes | None, int]:
    """Return the bytes at `position` behind their length (-1: none), and where they end."""
    size, position = _varint(data, position)
    if size & 1:
        return None, position
    end = position + (size >> 1)
    return data[position:end], end


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the unsigned variable-length number at `position`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a variable-length number does not end")


def _from_records(start: int | None, records: list[Any], traced: bool) -> Chunk:
    offsets = np.fromiter((r.offset for r in records), np.int64, len(records))
    values = [r.value for r in records]
    contexts = [
        (r.offset, content)
        for r in (records if traced else ())
        for key, content in r.headers
        if key.encode() == TRACEPARENT and content is not None
    ]
    return Chunk(records[0].partition, start, records[-1].offset + 1, offsets, values, contexts)
