"""Event batches from plain rows, for tests that do not concern decoding."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from collectors.batch import Categorical, Column, EventBatch, Rejected
from collectors.schema import EventSchema, FeatureField

SCHEMA = EventSchema(
    id="id",
    time="time",
    prediction="approve",
    score="score",
    model_version="version",
    features={
        "income": FeatureField("income", "numeric"),
        "purpose": FeatureField("purpose", "categorical"),
    },
    audit={"gender": "gender"},
    task="classification",
)
"""The schema of the rows that `batch` takes."""


def seconds(text: str) -> int:
    """Return epoch seconds of `YYYY-MM-DD HH:MM[:SS]` in UTC."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def batch(
    rows: Sequence[Mapping[str, Any]],
    *,
    source: str = "test",
    partition: str = "0",
    first_offset: int = 0,
    rejected: Sequence[Rejected] = (),
) -> EventBatch:
    """Return the rows as a batch; times are epoch seconds, anything absent is missing."""
    n = len(rows)
    return EventBatch(
        source=source,
        partition=partition,
        next_offset=first_offset + n + len(rejected),
        n=n,
        event_time=_times(rows, "time"),
        recorded_time=_times(rows, "recorded"),
        label=_texts(rows, "label"),
        offset=np.arange(first_offset, first_offset + n, dtype=np.int64),
        event_id=np.array([hashed(r.get("id")) for r in rows], dtype=np.uint64),
        body=np.array([checksum(r) for r in rows], dtype=np.uint32),
        model_version=_texts(rows, "version"),
        prediction=_texts(rows, "approve"),
        score=_numbers(rows, "score"),
        features={"income": _numbers(rows, "income"), "purpose": _texts(rows, "purpose")},
        audit={"gender": _texts(rows, "gender")},
        extra=_extra(rows),
        reviewer=np.array([hashed(r.get("by")) for r in rows], dtype=np.uint64)
        if any("by" in r for r in rows)
        else None,
        rejected=tuple(rejected),
    )


def _extra(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Return the optional fields that any of the rows has."""
    paths = {"human.decision": "decision", "feedback": "said"}
    return {
        name: _texts(rows, path) for name, path in paths.items() if any(path in r for r in rows)
    }


def _times(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    given = [r.get(name) for r in rows]
    none = np.iinfo(np.int64).min
    return np.array([none if t is None else int(t * 1_000_000) for t in given], dtype=np.int64)


def hashed(value: Any) -> int:
    """Return a 64-bit hash of an id; 0 for none."""
    if value is None:
        return 0
    return int.from_bytes(hashlib.blake2b(str(value).encode(), digest_size=8).digest(), "big")


def checksum(row: Mapping[str, Any]) -> int:
    """Return a 32-bit checksum of a row's content."""
    text = json.dumps(dict(row), sort_keys=True, default=str).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    return np.array([r.get(name, np.nan) for r in rows], dtype=np.float64)


def _texts(rows: Sequence[Mapping[str, Any]], name: str) -> Categorical:
    values = sorted({str(r[name]) for r in rows if r.get(name) is not None})
    place = {text: i for i, text in enumerate(values)}
    codes = [place[str(r[name])] if r.get(name) is not None else -1 for r in rows]
    return Categorical(np.array(codes, dtype=np.int32), tuple(values))


__all__ = ["SCHEMA", "batch", "checksum", "hashed", "seconds"]
