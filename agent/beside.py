"""Records that come beside the predictions: feedback, and decisions of reviewers by themselves.

Such a record carries no prediction of its own and so is no event: it neither counts as a prediction
nor repeats the one whose id it carries.  What it says counts in the window of its own time.
"""

from __future__ import annotations

import numpy as np

from agent.extras import Meanings
from agent.outcomes import present
from collectors.batch import Categorical, EventBatch, Flags, Ints
from collectors.decoders.columns import DECISION, FEEDBACK, STATUS

COMPLAINTS, APPEALS, OTHER = "feedback.complaint", "feedback.appeal", "feedback.other"
UNMATCHED = "human.without_prediction"
"""Keys in a summary's `counts`: feedback by kind, and decisions without a prediction."""


def beside(batch: EventBatch) -> Flags:
    """Tell which rows are feedback or a reviewer's decision and no prediction.

    A row with a score or a status is a prediction, perhaps a failed one.
    """
    told = [batch.extra[name] for name in (FEEDBACK, DECISION) if name in batch.extra]
    if batch.prediction is None or not told:
        return np.zeros(batch.n, np.bool_)
    found = ~present(batch.prediction)
    if not found.any():
        return found
    for column in (batch.score, batch.extra.get(STATUS)):
        if column is not None:
            found &= ~present(column)
    said = np.zeros(batch.n, np.bool_)
    for column in told:
        said |= present(column)
    return found & said


def count_beside(
    batch: EventBatch, meanings: Meanings, events: Flags, others: Flags, *, joined: Flags
) -> list[Told]:
    """Return what is counted by name: feedback of `events` and `others`, decisions of `others`.

    Of the decisions those of the rows `joined` are not: they are joined to their predictions.
    """
    found: list[Told] = []
    feedback = batch.extra.get(FEEDBACK)
    if isinstance(feedback, Categorical):
        kinds = np.array([-1, *(_kind(text, meanings) for text in feedback.values)], np.int64)
        by_row = np.where(events | others, kinds[feedback.codes + 1], -1)
        for kind, name in enumerate((COMPLAINTS, APPEALS, OTHER)):
            rows = np.flatnonzero(by_row == kind)
            if len(rows):
                found.append((name, rows))
    decision = batch.extra.get(DECISION)
    if decision is not None and others.any():
        rows = np.flatnonzero(others & present(decision) & ~joined)
        if len(rows):
            found.append((UNMATCHED, rows))
    return found


Told = tuple[str, Ints]
"""The name of a count, and the rows that it counts."""


def _kind(text: str, meanings: Meanings) -> int:
    if text in meanings.complaints:
        return 0
    return 1 if text in meanings.appeals else 2
