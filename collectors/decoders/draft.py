"""From the columns of all records of a batch to an event batch of those that are events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from collectors.batch import (
    NO_ID,
    Categorical,
    Checksums,
    Column,
    EventBatch,
    Flags,
    Floats,
    Hashes,
    Ints,
    Rejected,
)
from collectors.decoders.columns import (
    AUDIT,
    DECISION,
    EXTRAS,
    FEATURES,
    LABEL,
    MODEL_VERSION,
    PREDICTION,
    REVIEW_SECONDS,
    SCORE,
)
from collectors.decoders.times import NO_TIME
from collectors.schema import EventSchema, TimeRule

POSITIVE, NEGATIVE = "1", "0"


@dataclass(slots=True)
class Draft:
    """What was read from `n` records; the row of a record in `rejected` holds anything.

    `rejected` gives (reason, detail) by row.  `columns` and `mismatched` go by `Column.key`.
    `decided_at` are times like `event_time`, the least int64 where missing.
    """

    n: int
    event_time: Ints
    event_id: Hashes
    body: Checksums
    rejected: dict[int, tuple[str, str]] = field(default_factory=dict)
    recorded_time: Ints | None = None
    decided_at: Ints | None = None
    reviewer: Hashes | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    mismatched: dict[str, Flags] = field(default_factory=dict)

    def flag(self, key: str, rows: Sequence[int] | Ints) -> None:
        """Note that these rows of a column had a value of the wrong type."""
        if len(rows):
            self.mismatched.setdefault(key, np.zeros(self.n, np.bool_))[rows] = True


def row_times(rule: TimeRule, n: int, first_row: int | None, offsets: Ints) -> Ints:
    """Return the times that `rule` gives to `n` rows, in microseconds."""
    rows = offsets if first_row is None else np.arange(first_row, first_row + n, dtype=np.int64)
    return (rule.start + rows * rule.every) * 1_000_000


def spare_label_records(draft: Draft, rows: Sequence[int]) -> None:
    """Take back the rejection of label records among `rows`: such a record needs no event time.

    It has an id and a label, and neither a prediction nor a score (contract C9).
    """
    for row in rows:
        if (
            draft.event_id[row] != NO_ID
            and _has(draft, LABEL, row)
            and not _has(draft, PREDICTION, row)
            and not _has(draft, SCORE, row)
        ):
            del draft.rejected[row]


def keep_labels_alone(draft: Draft) -> None:
    """Make every row a label record without an event time, or reject it for what it lacks.

    In a source of reviews a human decision stands in the label's place.
    """
    draft.event_time = np.full(draft.n, NO_TIME, np.int64)
    what, key = ("label", LABEL) if LABEL in draft.columns else ("decision", EXTRAS + DECISION)
    for row in np.flatnonzero(draft.event_id == NO_ID).tolist():
        draft.rejected.setdefault(row, ("missing_id", f"a {what} needs the id of its event"))
    found = draft.columns[key]
    missing = found.codes < 0 if isinstance(found, Categorical) else np.isnan(found)
    for row in np.flatnonzero(missing).tolist():
        draft.rejected.setdefault(row, (f"missing_{what}", ""))


def _has(draft: Draft, key: str, row: int) -> bool:
    column = draft.columns.get(key)
    if column is None:
        return False
    if isinstance(column, Categorical):
        return bool(column.codes[row] >= 0)
    return not math.isnan(column[row])


def to_batch(
    draft: Draft,
    schema: EventSchema,
    *,
    source: str,
    partition: str,
    offsets: Ints,
    next_offset: int,
) -> EventBatch:
    """Return the batch of the rows of `draft` that are not rejected."""
    if schema.prediction is None and schema.score is not None and schema.task != "regression":
        draft.columns[PREDICTION] = _decide(_number(draft.columns[SCORE]), schema.threshold)
    if schema.extra:
        _finish_extra(draft, schema)
    keep: Flags | slice = slice(None)
    if draft.rejected:
        keep = np.ones(draft.n, np.bool_)
        keep[list(draft.rejected)] = False
    columns = {key: _take(column, keep) for key, column in draft.columns.items()}
    texts = {key: column for key, column in columns.items() if isinstance(column, Categorical)}
    numbers = {
        key: column for key, column in columns.items() if not isinstance(column, Categorical)
    }
    recorded = draft.recorded_time
    return EventBatch(
        source=source,
        partition=partition,
        next_offset=next_offset,
        n=draft.n - len(draft.rejected),
        event_time=draft.event_time[keep],
        offset=offsets[keep],
        event_id=draft.event_id[keep],
        body=draft.body[keep],
        recorded_time=None if recorded is None else recorded[keep],
        model_version=texts.get(MODEL_VERSION),
        prediction=columns.get(PREDICTION),
        score=numbers.get(SCORE),
        label=columns.get(LABEL),
        features=_under(FEATURES, columns),
        audit=_under(AUDIT, texts),
        extra=_under(EXTRAS, columns) if schema.extra else {},
        reviewer=None if draft.reviewer is None else draft.reviewer[keep],
        mismatched={k: flags[keep] for k, flags in draft.mismatched.items() if flags[keep].any()},
        rejected=_rejections(draft, offsets),
    )


def _decide(score: Floats, threshold: float) -> Categorical:
    """Return the prediction that a score stands for (contract C13)."""
    codes = np.where(score >= threshold, 1, 0)
    return Categorical(np.where(np.isnan(score), -1, codes).astype(np.int32), (NEGATIVE, POSITIVE))


def _finish_extra(draft: Draft, schema: EventSchema) -> None:
    """Bring the optional fields to our units, and the time of a decision to its duration."""
    for name, extra in schema.extra.items():
        column = draft.columns.get(EXTRAS + name)
        if extra.factor != 1.0 and column is not None:
            with np.errstate(over="ignore"):
                draft.columns[EXTRAS + name] = _number(column) * extra.factor
    if draft.decided_at is not None:
        known = draft.decided_at != np.iinfo(np.int64).min
        # As floats: the difference of two absurd times must not wrap around.
        seconds = (draft.decided_at.astype(np.float64) - draft.event_time) / 1e6
        draft.columns[EXTRAS + REVIEW_SECONDS] = np.where(known, seconds, np.nan)


def _number(column: Column) -> Floats:
    if isinstance(column, Categorical):
        raise TypeError("a column of role NUMBER holds texts")
    return column


def _take(column: Column, keep: Flags | slice) -> Column:
    if isinstance(column, Categorical):
        return Categorical(column.codes[keep], column.values)
    return column[keep]


C = TypeVar("C", Column, Categorical)


def _under(prefix: str, columns: Mapping[str, C]) -> dict[str, C]:
    return {k.removeprefix(prefix): c for k, c in columns.items() if k.startswith(prefix)}


def _rejections(draft: Draft, offsets: Ints) -> tuple[Rejected, ...]:
    """List the rejected rows in order, each with the number of accepted ones before it."""
    return tuple(
        Rejected(reason, int(offsets[row]), row - earlier, detail)
        for earlier, (row, (reason, detail)) in enumerate(sorted(draft.rejected.items()))
    )
