"""A bounded sample of events: the rows with the smallest hashes of their ids (bottom-k).

So it depends on neither the order of arrival nor on how the input is cut into batches.  Bottom-k by
a keyed hash of the id is a uniform sample without replacement, and the sample of a union is made
from the samples of its parts: Cohen and Kaplan, "Summarizing data using bottom-k sketches" (PODC
2007).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from collectors.batch import NO_ID, Categorical, Column, EventBatch, Hashes, Ints

Kind = Literal["numeric", "categorical"]
Value = float | str | None

_MAX_TEXT = 200
_ALL = 2**64


class Row(msgspec.Struct, array_like=True, frozen=True, order=True):
    """One event: its place in the order, its time (microseconds, UTC), checksum, and values."""

    key: int
    at: int
    body: int
    values: tuple[Value, ...]


class ColumnName(NamedTuple):
    """A column of a sample: `features.<name>`, `audit.<name>`, `prediction`, `score`, ..."""

    name: str
    kind: Kind


class Sample(msgspec.Struct):
    """At most `size` rows of what is offered, in the order of their keys once `settle`d.

    `closed` is the digest under which it was handed out; then it neither has nor takes rows.
    """

    size: int
    columns: tuple[ColumnName, ...]
    rows: list[Row] = []
    limit: int = _ALL - 1
    closed: str = ""

    def settle(self) -> None:
        """Keep the `size` smallest rows, in order."""
        self.rows.sort(key=_order)
        del self.rows[self.size :]
        if len(self.rows) == self.size and self.rows:
            self.limit = self.rows[-1].key


def add(sample: Sample, batch: EventBatch, rows: Ints) -> bool:
    """Offer these rows of a batch; tell whether the sample changed."""
    keys = priorities(batch, rows)
    better = keys <= np.uint64(sample.limit)
    chosen, keys = rows[better], keys[better]
    if not len(chosen):
        return False
    if len(chosen) > sample.size:
        smallest = np.argsort(keys, kind="stable")
        # Rows of equal keys are told apart later, so none of them may be cut off here.
        last = keys[smallest[sample.size - 1]]
        kept = np.flatnonzero(keys <= last)
        chosen, keys = chosen[kept], keys[kept]
    columns = [values_of(batch, column.name, chosen) for column in sample.columns]
    values = zip(*columns, strict=True) if columns else iter([()] * len(chosen))
    sample.rows += [
        Row(*row)
        for row in zip(
            keys.tolist(),
            batch.event_time[chosen].tolist(),
            batch.body[chosen].tolist(),
            values,
            strict=True,
        )
    ]
    if len(sample.rows) > 2 * sample.size:
        sample.settle()
    return True


def priorities(batch: EventBatch, rows: Ints) -> Hashes:
    """Return the hash of each row's id; of a row without one, of its time and checksum."""
    ids = batch.event_id[rows]
    mixed = batch.event_time[rows].view(np.uint64) ^ (
        batch.body[rows].astype(np.uint64) << np.uint64(32)
    )
    return np.where(ids == NO_ID, _mix(mixed), ids)


def values_of(batch: EventBatch, name: str, rows: Ints) -> list[Value]:
    """Return a column's values at these rows; None where missing, infinite or not there at all."""
    column = _column(batch, name)
    if column is None:
        return [None] * len(rows)
    if isinstance(column, Categorical):
        texts = column.values
        return [texts[c][:_MAX_TEXT] if c >= 0 else None for c in column.codes[rows].tolist()]
    return [v if math.isfinite(v) else None for v in column[rows].tolist()]


def encode(sample: Sample) -> bytes:
    """Return the sample's bytes: equal for equal samples."""
    sample.settle()
    return msgspec.msgpack.encode(sample)


def decode(body: bytes) -> Sample:
    """Return the sample that `encode` was given; raises `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(body, type=Sample)


def digest(body: bytes) -> str:
    """Return `sha256:<hex>` of a sample's bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def column_values(sample: Sample) -> dict[str, list[Value]]:
    """Return the sample as columns."""
    rows: Sequence[Row] = sample.rows
    return {c.name: [row.values[i] for row in rows] for i, c in enumerate(sample.columns)}


def _order(row: Row) -> tuple[int, int, int, str]:
    return (row.key, row.at, row.body, repr(row.values))


def _column(batch: EventBatch, name: str) -> Column | None:
    family, _, rest = name.partition(".")
    if family == "features":
        return batch.features.get(rest)
    if family == "audit":
        return batch.audit.get(rest)
    column: Column | None = getattr(batch, name)
    return column


def _mix(x: Hashes) -> Hashes:
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of each number."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
