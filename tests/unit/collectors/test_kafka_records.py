"""The walk over record batches, on batches that kafka-python built."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from collectors import kafka_records
from collectors.kafka_records import (
    Chunk,
    ChunkRecords,
    TracedChunkRecords,
    UnreadableBatchError,
    missing_seam,
)

Record = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]

TP = TopicPartition("t", 3)


def batch(
    records: list[Record], *, first: int = 0, compression: int = 0, magic: int = 2, gaps: Any = ()
) -> bytes:
    """Return one batch; before the records numbered in `gaps` an offset is left out."""
    builder = MemoryRecordsBuilder(magic, compression, 1 << 26, offset=first)
    for number, (timestamp, key, value, headers) in enumerate(records):
        if number in gaps:
            builder.skip(1)
        assert builder.append(timestamp, key, value, headers) is not None
    builder.close()
    data = bytearray(builder.buffer())
    if magic == 2:  # The builder does not know what offset its batch begins with.
        data[0:8] = first.to_bytes(8, "big") if not data[7] and first else data[0:8]
    return bytes(data)


def chunks(data: bytes, *, at: int = 0, kind: type = ChunkRecords) -> list[Any]:
    reader = kind(at, TP, MemoryRecords(data), isolation_level=IsolationLevel.READ_COMMITTED)
    found: list[Any] = []
    while reader:
        found += reader.take(1_000_000)
    return found


def pairs(found: list[Chunk]) -> list[tuple[int, bytes | None]]:
    return [p for c in found for p in zip(c.offsets.tolist(), c.values, strict=True)]


def theirs(data: bytes, at: int = 0) -> list[tuple[int, bytes | None]]:
    return [(r.offset, r.value) for r in chunks(data, at=at, kind=Fetcher.PartitionRecords)]


def simple(count: int, size: int = 10) -> list[Record]:
    return [(1_000 + n, None, b"%d" % n + b"x" * size, []) for n in range(count)]


sizes = st.sampled_from([0, 1, 5, 55, 63, 64, 65, 127, 128, 700, 8_100, 8_191, 8_192, 20_000])
texts = st.one_of(st.none(), sizes.map(lambda n: b"v" * n))
headers = st.lists(
    st.tuples(st.text(max_size=5), st.one_of(st.none(), st.binary(max_size=200))), max_size=3
)
records = st.lists(st.tuples(st.integers(0, 2**45), texts, texts, headers), min_size=1, max_size=20)


@given(records, st.integers(0, 3), st.sampled_from([0, 1, 2, 3, 4]))
def test_walk_agrees_with_kafka_python(written: list[Record], gap: int, compression: int) -> None:
    data = batch(written, compression=compression, gaps={gap})
    assert pairs(chunks(data)) == theirs(data)


def test_old_message_formats_are_read_the_parents_way() -> None:
    data = batch(simple(5), magic=1)
    assert (
        pairs(chunks(data)) == theirs(data) == [(n, v) for n, (_, _, v, _) in enumerate(simple(5))]
    )


def test_a_fetch_from_the_middle_of_a_batch_gives_only_what_follows() -> None:
    data = batch(simple(10))
    (chunk,) = chunks(data, at=6)
    assert chunk.offsets.tolist() == [6, 7, 8, 9]
    assert (chunk.start, chunk.next_offset, chunk.partition) == (6, 10, 3)
    assert pairs([chunk]) == theirs(data, at=6)


@pytest.mark.parametrize("cut", [-1, 70, 61, 60, 17, 8, 1])
def test_a_batch_that_the_response_cut_off_is_left_for_the_next_fetch(cut: int) -> None:
    whole, second = batch(simple(3)), batch(simple(3))
    (chunk,) = chunks(whole + second[:cut])
    assert chunk.next_offset == 3


def test_chunks_are_bounded_and_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_records, "CHUNK_RECORDS", 100)
    parts = []
    for number in range(10):
        part = bytearray(batch(simple(60)))
        part[0:8] = (number * 60).to_bytes(8, "big")  # outside what the checksum covers
        parts.append(bytes(part))
    found = chunks(b"".join(parts))
    assert [len(c.values) for c in found] == [120] * 5
    assert [c.start for c in found] == [0, 120, 240, 360, 480]
    assert [c.next_offset for c in found] == [120, 240, 360, 480, 600]


def damaged(data: bytes, at: int = -3) -> bytes:
    copy = bytearray(data)
    copy[at] ^= 0xFF
    return bytes(copy)


@given(records, st.integers(0, 3), st.sampled_from([0, 1, 2, 3, 4]))
def test_trace_contexts_are_those_that_kafka_python_reads(
    written: list[Record], gap: int, compression: int
) -> None:
    written = [
        (t, k, v, [*h, ("traceparent", b"%d" % n)] if n % 3 else h)
        for n, (t, k, v, h) in enumerate(written)
    ]
    data = batch(written, compression=compression, gaps={gap})
    found = [one for c in chunks(data, kind=TracedChunkRecords) for one in c.contexts]
    assert found == [
        (r.offset, content)
        for r in chunks(data, kind=Fetcher.PartitionRecords)
        for name, content in r.headers
        if name == "traceparent"
    ]
    assert all(c.contexts == () or c.contexts == [] for c in chunks(data))


def test_a_damaged_batch_is_named_after_what_was_good_before_it() -> None:
    second = bytearray(damaged(batch(simple(4))))
    second[0:8] = (3).to_bytes(8, "big")
    reader = ChunkRecords(0, TP, MemoryRecords(batch(simple(3)) + bytes(second)))
    (good,) = reader.take()
    assert good.next_offset == 3
    with pytest.raises(UnreadableBatchError, match="offsets 3 to 6: the checksum is wrong") as bad:
        reader.take()
    assert (bad.value.partition, bad.value.offset, bad.value.next_offset) == (3, 3, 7)
    assert bool(reader) is False, "it must be fetched again, not read again"


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_broken_compression_is_an_unreadable_batch(compression: int) -> None:
    data = batch(simple(50, 100), compression=compression)
    garbage = data[:61] + bytes(len(data) - 61)
    reader = ChunkRecords(0, TP, MemoryRecords(garbage), check_crcs=False)
    with pytest.raises(UnreadableBatchError):
        reader.take()


def test_records_that_overrun_their_batch_are_corrupt_not_cut() -> None:
    data = damaged(batch([(0, None, b"x" * 40, [])]), 61)
    with pytest.raises((ValueError, IndexError)):
        kafka_records.walk(data, 61, 1)


def test_a_kafka_python_without_the_seam_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Consumer:
        _fetcher = object.__new__(Fetcher)

    assert missing_seam(Consumer()) is None
    assert missing_seam(object()) == "KafkaConsumer._fetcher"
    monkeypatch.setattr(Fetcher, "PartitionRecords", type("Other", (), {}))
    assert missing_seam(Consumer()) is not None
