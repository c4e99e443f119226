"""Human decisions as labels of their own kind, so that one join serves both.

In the join's rows the decision stands where a label would.  Whether it names a reviewer is the
lowest bit of its place, above which the offset decides as it does between labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agent.labels.wire import NO_TIME
from agent.outcomes import present
from collectors.batch import NO_ID, EventBatch, Flags, Ints
from collectors.decoders.columns import DECISION, FEEDBACK, REVIEW_SECONDS, STATUS

_ABSURD = 1e12
"""Seconds of a review that no clock has measured."""


def review_records(batch: EventBatch) -> Flags:
    """Tell which rows carry a human decision for an event rather than an event.

    Such a row has an id and a decision, and neither a prediction nor a score or status.
    """
    decision = batch.extra.get(DECISION)
    if decision is None:
        return np.zeros(batch.n, np.bool_)
    records: Flags = present(decision) & (batch.event_id != NO_ID)
    for column in (batch.prediction, batch.score, batch.extra.get(STATUS)):
        if column is not None:
            records &= ~present(column)
    return records


def with_feedback(batch: EventBatch) -> Flags:
    """Tell which rows carry feedback, which counts at the time of its record."""
    feedback = batch.extra.get(FEEDBACK)
    return np.zeros(batch.n, np.bool_) if feedback is None else present(feedback)


def as_labels(batch: EventBatch, *, decided_at: bool) -> EventBatch:
    """Return the batch with its human decisions in the place of labels.

    `decided_at`: the seconds of a review were made from the time of its decision, which is then
    when it was recorded, unless the record says so itself.
    """
    unnamed = np.zeros(batch.n, np.bool_) if batch.reviewer is None else batch.reviewer == NO_ID
    return replace(
        batch,
        label=batch.extra.get(DECISION),
        recorded_time=_recorded(batch) if decided_at else batch.recorded_time,
        offset=batch.offset * 2 + unnamed,
    )


def _recorded(batch: EventBatch) -> Ints | None:
    seconds = batch.extra.get(REVIEW_SECONDS)
    if not isinstance(seconds, np.ndarray):
        return batch.recorded_time
    own = np.full(batch.n, NO_TIME) if batch.recorded_time is None else batch.recorded_time
    known = (own == NO_TIME) & (batch.event_time != NO_TIME) & (np.abs(seconds) < _ABSURD)
    microseconds = np.rint(np.where(known, seconds, 0.0) * 1e6).astype(np.int64)
    return np.where(known, batch.event_time + microseconds, own)
