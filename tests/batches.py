"""Event batches in a form that a test can compare and read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from collectors.batch import Categorical, Column, EventBatch, Rejected

Cells = list[float | str | None]


def cells(column: Column) -> Cells:
    """Return a column as texts or floats, with None for missing."""
    if isinstance(column, Categorical):
        return [None if code < 0 else column.values[code] for code in column.codes.tolist()]
    return [None if math.isnan(x) else x for x in column.tolist()]


def content(batches: Iterable[EventBatch]) -> dict[str, Any]:
    """Return what some consecutive batches say, so that it does not depend on where they were cut.

    Every column as one list, and each rejection with the number of all rows before it.
    """
    columns: dict[str, list[object]] = {}
    rejected: list[Rejected] = []
    mismatched: set[tuple[str, int]] = set()
    rows = 0
    for batch in batches:
        for key, values in _columns(batch).items():
            columns.setdefault(key, []).extend(values)
        for key, flags in batch.mismatched.items():
            assert flags.any(), f"{key} is listed as mismatched without any such row"
            mismatched |= {(key, rows + int(row)) for row in flags.nonzero()[0]}
        rejected += [Rejected(r.reason, r.offset, rows + r.row, r.detail) for r in batch.rejected]
        rows += batch.n
    return {"n": rows, **columns, "mismatched": mismatched, "rejected": rejected}


def _columns(batch: EventBatch) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {
        "event_time": batch.event_time.tolist(),
        "offset": batch.offset.tolist(),
        "event_id": batch.event_id.tolist(),
        "body": batch.body.tolist(),
    }
    if batch.recorded_time is not None:
        found["recorded_time"] = batch.recorded_time.tolist()
    named: dict[str, Column | None] = {
        "model_version": batch.model_version,
        "prediction": batch.prediction,
        "score": batch.score,
        "label": batch.label,
        **{f"features.{name}": column for name, column in batch.features.items()},
        **{f"audit.{name}": column for name, column in batch.audit.items()},
        **{f"extra.{name}": column for name, column in batch.extra.items()},
    }
    if batch.reviewer is not None:
        found["reviewer"] = batch.reviewer.tolist()
    found |= {key: list(cells(column)) for key, column in named.items() if column is not None}
    for key, values in found.items():
        assert len(values) == batch.n, f"{key} has {len(values)} rows, the batch {batch.n}"
    return found
