"""How well a score tells favourable outcomes: ROC AUC, log loss, Brier score (binary).

All take `Scores`: the scores of rows with a favourable and with another label, each ascending.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from agent.signals.intervals import Interval, Z
from agent.signals.labelled import Scores
from collectors.batch import Floats

_CHUNK = 1 << 16

_LEAST = float(np.finfo(np.float64).eps)
"""A probability of 0 is taken as this and one of 1 as 1 minus this, as scikit-learn does."""


class Estimate(NamedTuple):
    """A measured number with its 95 % interval, low <= value <= high."""

    value: float
    low: float
    high: float


def are_probabilities(scores: Scores) -> bool:
    """Tell whether all scores are from 0 to 1."""
    return all(len(part) == 0 or (part[0] >= 0 and part[-1] <= 1) for part in scores)


def roc_auc(scores: Scores) -> Estimate:
    """Area under the ROC curve, ties as half; at least one score on each side.

    Interval: what holds both of DeLong's variance on the logit scale (DeLong, DeLong and
    Clarke-Pearson, Biometrics 44, 1988), which fits any scores, and Newcombe's pseudo-score
    interval (Statistics in Medicine 25, 2006, part 2, method 5), which is right for few rows of one
    sort and where DeLong's variance is 0, as for perfectly separated scores.
    """
    positives, negatives = scores
    p, q = len(positives), len(negatives)
    above, above_squares = _placements(positives, negatives)
    below, below_squares = _placements(negatives, positives)
    area = above / (2 * p * q)
    # The variances of the placements, each placement halved and over the other side's number.
    variance = 0.0
    if p > 1:
        variance += _variance(above, above_squares, p) / (4 * q * q) / p
    if q > 1:
        variance += _variance(below, below_squares, q) / (4 * p * p) / q
    low, high = _newcombe_area(area, p, q)
    if 0 < area < 1 and variance > 0:
        middle = math.log(area / (1 - area))
        half = Z * math.sqrt(variance) / (area * (1 - area))
        low, high = min(low, _logistic(middle - half)), max(high, _logistic(middle + half))
    return Estimate(area, min(low, area), max(high, area))


def log_loss(scores: Scores) -> Estimate:
    """Mean of -ln(probability of what happened), in nats; normal interval of a mean.

    Probabilities within 2.2e-16 of 0 or 1 are taken as that far away, as scikit-learn does.
    """
    return _mean(scores, lambda p: -np.log(np.clip(p, _LEAST, 1 - _LEAST)), math.inf)


def brier(scores: Scores) -> Estimate:
    """Mean of (outcome - score)^2, 0 to 1; normal interval of a mean.

    G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather
    Review 78, 1950, in the form for one class.
    """
    return _mean(scores, lambda p: (1 - p) ** 2, 1.0)


def mean_interval(total: float, squares: float, n: int) -> tuple[float, Interval]:
    """Return the mean and its normal interval from sum and sum of squares; n >= 2."""
    mean = total / n
    variance = max(0.0, squares - n * mean * mean) / (n - 1)
    half = Z * math.sqrt(variance / n)
    return mean, (mean - half, mean + half)


def _mean(scores: Scores, loss: Callable[[Floats], Floats], most: float) -> Estimate:
    """Return the mean loss, `loss` being of the probability given to what happened."""
    total = squares = 0.0
    for part in _chunks(scores.positives):
        found = loss(part)
        total, squares = total + float(found.sum()), squares + float((found * found).sum())
    for part in _chunks(scores.negatives):
        found = loss(1 - part)
        total, squares = total + float(found.sum()), squares + float((found * found).sum())
    mean, (low, high) = mean_interval(total, squares, scores.n)
    return Estimate(mean, min(mean, max(0.0, low)), max(mean, min(most, high)))


def _placements(of: Floats, among: Floats) -> tuple[int, int]:
    """Return the sum, and that of squares, of twice the number of `among` below each of `of`.

    Equal ones count once, that is half.  Whole numbers: no rounding, whatever the order.
    """
    total = squares = 0
    for part in _chunks(of):
        places = among.searchsorted(part, "left") + among.searchsorted(part, "right")
        total += int(places.sum())
        # A square is at most 4e12 for a million rows, so a piece's sum fits into 63 bits.
        squares += int((places * places).sum())
    return total, squares


def _variance(total: int, squares: int, n: int) -> float:
    return (n * squares - total * total) / (n * (n - 1))


def _newcombe_area(area: float, p: int, q: int) -> Interval:
    """Solve |area - x| = z sqrt(variance at x) on both sides by bisection."""
    size = (p + q) / 2

    def beyond(x: float) -> bool:
        spread = 1 + (size - 1) * ((1 - x) / (2 - x) + x / (1 + x))
        return (area - x) ** 2 > Z * Z * x * (1 - x) * spread / (p * q)

    ends = []
    for far in (0.0, 1.0):
        inside, outside = area, far
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
        ends.append(inside)
    return ends[0], ends[1]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _chunks(values: Floats) -> Iterator[Floats]:
    for first in range(0, len(values), _CHUNK):
        yield values[first : first + _CHUNK]


def mean_error(errors: Floats) -> Estimate:
    """Mean absolute error, >= 0, of at least two ascending finite errors; normal interval."""
    scale = float(errors[-1]) or 1.0
    total, squares = _sums(errors, scale)
    mean, (low, high) = mean_interval(total, squares, len(errors))
    return Estimate(mean * scale, max(0.0, low) * scale, high * scale)


def root_mean_square(errors: Floats) -> Estimate:
    """Root of the mean squared error, >= 0, of at least two ascending finite errors.

    Interval: the delta method on the logarithm of the mean square, so that it stays positive.
    """
    scale = float(errors[-1]) or 1.0
    _, squares = _sums(errors, scale)
    fourth = 0.0
    for part in _chunks(errors):
        fourth += float(((part / scale) ** 4).sum())
    n = len(errors)
    mean, (_, high) = mean_interval(squares, fourth, n)
    if mean <= 0:
        return Estimate(0.0, 0.0, 0.0)
    factor = math.exp((high - mean) / mean / 2)
    value = math.sqrt(mean) * scale
    return Estimate(value, value / factor, value * factor)


def _sums(errors: Floats, scale: float) -> tuple[float, float]:
    """Return the sum and the sum of squares of errors in units of `scale`."""
    total = squares = 0.0
    for part in _chunks(errors):
        unit = part / scale
        total, squares = total + float(unit.sum()), squares + float((unit * unit).sum())
    return total, squares
