"""Optional fields in JSON and in CSV give the same columns, units and mismatches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from agent.config.resolve import event_schema
from agent.config.system import System
from collectors.batch import NO_ID, Categorical, EventBatch
from collectors.decoders.columns import EXTRA
from collectors.decoders.csv import CsvDecoder
from collectors.decoders.json import JsonDecoder
from collectors.infer import resolve
from collectors.schema import EventSchema, ExtraField

AT = 1_772_366_400

PATHS: dict[str, str | dict[str, Any]] = {
    "latency": {"path": "took", "unit": "ms"},
    "status": "http",
    "human": {"decision": "final", "reviewer": "who", "decided_at": "when"},
    "feedback": "said",
    "scores": {"toxicity": "tox", "groundedness": "ground", "evaluation": "eval"},
    "refused": "no",
    "tokens": "tok",
    "cost": "usd",
    "energy": {"path": "power", "unit": "Wh"},
}

FULL: dict[str, Any] = {
    "id": "a",
    "at": AT,
    "approve": "yes",
    "took": 250,
    "http": 503,
    "final": "no",
    "who": "officer-7",
    "when": AT + 90,
    "said": "complaint",
    "tox": 0.25,
    "ground": 0.75,
    "eval": 4.5,
    "no": True,
    "tok": 1200,
    "usd": 0.004,
    "power": 3,
}


def schema() -> EventSchema:
    """Return the schema as the configuration makes it."""
    event = {"id": "id", "time": "at", "prediction": "approve", **PATHS}
    configured = System.model_validate(
        {"id": "s", "event": event, "features": {}, "task": "classification"}
    )
    return event_schema(configured)


def as_json(rows: list[Mapping[str, Any]], of: EventSchema | None = None) -> EventBatch:
    records = [json.dumps(row).encode() for row in rows]
    return JsonDecoder(of or schema(), b"key").decode("s", "0", records, range(len(rows)), 9)


def as_csv(rows: list[Mapping[str, Any]]) -> EventBatch:
    header = list(FULL)
    records = [",".join(_cell(row.get(name)) for name in header).encode() for row in rows]
    decoder = CsvDecoder(schema(), b"key", header)
    return decoder.decode("s", "0", records, range(len(rows)), 9)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


DECODERS = pytest.mark.parametrize("decode", [as_json, as_csv])


def cell(batch: EventBatch, name: str, row: int = 0) -> float | str | None:
    column = batch.extra[name]
    if isinstance(column, Categorical):
        return None if column.codes[row] < 0 else column.values[column.codes[row]]
    return float(column[row])


@DECODERS
def test_every_field_comes_in_our_units(decode: Any) -> None:
    batch = decode([FULL])
    assert set(batch.extra) == set(EXTRA) - {"human.reviewer", "human.decided_at"}
    assert {name: cell(batch, name) for name in batch.extra} == {
        "latency": pytest.approx(0.25),
        "status": "503",
        "human.decision": "no",
        "human.seconds": pytest.approx(90.0),
        "feedback": "complaint",
        "scores.toxicity": 0.25,
        "scores.groundedness": 0.75,
        "scores.evaluation": 4.5,
        "refused": "1",
        "tokens": 1200.0,
        "cost": 0.004,
        "energy": pytest.approx(0.003),
    }
    assert batch.mismatched == {}


@DECODERS
def test_a_reviewer_is_a_keyed_hash_and_nothing_else(decode: Any) -> None:
    batch = decode([FULL, {**FULL, "who": None}, {**FULL, "who": "officer-8"}, FULL])
    assert batch.reviewer is not None
    first, nobody, other, again = batch.reviewer.tolist()
    assert nobody == NO_ID
    assert len({first, nobody, other}) == 3
    assert first == again
    assert b"officer" not in repr(batch).encode()


@DECODERS
def test_absent_values_are_missing_and_no_mismatch(decode: Any) -> None:
    batch = decode([{"id": "a", "at": AT}, FULL])
    for name in batch.extra:
        value = cell(batch, name)
        assert value is None or value != value, name
    assert batch.mismatched == {}


def test_values_of_the_wrong_type_are_missing_and_noted() -> None:
    wrong = {
        **FULL,
        "took": "fast",
        "http": [500],
        "final": {"a": 1},
        "when": "yesterday",
        "tox": "high",
        "tok": {},
    }
    batch = as_json([FULL, wrong])
    for name in (
        "latency",
        "status",
        "human.decision",
        "human.seconds",
        "scores.toxicity",
        "tokens",
    ):
        assert batch.mismatched[f"extra.{name}"].tolist() == [False, True], name
        value = cell(batch, name, 1)
        assert value is None or value != value, name
    assert batch.n == 2
    from_csv = as_csv([FULL, {**FULL, "took": "fast", "when": "yesterday"}])
    assert set(from_csv.mismatched) == {"extra.latency", "extra.human.seconds"}


@DECODERS
def test_huge_and_negative_numbers_pass_as_what_they_are(decode: Any) -> None:
    batch = decode([{**FULL, "took": 1e308, "tok": -5, "when": AT - 60}])
    assert cell(batch, "latency") == pytest.approx(1e305)
    assert cell(batch, "tokens") == -5.0
    assert cell(batch, "human.seconds") == -60.0


def test_an_overflow_of_the_unit_is_infinite_not_an_error() -> None:
    hours = EventSchema(
        time="at", features={}, task="classification", extra={"latency": ExtraField("took", 3_600)}
    )
    assert cell(as_json([{**FULL, "took": 1e308}], hours), "latency") == np.inf


def test_a_quantity_is_reviewed_as_a_quantity() -> None:
    of = EventSchema(
        time="at",
        prediction="approve",
        features={},
        task="regression",
        extra={"human.decision": ExtraField("final")},
    )
    batch = as_json([{"at": AT, "approve": 1.5, "final": 2}], of)
    assert cell(batch, "human.decision") == 2.0


def test_rejected_rows_leave_the_fields_of_the_others_in_place() -> None:
    batch = as_json([{**FULL, "at": None}, {**FULL, "took": 500, "who": None}])
    assert batch.n == 1
    assert cell(batch, "latency") == 0.5
    assert batch.reviewer is not None
    assert batch.reviewer.tolist() == [NO_ID]
    assert batch.extra["human.seconds"].tolist() == [90.0]  # type: ignore[union-attr]


def test_mapped_fields_are_no_features_and_absent_ones_are_warned_of() -> None:
    open_schema = EventSchema(
        time="at", extra={"latency": ExtraField("took", 1e-3), "cost": ExtraField("price")}
    )
    resolved, notes = resolve(open_schema, [{**FULL, "tok": i} for i in range(50)])
    assert resolved.features is not None
    assert "took" not in resolved.features
    assert "tok" in resolved.features
    assert resolved.extra == open_schema.extra
    assert any(note.startswith("warning: systems[].event.cost: price") for note in notes)


def test_a_stream_without_them_has_none() -> None:
    plain = EventSchema(time="at", features={}, task="classification")
    batch = as_json([FULL], plain)
    assert (batch.extra, batch.reviewer) == ({}, None)
