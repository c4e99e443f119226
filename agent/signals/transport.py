"""Kolmogorov-Smirnov and Wasserstein distance of binned samples, and intervals for them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from agent.layout import Column
from agent.reference.profile import NumericProfile
from agent.signals.distributions import Curves, edge_positions
from agent.signals.divergence import Divergences
from agent.signals.intervals import Z
from collectors.batch import Floats, Ints

_SMIRNOV = math.sqrt(-math.log(0.025) / 2)
"""95 % point of the Kolmogorov distribution, 1.358: P(sup |bridge| > x) <= 2 exp(-2 x^2)."""

_MEAN_OF_ABSOLUTE = math.sqrt(2 / math.pi)
"""Mean of |Z| for a standard normal Z."""

_LEAST_VARIATION = 0.35
"""A bridge over many distributions varies by 0.4 to 0.5; less would be an accident of bins."""

_POINTS = 40
"""Points at which the noise between two distribution functions is sampled for its variation."""


def kolmogorov_smirnov(of: Curves) -> Divergences:
    """Return the largest |F - G| over the bins' edges, of each column.

    The interval is the value -+ 1.358 sqrt(1/n + 1/m): the difference of the two empirical
    distribution functions is nowhere farther from that of the populations, with 95 % (Smirnov
    1939; Dvoretzky, Kiefer and Wolfowitz 1956; Massart 1990), so it holds with and without drift.
    """
    if len(of.starts) == 0:
        return _NONE
    value = np.maximum.reduceat(np.abs(of.window - of.reference), of.starts)
    half = _SMIRNOV * np.sqrt(1 / np.maximum(of.n, 1) + 1 / np.maximum(of.m, 1))
    return Divergences(value, np.maximum(value - half, 0.0), np.minimum(value + half, 1.0))


@np.errstate(over="ignore", invalid="ignore")
def wasserstein(of: Curves) -> Divergences:
    """Return the first Wasserstein distance in units of the reference's scale, of each column.

    The distance is the integral of |F - G|.  In a bin [l, r] the integral of F - G is
    r dF(r) - l dF(l) - dS, with dF the difference of distribution functions and dS that of the
    bin's sums, exactly; the value adds the absolute integrals of the bins.  That is the distance
    itself wherever F - G keeps its sign within each bin, and never more than it.

    The interval: the distance is the largest difference of means of a function of slope at most
    one (Kantorovich), so the value is at least the population's plus the noise of one such mean,
    whose variance is at most var(x)/m + var(y)/n: that gives the high end.  The value is at most
    the population's plus the integral of the absolute noise between the two empirical functions:
    that gives the low end, from the integral's mean and variation (gamma approximation).
    """
    if len(of.starts) == 0:
        return _NONE
    gap = of.window - of.reference
    sizes = np.diff(of.starts, append=len(gap))
    ends = of.starts + sizes - 1
    # Beyond the last edge both functions are 1; only rounding says otherwise.
    gap[ends] = 0.0
    before = np.concatenate([[0.0], gap[:-1]])
    areas = of.right * gap - of.left * before - (of.window_sums - of.reference_sums)
    value = np.add.reduceat(np.abs(areas), of.starts)
    n, m = np.maximum(of.n, 1), np.maximum(of.m, 1)
    variances = []
    for sums, squares in (
        (of.reference_sums, of.reference_squares),
        (of.window_sums, of.window_squares),
    ):
        mean = np.add.reduceat(sums, of.starts)
        variances.append(np.maximum(squares - mean**2, 0.0))
    error = np.sqrt(variances[0] / m + variances[1] / n)
    noise, variation = _noise(of, sizes, ends, n, m)
    h = variation**2 / 9
    most = noise * (1 - h + Z * np.sqrt(h)) ** 3
    return Divergences(value, np.maximum(value - most, 0.0), value + Z * error)


def _noise(of: Curves, sizes: Ints, ends: Ints, n: Floats, m: Floats) -> tuple[Floats, Floats]:
    """Return mean and coefficient of variation of the integral of the absolute noise."""
    n_each, m_each = np.repeat(n, sizes), np.repeat(m, sizes)
    at_edge = np.sqrt(
        np.maximum(of.reference * (1 - of.reference), 0) / m_each
        + np.maximum(of.window * (1 - of.window), 0) / n_each
    )
    at_edge[ends] = 0.0
    before = np.concatenate([[0.0], at_edge[:-1]])
    width = of.right - of.left
    inner = (at_edge + before) / 2 * width
    inner[of.starts] = 0.0
    inner[ends] = 0.0
    mean = np.add.reduceat(inner, of.starts)
    for place, edge in ((of.starts, of.right), (ends, of.left)):
        tails = _tail(of, place, edge[place], reference=True) / m
        tails += _tail(of, place, edge[place], reference=False) / n
        mean += np.sqrt(tails)
    return _MEAN_OF_ABSOLUTE * mean, _variation(of.columns)


def _tail(of: Curves, place: Ints, edge: Floats, *, reference: bool) -> Floats:
    """Return a bound of E[(x - edge)^2] over an open bin: its mean, plus all unplaced variance."""
    share = of.reference_shares if reference else of.window_shares
    sums = of.reference_sums if reference else of.window_sums
    squares = of.reference_squares if reference else of.window_squares
    means_squared = np.divide(sums**2, share, out=np.zeros_like(sums), where=share > 0)
    within = np.maximum(squares - np.add.reduceat(means_squared, of.starts), 0.0)
    inside = share[place]
    mean = np.divide(sums[place], inside, out=edge.copy(), where=inside > 0)
    found: Floats = np.where(inside > 0, inside * (mean - edge) ** 2 + within, 0.0)
    return found


@lru_cache(maxsize=32)
def _variation(columns: tuple[Column, ...]) -> Floats:
    """Return the coefficient of variation of the integral of the absolute noise, of each column.

    That of a Brownian bridge over the reference's distribution, which drift changes little.  For
    jointly normal X and Y of correlation r, E|XY| = (2/pi) sd sd (sqrt(1-r^2) + r asin r); the
    correlation of the bridge between shares s <= t is sqrt(s(1-t) / (t(1-s))).
    """
    found = np.full(len(columns), _LEAST_VARIATION)
    for i, column in enumerate(columns):
        profile, bins = column.profile, column.bins
        if not isinstance(profile, NumericProfile) or bins is None or bins.size < 3:
            continue
        share = np.cumsum(profile.counts[:-1]) / profile.n
        edges = edge_positions(bins)
        width = np.diff(edges)
        # Each edge speaks for half of the bins beside it; the open ends count like their neighbour.
        reach = (np.append(width, width[-1]) + np.insert(width, 0, width[0])) / 2
        weight = np.sqrt(share * (1 - share)) * reach
        groups = np.arange(0, len(edges), -(-len(edges) // _POINTS))
        weight = np.add.reduceat(weight, groups)
        odds = np.sqrt(np.clip(share, 1e-9, 1 - 1e-9) / np.clip(1 - share, 1e-9, 1))[groups]
        correlation = np.minimum(odds[:, None], odds) / np.maximum(odds[:, None], odds)
        products = np.sqrt(1 - correlation**2) + correlation * np.arcsin(correlation)
        total = float(weight.sum())
        if total > 0:
            weight /= total
            # The mean's square and the mean of squares both carry the factor 2/pi.
            second = float(weight @ products @ weight)
            found[i] = max(math.sqrt(max(second - 1, 0.0)), _LEAST_VARIATION)
    return found


_NONE = Divergences(np.zeros(0), np.zeros(0), np.zeros(0))
