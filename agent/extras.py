"""The optional fields of an event as cells of a summary: which there are, and what a row adds.

Only fields that the schema maps take part, so an event without them costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent import amounts
from agent.amounts import INVALID, MISMATCH, MISSING, Added
from agent.outcomes import present
from collectors.batch import NO_ID, Categorical, Column, EventBatch, Floats, Ints
from collectors.decoders.columns import (
    COST,
    DECIDED_AT,
    DECISION,
    ENERGY,
    EVALUATION,
    EXTRAS,
    GROUNDEDNESS,
    LATENCY,
    REFUSED,
    REVIEW_SECONDS,
    STATUS,
    TOKENS,
    TOXICITY,
)
from collectors.schema import EventSchema

NO, YES = 3, 4
SHARE_CELLS = 5
"""A share block: `MISSING`, `MISMATCH`, `INVALID` (neither yes nor no), `NO`, `YES`."""

AGREED, OVERRIDDEN, UNNAMED = 3, 4, 5
REVIEW_CELLS = 6
"""A review block: the three above, decisions like the prediction, unlike it, without a reviewer.

`INVALID`: a decision about an event that has no prediction."""

_YES = frozenset({"1", "yes", "y", "true"})
_NO = frozenset({"0", "no", "n", "false"})


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the values of optional fields mean; a summary counts by it.

    `errors`: texts of a status that mean an error, compared without regard to case; so do numbers
    from `errors_from` on.  `toxic_from`: toxicity from which an answer is toxic.  `complaints` and
    `appeals`: texts of feedback.
    """

    errors: frozenset[str] = frozenset({"error", "failed", "failure", "timeout", "exception"})
    errors_from: float = 500.0
    toxic_from: float = 0.5
    complaints: frozenset[str] = frozenset({"complaint"})
    appeals: frozenset[str] = frozenset({"appeal"})

    def identity(self) -> list[object]:
        """Return what of it decides how cells are counted, as JSON-able values."""
        return [sorted(self.errors), self.errors_from, self.toxic_from]


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional field and its block of cells `[start, stop)`."""

    name: str
    start: int
    stop: int


def blocks(schema: EventSchema, start: int) -> tuple[Extra, ...]:
    """Return the blocks of the optional fields that `schema` maps, the first at `start`."""
    mapped = set(schema.extra)
    if DECIDED_AT in mapped:
        mapped.add(REVIEW_SECONDS)
    found: list[Extra] = []
    for name in sorted(mapped & _FORMS.keys()):
        stop = start + _FORMS[name][0]
        found.append(Extra(name, start, stop))
        start = stop
    return tuple(found)


def added(extra: Extra, batch: EventBatch, meanings: Meanings) -> list[Added]:
    """Return what every row of a batch adds to the block of a field, cells counted from 0."""
    flags = batch.mismatched.get(EXTRAS + extra.name)
    found = _FORMS[extra.name][1](batch, extra.name, meanings)
    if flags is not None:
        found.append(Added(np.full(batch.n, MISMATCH), flags.astype(np.int64)))
    return found


def values_there(extra: Extra, cells: Ints) -> int:
    """Return how many values of a field of `NUMBERS` were there, impossible ones included."""
    if _FORMS[extra.name][0] != amounts.MEAN_CELLS:
        return int(cells[INVALID:].sum())
    counts = amounts.FIRST + amounts.MEANS.octaves
    return int(cells[INVALID:counts].sum())


def _mean(batch: EventBatch, name: str, _: Meanings) -> list[Added]:
    return amounts.add_to_means(_numbers(batch, name))


def _quantile(batch: EventBatch, name: str, _: Meanings) -> list[Added]:
    return amounts.add_to_quantiles(_numbers(batch, name))


def _status(batch: EventBatch, name: str, meanings: Meanings) -> list[Added]:
    def cell(text: str) -> int:
        try:
            return YES if float(text) >= meanings.errors_from else NO
        except ValueError:
            return YES if text.casefold() in meanings.errors else NO

    return [Added(_by_text(batch.extra.get(name), batch.n, cell))]


def _refused(batch: EventBatch, name: str, _: Meanings) -> list[Added]:
    def cell(text: str) -> int:
        folded = text.casefold()
        return YES if folded in _YES else NO if folded in _NO else INVALID

    return [Added(_by_text(batch.extra.get(name), batch.n, cell))]


def _toxicity(batch: EventBatch, name: str, meanings: Meanings) -> list[Added]:
    values = _numbers(batch, name)
    valid = (values >= 0) & np.isfinite(values)
    cells = np.where(valid, np.where(values >= meanings.toxic_from, YES, NO), INVALID)
    cells[np.isnan(values)] = MISSING
    return [Added(cells)]


def _decision(batch: EventBatch, name: str, _: Meanings) -> list[Added]:
    decision = batch.extra.get(name)
    if decision is None:
        return [Added(np.full(batch.n, MISSING))]
    there = present(decision)
    predicted = (
        np.zeros(batch.n, np.bool_) if batch.prediction is None else present(batch.prediction)
    )
    cells = np.where(agrees(batch.prediction, decision), AGREED, OVERRIDDEN)
    cells[~predicted] = INVALID
    cells[~there] = MISSING
    found = [Added(cells)]
    if batch.reviewer is not None:
        unnamed = there & (batch.reviewer == NO_ID)
        found.append(Added(np.full(batch.n, UNNAMED), unnamed.astype(np.int64)))
    return found


def agrees(prediction: Column | None, decision: Column) -> np.ndarray:
    """Tell in which rows the decision is the prediction; no matter what where either is missing."""
    if isinstance(decision, Categorical):
        if not isinstance(prediction, Categorical):
            return np.zeros(len(decision.codes), np.bool_)
        code = {text: i for i, text in enumerate(prediction.values)}
        same = np.array([-2, *(code.get(text, -2) for text in decision.values)], np.int64)
        found: np.ndarray = same[decision.codes + 1] == prediction.codes
        return found
    if not isinstance(prediction, np.ndarray):
        return np.zeros(len(decision), np.bool_)
    return np.asarray(decision == prediction, np.bool_)


def _numbers(batch: EventBatch, name: str) -> Floats:
    column = batch.extra.get(name)
    return column if isinstance(column, np.ndarray) else np.full(batch.n, np.nan)


def _by_text(column: Column | None, n: int, cell: Callable[[str], int]) -> Ints:
    if not isinstance(column, Categorical):
        return np.full(n, MISSING)
    table = np.array([MISSING, *map(cell, column.values)], np.int64)
    found: Ints = table[column.codes + 1]
    return found


_Form = tuple[int, Callable[[EventBatch, str, Meanings], list[Added]]]

_FORMS: dict[str, _Form] = {
    LATENCY: (amounts.QUANTILE_CELLS, _quantile),
    REVIEW_SECONDS: (amounts.QUANTILE_CELLS, _quantile),
    STATUS: (SHARE_CELLS, _status),
    REFUSED: (SHARE_CELLS, _refused),
    TOXICITY: (SHARE_CELLS, _toxicity),
    DECISION: (REVIEW_CELLS, _decision),
    GROUNDEDNESS: (amounts.MEAN_CELLS, _mean),
    EVALUATION: (amounts.MEAN_CELLS, _mean),
    TOKENS: (amounts.MEAN_CELLS, _mean),
    COST: (amounts.MEAN_CELLS, _mean),
    ENERGY: (amounts.MEAN_CELLS, _mean),
}
"""The fields that a summary counts: cells of the block, and what fills it."""

NUMBERS = frozenset(_FORMS) - {STATUS, REFUSED, DECISION}
"""Fields that are numbers, so that a value can be impossible."""
