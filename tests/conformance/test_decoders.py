"""What every decoder in the table must do: a new line there is tested here at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.base import CollectorError
from collectors.batch import EventBatch
from collectors.decoders import json as json_decoder
from collectors.decoders import table
from collectors.decoders.base import MAX_RECORD_BYTES, REASONS, Decoder
from collectors.infer import resolve
from collectors.schema import EventSchema, FeatureField, TimeRule
from tests.batches import cells, content
from tests.real.components import require_compiled_reader

SCHEMA = EventSchema(
    id="id",
    time="at",
    prediction="decision",
    features={
        "income": FeatureField("income", "numeric"),
        "job": FeatureField("job", "categorical"),
    },
    audit={"group": "group"},
    task="classification",
)
HEADER = ("id", "at", "decision", "income", "job", "group")
SECRET = "Siti"


@pytest.fixture(params=["compiled", "python"], autouse=True, scope="module")
def reader(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run everything with the compiled reader and without it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "python":
            patch.setattr(json_decoder, "AVAILABLE", False)
        else:
            require_compiled_reader()
        yield


class Wire(NamedTuple):
    """How a decoder's records are written."""

    header: tuple[str, ...]
    write: Callable[[Sequence[str]], bytes]


def _json(row: Sequence[str]) -> bytes:
    record: dict[str, object] = dict(zip(HEADER, row, strict=True))
    record["income"] = float(row[3])
    return json.dumps(record).encode()


WIRES = {
    "json": Wire((), _json),
    "csv": Wire(HEADER, lambda row: ",".join(row).encode()),
}
"""How each decoder's records look; a new decoder adds its line."""

GOOD = ("app-1", "2026-03-01T12:00:00Z", "1", "5000.5", SECRET, "f")
once_per_decoder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80
)


@pytest.fixture(params=table.names())
def wire(request: pytest.FixtureRequest) -> Wire:
    assert request.param in WIRES, f"say in WIRES how a record of {request.param!r} is written"
    return WIRES[request.param]


@pytest.fixture
def make(request: pytest.FixtureRequest, wire: Wire) -> Callable[[], Decoder]:
    name = request.node.callspec.params["wire"]
    return lambda: table.load(name)(SCHEMA, b"key", wire.header)


def decode(decoder: Decoder, records: Sequence[bytes], start: int = 0) -> EventBatch:
    offsets = range(start, start + len(records))
    return decoder.decode("source", "7", records, offsets, offsets.stop)


def test_a_good_record_is_an_event(wire: Wire, make: Callable[[], Decoder]) -> None:
    batch = decode(make(), [wire.write(GOOD)], 40)
    assert (batch.source, batch.partition, batch.n, batch.next_offset) == ("source", "7", 1, 41)
    assert batch.event_time.tolist() == [1_772_366_400_000_000]
    assert batch.offset.tolist() == [40]
    assert batch.event_id[0] != 0
    assert batch.prediction is not None
    assert cells(batch.prediction) == ["1"]
    assert {name: cells(c) for name, c in batch.features.items()} == {
        "income": [5000.5],
        "job": [SECRET],
    }
    assert cells(batch.audit["group"]) == ["f"]
    assert batch.mismatched == {}


@once_per_decoder
@given(garbage=st.lists(st.binary(max_size=40), max_size=6), at=st.integers(0, 6))
def test_garbage_is_counted_and_its_batch_goes_on(
    wire: Wire, make: Callable[[], Decoder], garbage: list[bytes], at: int
) -> None:
    records = [*garbage[:at], wire.write(GOOD), *garbage[at:]]
    holds(records, decode(make(), records))


@once_per_decoder
@given(
    cut=st.integers(0, 200),
    insert=st.binary(max_size=4) | st.sampled_from([b'"', b"\\", b",", b"\x00", b"\n", b"\xff"]),
    drop=st.integers(0, 5),
)
def test_a_damaged_record_is_an_event_or_counted(
    wire: Wire, make: Callable[[], Decoder], cut: int, insert: bytes, drop: int
) -> None:
    good = wire.write(GOOD)
    records = [good, good[:cut] + insert + good[cut + drop :], good]
    batch = decode(make(), records)
    holds(records, batch)
    assert {0, 2} <= set(batch.offset.tolist())


def holds(records: Sequence[bytes], batch: EventBatch) -> None:
    """Check what is true of every batch, whatever is in the records."""
    assert batch.n + len(batch.rejected) == len(records)
    offsets = [*batch.offset.tolist(), *(r.offset for r in batch.rejected)]
    assert sorted(offsets) == list(range(len(records)))
    for rejected in batch.rejected:
        assert rejected.reason in REASONS
        assert rejected.row == int((batch.offset < rejected.offset).sum())
        assert SECRET not in rejected.detail
    content([batch])  # every column has n rows


@once_per_decoder
@given(garbage=st.lists(st.binary(max_size=40), max_size=6), size=st.integers(1, 7))
def test_the_batch_size_does_not_show(
    wire: Wire, make: Callable[[], Decoder], garbage: list[bytes], size: int
) -> None:
    records = [wire.write(GOOD), *garbage, wire.write(("app-2", *GOOD[1:]))]
    decoder = make()
    parts = [decode(decoder, records[i : i + size], i) for i in range(0, len(records), size)]
    assert content(parts) == content([decode(make(), records)])


def test_nothing_and_too_much(wire: Wire, make: Callable[[], Decoder]) -> None:
    assert decode(make(), []).n == 0
    large = wire.write((*GOOD[:4], "x" * MAX_RECORD_BYTES, "f"))
    batch = decode(make(), [wire.write(GOOD), large])
    assert [(r.reason, r.offset, r.row) for r in batch.rejected] == [("too_large", 1, 1)]


def test_views_are_records_too(wire: Wire, make: Callable[[], Decoder]) -> None:
    good = wire.write(GOOD)
    batch = make().decode("s", "0", [memoryview(good), bytearray(good), good], [0, 1, 2], 3)
    assert batch.n == 3
    assert len(set(batch.event_id.tolist())) == len(set(batch.body.tolist())) == 1


def test_a_row_number_times_a_file_without_times(
    request: pytest.FixtureRequest, wire: Wire
) -> None:
    name = request.node.callspec.params["wire"]
    schema = EventSchema(time=TimeRule(1_772_366_400, 60), features={}, task="classification")
    decoder = table.load(name)(schema, b"key", wire.header)
    good = wire.write(GOOD)
    batch = decoder.decode("s", "0", [good, good], [10, 12], 2, first_row=3)
    assert [t // 60_000_000 - 29_539_440 for t in batch.event_time.tolist()] == [3, 4]


@once_per_decoder
@given(garbage=st.lists(st.binary(max_size=40), max_size=6))
def test_a_sample_takes_what_is_readable(
    request: pytest.FixtureRequest, wire: Wire, garbage: list[bytes]
) -> None:
    form = table.load(request.node.callspec.params["wire"])
    found = form.sample([*garbage, *[wire.write(GOOD)] * 10], wire.header)
    assert 10 <= len(found) <= 10 + len(garbage)
    schema, _ = resolve(EventSchema(time="at"), found[-10:], flat=bool(wire.header))
    assert schema.features is not None
    assert schema.features["income"].kind == "numeric"


def test_an_open_schema_is_refused_at_once(request: pytest.FixtureRequest, wire: Wire) -> None:
    form = table.load(request.node.callspec.params["wire"])
    with pytest.raises(CollectorError):
        form(EventSchema(time="at"), b"key", wire.header)


def test_an_unknown_decoder_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="there are: csv, json"):
        table.load("avro")
