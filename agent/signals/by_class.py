"""Precision, recall and F1 of one class and over classes, from a confusion matrix.

A confusion matrix is int64[K, K], `counts[label, prediction]`.  Functions return None where the
denominator is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from agent.signals.intervals import Interval, wilson, wilson_continuity
from agent.signals.scored import Estimate
from collectors.batch import Floats, Ints

OfShare = Callable[[int, int], Interval]
"""From successes and n to the interval of a share."""


class OneClass(Protocol):
    """A measure of one class: from true positives, false positives and false negatives."""

    def __call__(self, tp: int, fp: int, fn: int, of: OfShare = ..., /) -> Estimate | None:
        """Return it, None where it is not defined."""
        ...


def share(hits: int, n: int, of: OfShare = wilson) -> Estimate | None:
    """Return a share with its interval."""
    return None if n == 0 else Estimate(hits / n, *of(hits, n))


def precision(tp: int, fp: int, fn: int, of: OfShare = wilson) -> Estimate | None:
    """Return the share of predictions of the class that were right."""
    return share(tp, tp + fp, of)


def recall(tp: int, fp: int, fn: int, of: OfShare = wilson) -> Estimate | None:
    """Return the share of rows of the class that were predicted so."""
    return share(tp, tp + fn, of)


def f1(tp: int, fp: int, fn: int, of: OfShare = wilson) -> Estimate | None:
    """Return the harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).

    It is 2 s / (1 + s) of the share s = tp / (tp + fp + fn), whose interval gives it one.
    Hand, Christen and Kirielle, F*: an interpretable transformation of the F-measure, Machine
    Learning 110, 2021.
    """
    found = share(tp, tp + fp + fn, of)
    return None if found is None else Estimate(*(2 * s / (1 + s) for s in found))


def one_against_rest(counts: Ints, place: int) -> tuple[int, int, int]:
    """Return true positives, false positives and false negatives of the class at `place`."""
    hits = int(counts[place, place])
    return hits, int(counts[:, place].sum()) - hits, int(counts[place].sum()) - hits


def macro(counts: Ints, measure: OneClass) -> Estimate | None:
    """Return the mean of a measure over the classes where it is defined, None if nowhere.

    Interval: variance estimates recovered from each class's interval (MOVER; Zou and Donner,
    Statistics in Medicine 27, 2008), which is Wilson's with a continuity correction, since rare
    classes count as much as others.  Given the margins, precisions (and recalls) of classes are
    independent; F1 of two classes is correlated through the rows that were taken for one another,
    by the delta method (Takahashi et al., Applied Intelligence 52, 2022).
    """
    found = [measure(*one_against_rest(counts, k), wilson_continuity) for k in range(len(counts))]
    used = [k for k, one in enumerate(found) if one is not None]
    if not used:
        return None
    values = np.array([one for one in found if one is not None])
    together = _f1_correlation(counts)[np.ix_(used, used)] if measure is f1 else np.eye(len(used))
    value = float(values[:, 0].mean())
    below = _joined(values[:, 0] - values[:, 1], together)
    above = _joined(values[:, 2] - values[:, 0], together)
    return Estimate(value, max(0.0, value - below), min(1.0, value + above))


def _joined(halves: Floats, correlation: Floats) -> float:
    return math.sqrt(max(0.0, float(halves @ correlation @ halves))) / len(halves)


def _f1_correlation(counts: Ints) -> Floats:
    """Return the correlation of the classes' F1, float64[K, K]."""
    total = max(int(counts.sum()), 1)
    cell = counts / total
    hit = np.diag(cell)
    size = cell.sum(axis=0) + cell.sum(axis=1)
    safe = np.where(size > 0, size, 1.0)
    # Slopes of 2 hit / size by the class's own cell and by each other cell of its row and column.
    own, other = 2 / safe - 4 * hit / safe**2, -2 * hit / safe**2
    variance = hit * own**2 + other**2 * (size - 2 * hit)
    covariance = np.outer(other, other) * (cell + cell.T)
    np.fill_diagonal(covariance, variance)
    scale = np.sqrt(np.where(variance > 0, variance, 1.0))
    found: Floats = covariance / np.outer(scale, scale)
    np.fill_diagonal(found, 1.0)
    return found
