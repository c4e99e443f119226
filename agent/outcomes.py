"""Who was decided about, and how: audit attributes and favourable predictions of a batch."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np

from collectors.batch import NO_ID, Categorical, Column, EventBatch, Flags, Ints

NO_PREDICTION, UNFAVOURABLE, FAVOURABLE = 0, 1, 2


def present(column: Column) -> Flags:
    """Tell which rows of a column are not missing."""
    flags: Flags = column.codes >= 0 if isinstance(column, Categorical) else ~np.isnan(column)
    return flags


def label_records(batch: EventBatch, *, predicted: bool = False) -> Flags:
    """Tell which rows carry a label for an event rather than an event (contract C9).

    Where no prediction is mapped at all there is nothing that a label could join, so a record with
    a label is an event like any other.  `predicted`: the system's predictions may come from
    another source than this batch.
    """
    if batch.label is None or (batch.prediction is None and not predicted):
        return np.zeros(batch.n, dtype=bool)
    records: Flags = present(batch.label) & (batch.event_id != NO_ID)
    if batch.prediction is not None:
        records &= ~present(batch.prediction)
    return records


def audit_column(batch: EventBatch, attribute: str) -> Categorical | None:
    """Return an audit attribute's column, or None if the batch lacks it.

    Of an intersection such as `gender*country` it is the pairs that occur, such as `female*SG`
    (contract C5), missing where either part is.
    """
    parts = [batch.audit.get(part) for part in attribute.split("*")]
    found = [p for p in parts if p is not None]
    if len(found) != len(parts):
        return None
    crossed = found[0]
    for part in found[1:]:
        crossed = _cross(crossed, part)
    return crossed


def outcomes(batch: EventBatch, favourable: AbstractSet[str]) -> Ints:
    """Return `NO_PREDICTION`, `UNFAVOURABLE` or `FAVOURABLE` by row, int64[batch.n].

    `favourable` holds the texts of the favourable prediction.  A numeric prediction is a quantity,
    not a decision: it is never favourable.
    """
    prediction = batch.prediction
    if prediction is None:
        return np.full(batch.n, NO_PREDICTION, np.int64)
    if isinstance(prediction, Categorical):
        by_code = [NO_PREDICTION] + [
            FAVOURABLE if text in favourable else UNFAVOURABLE for text in prediction.values
        ]
        by_row: Ints = np.array(by_code, np.int64)[prediction.codes + 1]
        return by_row
    return np.where(np.isnan(prediction), NO_PREDICTION, UNFAVOURABLE).astype(np.int64)


def _cross(a: Categorical, b: Categorical) -> Categorical:
    width = len(b.values)
    pairs = np.where((a.codes < 0) | (b.codes < 0), -1, a.codes.astype(np.int64) * width + b.codes)
    used, places = np.unique(pairs, return_inverse=True)
    missing = int(len(used) > 0 and used[0] < 0)
    texts = tuple(
        f"{a.values[pair // width]}*{b.values[pair % width]}" for pair in used[missing:].tolist()
    )
    return Categorical((places - missing).astype(np.int32), texts)
