"""The compiled, the typed and the patient JSON decoder agree, and so does a plain reading."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.batch import EventBatch
from collectors.decoders import json as json_decoder
from collectors.decoders.json import JsonDecoder
from collectors.schema import EventSchema, ExtraField, FeatureField
from tests.batches import content
from tests.real.components import require_compiled_reader


@pytest.fixture(scope="module")
def compiled() -> None:
    require_compiled_reader()


needs_compiled = pytest.mark.usefixtures("compiled")

KEY = b"0123456789abcdef"
NUMBERS, TEXTS = ("a", "b"), ("c", "d")
SCHEMA = EventSchema(
    id="id",
    time="at",
    prediction="model.decision",
    score="model.score",
    label="truth",
    model_version="model.version",
    recorded_time="recorded",
    features={
        **{name: FeatureField(f"features.{name}", "numeric") for name in NUMBERS},
        **{name: FeatureField(f"features.{name}", "categorical") for name in TEXTS},
        # The same value read in two ways.
        "c_as_number": FeatureField("features.c", "numeric"),
    },
    audit={"sex": "who.sex"},
    extra={
        "latency": ExtraField("service.took", 1e-3),
        "status": ExtraField("service.status"),
        "human.decision": ExtraField("review.decision"),
        "human.reviewer": ExtraField("review.by"),
        "human.decided_at": ExtraField("review.at"),
        "refused": ExtraField("service.refused"),
    },
    task="classification",
)

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([0, 1, 1.0, -0.0, "1", "true", "", "NaN", 1e300, 10**400])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
times = (
    st.integers(1_577_836_800, 1_893_456_000)
    | st.floats(1.6e9, 1.8e9)
    | st.sampled_from(["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.5+08:00", "1772359200"])
    | st.datetimes(
        min_value=dt.datetime(2001, 1, 1),  # noqa: DTZ001
        max_value=dt.datetime(2199, 1, 1),  # noqa: DTZ001
    ).map(lambda t: t.isoformat() + "Z")
)


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of the keys a schema may ask for, and one that it does not."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "c", "d", "other"), values))


def records(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"at": times},
        optional={
            "id": values,
            "truth": values,
            "recorded": values | times,
            "model": values
            | st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("decision", "score", "version"), values)
            ),
            "features": values | some(values),
            "service": values
            | st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("took", "status", "refused"), values)
            ),
            "review": values
            | st.fixed_dictionaries(
                {}, optional={"decision": values, "by": values, "at": values | times}
            ),
            "who": values | st.fixed_dictionaries({}, optional={"sex": values}),
        },
    )


class Typed(JsonDecoder):
    """Reads every record in Python, as where nothing is compiled."""

    def __init__(self, schema: EventSchema, id_key: bytes) -> None:
        super().__init__(schema, id_key)
        self._native = None


class Patient(Typed):
    """Reads every record by the patient decoder."""

    def _structs(self, records: Sequence[Any], start: int) -> list[Any]:
        return [self._patiently(record, start + i) for i, record in enumerate(records)]


def decoded(decoder: JsonDecoder, raw: Sequence[bytes], size: int) -> list[EventBatch]:
    return [
        decoder.decode("s", "0", raw[i : i + size], range(i, min(i + size, len(raw))), i + size)
        for i in range(0, len(raw), size)
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(records(anything), max_size=12), st.integers(1, 12))
def test_both_paths_and_every_batch_size_give_the_same_events(
    events: list[dict[str, Any]], size: int
) -> None:
    raw = [json.dumps(event).encode() for event in events]
    patient = content(decoded(Patient(SCHEMA, KEY), raw, len(raw) or 1))
    for decoder in (JsonDecoder, Typed):
        assert content(decoded(decoder(SCHEMA, KEY), raw, len(raw) or 1)) == patient
        assert content(decoded(decoder(SCHEMA, KEY), raw, size)) == patient


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_records_are_judged_alike_with_and_without_the_compiled_reader(
    data: st.DataObject,
) -> None:
    raw = [
        data.draw(damaged(json.dumps(event).encode()))
        for event in data.draw(st.lists(records(anything), min_size=1, max_size=4))
    ]
    assert content(decoded(JsonDecoder(SCHEMA, KEY), raw, 2)) == content(
        decoded(Typed(SCHEMA, KEY), raw, 2)
    )


@needs_compiled
@settings(max_examples=100, deadline=None)
@given(st.lists(records(st.floats(allow_nan=False) | st.text()), min_size=1, max_size=8))
def test_the_compiled_reader_forgets_codes_with_the_dictionaries(
    events: list[dict[str, Any]],
) -> None:
    raw = [json.dumps(event).encode() for event in events]
    decoder = JsonDecoder(SCHEMA, KEY)
    batches = []
    for i in range(3):
        for dictionary in decoder._assembler._dictionaries.values():
            dictionary._characters = 10**9
        offsets = range(i * len(raw), (i + 1) * len(raw))
        batches.append(decoder.decode("s", "0", raw, offsets, offsets.stop))
    assert content(batches) == content(decoded(Typed(SCHEMA, KEY), raw * 3, len(raw)))


@needs_compiled
def test_a_stream_that_the_compiled_reader_mostly_refuses_goes_to_python_for_good() -> None:
    raw = [json.dumps({"at": 1_700_000_000, "features": {"a": "1"}}).encode()] * 600
    decoder = JsonDecoder(SCHEMA, KEY)
    batches = decoded(decoder, raw, 200)
    assert decoder._native is not None
    assert not decoder._native.worthwhile
    assert content(batches) == content(decoded(Typed(SCHEMA, KEY), raw, 200))


def damaged(record: bytes) -> st.SearchStrategy[bytes]:
    """Return the record with a piece cut out, doubled or replaced by other bytes."""
    places = st.integers(0, len(record))
    pieces = st.binary(max_size=3) | st.sampled_from(
        [b'"', b"}", b"{", b",", b":", b"[", b"\\u0000", b"\\ud800", b"NaN", b"-", b"1e999", b"//"]
    )
    return st.builds(
        lambda a, b, piece: record[: min(a, b)] + piece + record[max(a, b) :],
        *(places, places, pieces),
    ) | st.builds(lambda a, b: record[:a] + record[min(a, b) :], places, places)


@settings(max_examples=60, deadline=None)
@given(st.lists(records(anything), min_size=4, max_size=12))
def test_widened_types_give_the_same_events(events: list[dict[str, Any]]) -> None:
    raw = [json.dumps(event).encode() for event in events]
    patient = content(decoded(Patient(SCHEMA, KEY), raw * 3, len(raw)))
    decoder = Typed(SCHEMA, KEY)
    batches = []
    for i in range(3):  # after each batch, widen everything that was refused even once
        offsets = range(i * len(raw), (i + 1) * len(raw))
        batches.append(decoder.decode("s", "0", raw, offsets, offsets.stop))
        decoder._since_widened = json_decoder.WIDEN_AFTER
        for leaf in decoder._leaves:
            leaf.refused *= 1_000
    assert content(batches) == patient


@settings(max_examples=100, deadline=None)
@given(st.lists(records(anything), min_size=1, max_size=8))
def test_columns_hold_what_the_contract_says(events: list[dict[str, Any]]) -> None:
    raw = [json.dumps(event).encode() for event in events]
    found: dict[str, Any] = content(decoded(JsonDecoder(SCHEMA, KEY), raw, 3))
    # Only a lone surrogate in a field that is read keeps an event with a time out.
    rejected = {r.offset for r in found["rejected"]}
    assert all(r.reason == "bad_encoding" for r in found["rejected"])
    accepted = [event for i, event in enumerate(events) if i not in rejected]
    mismatched = found["mismatched"]
    for row, event in enumerate(accepted):
        inner = event.get("features")
        features: dict[str, Any] = inner if isinstance(inner, dict) else {}
        for name in NUMBERS:
            value, wrong = plain_number(features.get(name))
            assert found[f"features.{name}"][row] == value
            assert ((f"features.{name}", row) in mismatched) == wrong
        for name in TEXTS:
            text, wrong = plain_text(features.get(name), "true", "false")
            assert found[f"features.{name}"][row] == text
            assert ((f"features.{name}", row) in mismatched) == wrong
        label, wrong = plain_text(event.get("truth"), "1", "0")
        assert found["label"][row] == label
        assert (("label", row) in mismatched) == wrong


def plain_number(value: Any) -> tuple[float | None, bool]:
    if value is None or value == "" or value != value:
        return None, False
    if isinstance(value, bool | int | float):
        try:
            return float(value), False
        except OverflowError:
            return (math.inf if value > 0 else -math.inf), False
    return None, True


def plain_text(value: Any, yes: str, no: str) -> tuple[str | None, bool]:
    if value is None or value == "" or value != value:
        return None, False
    if value is True or value is False:
        return (yes if value else no), False
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value)), False
    if isinstance(value, str | int | float):
        return str(value), False
    return None, True


@needs_compiled
@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers() | st.booleans() | st.sampled_from(["1", "true", "0"]), min_size=1))
def test_numbers_in_a_text_field_are_their_digits_and_no_booleans(values: list[Any]) -> None:
    raw = [json.dumps({"at": 1_700_000_000, "features": {"d": value}}).encode() for value in values]
    batches = decoded(JsonDecoder(SCHEMA, KEY), raw, 3)
    assert content(batches)["features.d"] == [plain_text(v, "true", "false")[0] for v in values]
