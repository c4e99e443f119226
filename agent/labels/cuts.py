"""Where a batch is cut so that windows close, and labels join, as if records came one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from collectors.batch import Categorical, Column, EventBatch, Ints

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
    return replace(
        batch,
        n=last - first,
        event_time=batch.event_time[rows],
        offset=batch.offset[rows],
        event_id=batch.event_id[rows],
        body=batch.body[rows],
        recorded_time=None if batch.recorded_time is None else batch.recorded_time[rows],
        model_version=None if batch.model_version is None else _texts(batch.model_version, rows),
        prediction=None if batch.prediction is None else _taken(batch.prediction, rows),
        score=None if batch.score is None else batch.score[rows],
        label=None if batch.label is None else _taken(batch.label, rows),
        features={name: _taken(column, rows) for name, column in batch.features.items()},
        audit={name: _texts(column, rows) for name, column in batch.audit.items()},
        extra={name: _taken(column, rows) for name, column in batch.extra.items()},
        reviewer=None if batch.reviewer is None else batch.reviewer[rows],
        mismatched={k: flags[rows] for k, flags in batch.mismatched.items() if flags[rows].any()},
        rejected=tuple(
            replace(one, row=one.row - first)
            for one in batch.rejected
            if first <= one.row < last or (end and one.row == last)
        ),
    )


def _texts(column: Categorical, rows: slice) -> Categorical:
    return Categorical(column.codes[rows], column.values)


def _taken(column: Column, rows: slice) -> Column:
    return _texts(column, rows) if isinstance(column, Categorical) else column[rows]
