"""Where a batch is cut so that windows close, and labels join, as if records came one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from collectors.batch import Categorical, EventBatch, Ints

MICROSECONDS = 1_000_000


def pieces(batch: EventBatch, times: Ints, newest: int | None, step: int, behind: int) -> list[int]:
    """Return the rows behind which event time passes a multiple of `step` seconds.

    `times` are microseconds, of a record that moves nothing the least integer.  Event time is
    `behind` seconds below the newest time; `newest` that of the batch before.
    """
    if batch.n < 2:
        return []
    start = np.iinfo(np.int64).min if newest is None else newest
    reached = np.maximum(np.maximum.accumulate(times), start)
    # The least integer stays far below every time that matters.
    steps = (reached // MICROSECONDS - behind) // step
    rows: list[int] = (np.flatnonzero(np.diff(steps)) + 2).tolist()
    return [row for row in rows if row < batch.n]


def cut(batch: EventBatch, at: list[int]) -> Iterator[EventBatch]:
    """Yield the batch in pieces that begin at the rows `at`, ascending.

    Each says `next_offset` of the whole: nothing may be committed between them.
    """
    bounds = [0, *at, batch.n]
    for first, last in pairwise(bounds):
        yield _part(batch, first, last)


def _part(batch: EventBatch, first: int, last: int) -> EventBatch:
    rows = slice(first, last)
    end = last == batch.n
    columns = {one.name: _taken(getattr(batch, one.name), rows) for one in fields(batch)}
    columns |= {
        "n": last - first,
        "mismatched": {
            name: flags[rows] for name, flags in batch.mismatched.items() if flags[rows].any()
        },
        "rejected": tuple(
            replace(one, row=one.row - first)
            for one in batch.rejected
            if first <= one.row < last or (end and one.row == last)
        ),
    }
    return replace(batch, **columns)


def _taken(value: Any, rows: slice) -> Any:
    """Return the rows of a field of a batch, whichever it is; what has no rows as it is."""
    if isinstance(value, Categorical):
        return Categorical(value.codes[rows], value.values)
    if isinstance(value, dict):
        return {name: _taken(column, rows) for name, column in value.items()}
    return value[rows] if isinstance(value, np.ndarray) else value
