"""What the labelled rows of a window come to: counts by class and by group, and scores in order.

The rows are walked in pieces and only counts are kept; scores are sorted, so that no sum depends
on the order in which events came.  For a million rows that takes about 20 MB besides the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.labels.rows import OutcomeRows
from collectors.batch import Categorical, Column, Floats, Ints

MOST_CLASSES = 200
"""Classes beyond which predictions are no classes; a confusion matrix of 200 takes 0.3 MB."""

_CHUNK = 1 << 16

MISSING, UNFAVOURABLE, FAVOURABLE = 0, 1, 2
"""States of a prediction or a label."""

States = NDArray[np.int8]


class Scores(NamedTuple):
    """Scores of the rows with a label, float64, each ascending, by whether it is favourable."""

    positives: Floats
    negatives: Floats

    @property
    def n(self) -> int:
        """Rows with a label and a score."""
        return len(self.positives) + len(self.negatives)


class Confusion(NamedTuple):
    """Counts by class, int64[len(classes)] squared: `counts[label, prediction]`."""

    classes: tuple[str, ...]
    counts: Ints


class GroupOutcome(NamedTuple):
    """A group's rows with prediction and label, by whether these are favourable.

    `scored` counts rows with a label and a score.
    """

    group: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    scored: int = 0

    @property
    def positives(self) -> int:
        """Rows whose label is favourable."""
        return self.true_positive + self.false_negative

    @property
    def negatives(self) -> int:
        """Rows whose label is not favourable."""
        return self.false_positive + self.true_negative

    @property
    def labelled(self) -> int:
        """Rows with prediction and label."""
        return self.positives + self.negatives


@dataclass(frozen=True)
class Labelled:
    """The rows of a window with what `favourable` (texts of the favourable class) makes of them.

    A text of `favourable` is the class `min(favourable)`, however it is spelled.  `known` are the
    classes that the reference knows, empty without one.  `score_for` are the texts of the class
    that a high score speaks for; empty for the positive class, but of 0 and 1 for 1 (C13).
    """

    rows: OutcomeRows
    favourable: frozenset[str]
    known: tuple[str, ...] = ()
    score_for: frozenset[str] = frozenset()

    @property
    def is_regression(self) -> bool:
        """Tell whether predictions are quantities."""
        return not isinstance(self.rows.prediction, Categorical)

    @cached_property
    def n(self) -> int:
        """Rows with prediction and label."""
        both = _present(self.rows.prediction) & _present(self.rows.label)
        return int(np.count_nonzero(both))

    @cached_property
    def positive(self) -> str | None:
        """The class that a binary task is about, None where there are several classes.

        The classes are those of the reference, else those of the rows.  The positive one is the
        favourable one; without it 1, if the other is 0.
        """
        matrix = self.confusion
        classes = {self.name(text) for text in self.known}
        if not classes and matrix is not None:
            classes = set(matrix.classes)
        if self.favourable:
            favourable = min(self.favourable)
            return favourable if len(classes | {favourable}) <= 2 else None
        return "1" if classes <= {"0", "1"} else None

    @cached_property
    def states(self) -> Ints:
        """Rows by state of the prediction and of the label, int64[3, 3]."""
        states: Ints = self._by_group(None)[0].sum(axis=-1)[0]
        return states

    @cached_property
    def confusion(self) -> Confusion | None:
        """Counts by class over rows with both, or None where there are too many classes."""
        prediction, label = self.rows.prediction, self.rows.label
        if not isinstance(prediction, Categorical) or not isinstance(label, Categorical):
            return Confusion((), np.zeros((0, 0), np.int64))
        there = _present(prediction) & _present(label)
        used = {self.name(text) for column in (prediction, label) for text in _used(column, there)}
        if len(used) > MOST_CLASSES:
            return None
        classes = tuple(sorted(used))
        place = {name: i for i, name in enumerate(classes)}
        by_code = [
            np.array([place.get(self.name(text), 0) for text in column.values] or [0], np.int64)
            for column in (label, prediction)
        ]
        size = len(classes)
        counts = np.zeros(size * size, np.int64)
        for part in _pieces(self.rows.n):
            rows = there[part]
            actual = by_code[0][label.codes[part][rows]]
            predicted = by_code[1][prediction.codes[part][rows]]
            counts += np.bincount(actual * size + predicted, minlength=size * size)
        return Confusion(classes, counts.reshape(size, size))

    def of_other_values(self, least: int) -> bool:
        """Tell whether labels are other than predictions altogether, such as `paid` beside 1.

        Then they do not share a value space (contract C9) and nothing can be said of errors.  With
        one value on either side all predictions may simply be wrong, and so they may by chance in
        fewer than `least` rows.
        """
        return self.n >= least and self._is_apart

    @cached_property
    def _is_apart(self) -> bool:
        prediction, label = self.rows.prediction, self.rows.label
        if not isinstance(prediction, Categorical) or not isinstance(label, Categorical):
            return False
        there = _present(prediction) & _present(label)
        predicted = {self.name(text) for text in _used(prediction, there)}
        actual = {self.name(text) for text in _used(label, there)}
        return predicted.isdisjoint(actual) and len(predicted | actual) > 2

    def name(self, text: str) -> str:
        """Return the class that a text of the prediction or the label stands for."""
        return min(self.favourable) if text in self.favourable else text

    def groups(self, attribute: str) -> tuple[dict[str, GroupOutcome], GroupOutcome]:
        """Return the counts of each group of an attribute that occurs, and those of no group."""
        known = self._groups.get(attribute)
        if known is None:
            counts, texts = self._by_group(self.rows.groups.get(attribute))
            found = [_group_outcome(text, table) for text, table in zip(texts, counts, strict=True)]
            known = {g.group: g for g in found[1:] if g.labelled or g.scored}, found[0]
            self._groups[attribute] = known
        return known

    def scores(self, attribute: str | None = None, group: str | None = None) -> Scores:
        """Return the scores of all rows with a label, or of one group's, for the positive class.

        Scores for the other class (see `score_for`) are turned around: 1 - score.
        """
        states = _states(self.rows.label, self._positive_texts)
        there = ~np.isnan(self.rows.score)
        if attribute is not None:
            column = self.rows.groups[attribute]
            there &= column.codes == column.values.index(group or "")
        positives = self.rows.score[there & (states == FAVOURABLE)]
        negatives = self.rows.score[there & (states == UNFAVOURABLE)]
        if self._is_for_the_other:
            positives, negatives = 1 - positives, 1 - negatives
        positives.sort()
        negatives.sort()
        return Scores(positives, negatives)

    def errors(self) -> Floats:
        """Return |prediction - label| of a regression, ascending, float64; may be infinite."""
        prediction, label = self.rows.prediction, self.rows.label
        if isinstance(prediction, Categorical) or isinstance(label, Categorical):
            raise TypeError("predictions and labels that are classes have no errors")
        with np.errstate(invalid="ignore", over="ignore"):
            away = np.abs(prediction - label)
        # An infinity less an infinity is no number, but the row is there.
        away[np.isinf(prediction) & ~np.isnan(label)] = np.inf
        kept: Floats = away[~np.isnan(away)]
        kept.sort()
        return kept

    @cached_property
    def _groups(self) -> dict[str, tuple[dict[str, GroupOutcome], GroupOutcome]]:
        return {}

    @property
    def scores_for_nothing(self) -> bool:
        """Tell whether both classes of a binary task are known and `score_for` is neither."""
        matrix = self.confusion
        classes = {self.name(text) for text in (*self.known, *self.favourable)}
        classes |= set(matrix.classes if matrix is not None else ())
        named = {self.name(text) for text in self.score_for}
        return bool(named) and len(classes) > 1 and not (named & classes)

    @property
    def _is_for_the_other(self) -> bool:
        if not self.score_for:
            return "0" in self._positive_texts
        return not (self.score_for & self._positive_texts)

    @property
    def _positive_texts(self) -> frozenset[str]:
        if self.favourable or self.positive is None:
            return self.favourable
        return frozenset({self.positive})

    def _by_group(self, column: Categorical | None) -> tuple[Ints, tuple[str, ...]]:
        """Return counts by [group, prediction's state, label's state, score there], and groups.

        The first group is of rows without one.
        """
        texts = ("", *(column.values if column is not None else ()))
        predicted = _states(self.rows.prediction, self.favourable)
        actual = _states(self.rows.label, self.favourable)
        size = len(texts) * 18
        counts = np.zeros(size, np.int64)
        for part in _pieces(self.rows.n):
            keys = predicted[part].astype(np.int64) * 3 + actual[part]
            keys = keys * 2 + ~np.isnan(self.rows.score[part])
            if column is not None:
                keys += (column.codes[part].astype(np.int64) + 1) * 18
            counts += np.bincount(keys, minlength=size)
        return counts.reshape(len(texts), 3, 3, 2), texts


def _group_outcome(group: str, table: Ints) -> GroupOutcome:
    by_state = table.sum(axis=-1)
    return GroupOutcome(
        group,
        true_positive=int(by_state[FAVOURABLE, FAVOURABLE]),
        false_positive=int(by_state[FAVOURABLE, UNFAVOURABLE]),
        false_negative=int(by_state[UNFAVOURABLE, FAVOURABLE]),
        true_negative=int(by_state[UNFAVOURABLE, UNFAVOURABLE]),
        scored=int(table[:, UNFAVOURABLE:, 1].sum()),
    )


def _states(column: Column, favourable: frozenset[str]) -> States:
    if not isinstance(column, Categorical):
        return np.where(np.isnan(column), MISSING, UNFAVOURABLE).astype(np.int8)
    by_code = [MISSING] + [FAVOURABLE if t in favourable else UNFAVOURABLE for t in column.values]
    states: States = np.array(by_code, np.int8)[column.codes + 1]
    return states


def _present(column: Column) -> NDArray[np.bool_]:
    there: NDArray[np.bool_] = (
        column.codes >= 0 if isinstance(column, Categorical) else ~np.isnan(column)
    )
    return there


def _used(column: Categorical, there: NDArray[np.bool_]) -> Iterator[str]:
    times = np.zeros(len(column.values), np.int64)
    for part in _pieces(len(column.codes)):
        times += np.bincount(column.codes[part][there[part]], minlength=len(times))
    for code in np.flatnonzero(times).tolist():
        yield column.values[code]


def _pieces(n: int) -> Iterator[slice]:
    for first in range(0, n, _CHUNK):
        yield slice(first, first + _CHUNK)
