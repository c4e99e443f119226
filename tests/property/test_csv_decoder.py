"""The same data as CSV and as JSON gives the same columns, in batches of any size."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decoders.csv import CsvDecoder
from collectors.decoders.json import JsonDecoder
from collectors.schema import EventSchema, ExtraField, FeatureField
from tests.batches import content

KEY = b"k"
HEADER = ("id", "at", "decision", "score", "n1", "n2", "t1", "sex", "took", "status", "final", "by")
SCHEMA = EventSchema(
    id="id",
    time="at",
    prediction="decision",
    score="score",
    features={
        "n1": FeatureField("n1", "numeric"),
        "n2": FeatureField("n2", "numeric"),
        "t1": FeatureField("t1", "categorical"),
    },
    audit={"sex": "sex"},
    extra={
        "latency": ExtraField("took", 1e-3),
        "status": ExtraField("status"),
        "human.decision": ExtraField("final"),
        "human.reviewer": ExtraField("by"),
    },
    task="classification",
)

# Texts that a reader of CSV would take for a number or a boolean are no texts there.
words = st.text(max_size=8).filter(
    lambda text: text.lower() not in {"true", "false", "nan"} and text[-2:].strip(".0") != ""
)
finite = st.floats(allow_nan=False, allow_infinity=False)
events = st.fixed_dictionaries(
    {
        "id": st.none() | words | st.integers(),
        "at": st.sampled_from(["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.25+08:00", 1772359200]),
        "decision": st.none() | st.booleans() | st.integers(0, 3) | words,
        "score": st.none() | finite,
        "n1": st.none() | finite | st.integers(-(10**12), 10**12) | st.booleans(),
        "n2": finite,
        "t1": st.none() | words | st.integers() | st.booleans(),
        "sex": st.none() | words,
        "took": st.none() | finite,
        "status": st.none() | words | st.integers(),
        "final": st.none() | st.booleans() | st.integers(0, 3) | words,
        "by": st.none() | words | st.integers(),
    }
)


def cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def as_csv(event: dict[str, Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([cell(event[name]) for name in HEADER])
    return text.getvalue().removesuffix("\r\n").encode()


@settings(max_examples=150, deadline=None)
@given(st.lists(events, min_size=1, max_size=12), st.integers(1, 12))
def test_csv_and_json_agree(rows: list[dict[str, Any]], size: int) -> None:
    from_json = JsonDecoder(SCHEMA, KEY)
    from_csv = CsvDecoder(SCHEMA, KEY, HEADER)
    n = len(rows)
    expected = content(
        [from_json.decode("s", "0", [json.dumps(r).encode() for r in rows], range(n), n)]
    )
    found = content(
        from_csv.decode(
            "s", "0", [as_csv(r) for r in rows[i : i + size]], range(i, min(n, i + size)), i + size
        )
        for i in range(0, n, size)
    )
    del expected["body"], found["body"]  # of the cells there, of the bytes here
    assert found == expected


@given(st.lists(st.text("0123456789.eE+-_ naifNINF", max_size=7), min_size=1, max_size=8))
def test_the_neighbours_of_a_number_do_not_matter(column: list[str]) -> None:
    schema = EventSchema(
        time="at", features={"x": FeatureField("x", "numeric")}, task="classification"
    )
    records = [f"1772359200,{text}".encode() for text in column]

    def read(some: list[bytes]) -> dict[str, Any]:
        decoder = CsvDecoder(schema, KEY, ("at", "x"))
        return content([decoder.decode("s", "0", some, range(len(some)), 0)])

    together = read(records)
    alone = [read([record]) for record in records]
    assert together["features.x"] == [a["features.x"][0] for a in alone]
    wrong = {("features.x", row) for row, a in enumerate(alone) if a["mismatched"]}
    assert together["mismatched"] == wrong
    assert all(x is None or not math.isnan(x) for x in together["features.x"])
