"""Whether scores mean what they say, over all rows and between two groups.

Both are sums of absolute gaps over bins of the score, and both are biased upwards: a bin's
gap is never exactly 0 even where the truth is.  The interval takes that out (`absolute_gaps`).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from agent.signals.intervals import Z
from agent.signals.labelled import Scores
from agent.signals.scored import Estimate
from collectors.batch import Floats, Ints

BINS = 10
"""Most bins."""

ROWS_PER_BIN = 100
"""Rows of the smaller group that make one more bin when two groups are compared."""


class Bins:
    """Scores of one group cut at `edges`: rows, favourable outcomes and sum of scores by bin."""

    def __init__(self, scores: Scores, edges: Floats) -> None:
        self.favourable = _sizes(scores.positives, edges)
        self.n = self.favourable + _sizes(scores.negatives, edges)
        self.scores = _sums(scores.positives, edges) + _sums(scores.negatives, edges)

    def gaps(self) -> tuple[Floats, Floats]:
        """Return favourable share minus mean score of each bin, and the variance of that.

        The variance is that of a share of (k + 0.5)/(n + 1), so that bins in which all or none
        were favourable keep one.  0 and 1 for an empty bin.
        """
        n = np.maximum(self.n, 1)
        share = (self.favourable + 0.5) / (self.n + 1)
        gap = np.where(self.n > 0, (self.favourable - self.scores) / n, 0.0)
        return gap, np.where(self.n > 0, share * (1 - share) / n, 1.0)


def equal_mass_edges(scores: Scores, bins: int) -> Floats:
    """Return at most `bins - 1` edges, ascending: of n scores those of rank ceil(k n / bins).

    A score that equals an edge lies above it, so equal scores are always in one bin, and bins are
    of unequal size, or fewer, where many are equal.
    """
    ordered = np.concatenate(scores)
    ordered.sort()
    ranks = -(-len(ordered) * np.arange(1, bins) // bins)
    edges: Floats = np.unique(ordered[ranks[ranks < len(ordered)]])
    return edges


def ece(scores: Scores) -> Estimate:
    """Expected calibration error over 10 bins of equal mass, 0 to 1; at least one score.

    Sum over bins of (share of rows) * |favourable share - mean score|.  Naeini, Cooper and
    Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015; equal
    mass after Nguyen and O'Connor, EMNLP 2015.
    """
    bins = Bins(scores, equal_mass_edges(scores, BINS))
    gaps, variances = bins.gaps()
    return absolute_gaps(bins.n / scores.n, gaps, variances)


def calibration_gap(a: Scores, b: Scores, z: float = Z) -> Estimate:
    """How differently the same score turns out in two groups, 0 to 1; a score in each at least.

    Mean over bins of |gap of a - gap of b|, gap = favourable share - mean score, weighted by the
    rows of both.  Bins are of equal mass in the smaller group, one for every 100 of its rows, at
    least 1 and at most 10; those that only one group has are left out.  With one bin it is the
    difference of the calibration in the large.
    """
    smaller = a if a.n <= b.n else b
    edges = equal_mass_edges(smaller, min(BINS, max(1, smaller.n // ROWS_PER_BIN)))
    first, second = Bins(a, edges), Bins(b, edges)
    both = (first.n > 0) & (second.n > 0)
    if not both.any():
        # Nothing to compare at any score: two whole groups, each in bins of its own.
        edges = np.zeros(0)
        first, second, both = Bins(a, edges), Bins(b, edges), np.ones(1, np.bool_)
    (gap, variance), (other, more) = first.gaps(), second.gaps()
    n = (first.n + second.n)[both]
    return absolute_gaps(n / n.sum(), (gap - other)[both], (variance + more)[both], z)


def absolute_gaps(weights: Floats, gaps: Floats, variances: Floats, z: float = Z) -> Estimate:
    """Return sum(w |gap|) with an interval for sum(w |true gap|), gaps being about normal.

    The value's mean is above the truth by the bias of each |gap|, which is largest where the true
    gap is 0.  `low` takes off the largest bias that the data allow (with |gap| less z standard
    errors for the true one) and z standard errors; `high` adds z standard errors.
    """
    value = float((weights * np.abs(gaps)).sum())
    errors = np.sqrt(variances)
    least = np.maximum(0.0, np.abs(gaps) - z * errors)
    bias = float((weights * (_folded_mean(least, errors) - least)).sum())
    folded = _folded_mean(np.abs(gaps), errors)
    spread = np.maximum(0.0, gaps**2 + variances - folded**2)
    half = z * math.sqrt(float((weights**2 * spread).sum()))
    return Estimate(value, max(0.0, value - bias - half), max(value, min(1.0, value + half)))


def _folded_mean(mean: Floats, error: Floats) -> Floats:
    """Return E|X| for X normal with that mean and standard error > 0 (Leone et al. 1961)."""
    ratio = mean / error
    erf = np.array([math.erf(r / math.sqrt(2)) for r in ratio.tolist()])
    found: Floats = error * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + mean * erf
    return found


def _cuts(values: Floats, edges: Floats) -> Ints:
    inner = values.searchsorted(edges, "left")
    return np.concatenate([[0], inner, [len(values)]])


def _sizes(values: Floats, edges: Floats) -> Ints:
    return np.diff(_cuts(values, edges))


def _sums(values: Floats, edges: Floats) -> Floats:
    cuts = _cuts(values, edges).tolist()
    return np.array([values[a:b].sum() for a, b in pairwise(cuts)])
