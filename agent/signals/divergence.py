"""PSI and Jensen-Shannon divergence of binned samples, and intervals for them.

Both are sums over bins, both are biased upwards: samples of one population never agree exactly.
Without drift PSI is about (1/n + 1/m) times a chi-square of B - 1 degrees of freedom (Yurdakul
and Naranjo, Statistical properties of the population stability index, Journal of Risk Model
Validation, 2020), which for 10 bins and 100 values is 0.09 on average: a threshold of 0.1 on the
bare value would fire on nothing.  The interval is for the divergence of the two populations:

* mean and variance of the value without drift are computed bin by bin for the pooled shares,
  exactly (Poisson) where few values are expected, so that smoothing and sparse bins are in it;
* with a true divergence d the mean grows by d and the variance by k d, k from the delta method at
  the observed shares (reference's sampling error included);
* the value is taken as gamma distributed with these two moments (for many bins: Patnaik's
  approximation of the noncentral chi-square, Biometrika 36, 1949), and the interval holds those d
  for which the observed value is between its 2.5 % and 97.5 % quantiles (Wilson and Hilferty).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agent.signals.distributions import Shares
from agent.signals.intervals import Z
from collectors.batch import Floats, Ints

_MANY = 30.0
"""Expected count from which a bin behaves as in the limit of many values."""

_SUPPORT = 80
"""Counts 0 to 79: a Poisson count of mean below 30 is beyond with a chance below 1e-12."""

_BISECTIONS = 26


class Divergences(NamedTuple):
    """Value and interval of each column, arrays of one length."""

    value: Floats
    low: Floats
    high: Floats


def divergences(counts: Shares) -> tuple[Divergences, Divergences]:
    """Return the PSI and the Jensen-Shannon divergence (both in natural units) of each column."""
    if len(counts.starts) == 0:
        none = Divergences(np.zeros(0), np.zeros(0), np.zeros(0))
        return none, none
    starts = counts.starts
    sizes = np.diff(starts, append=len(counts.reference))
    p = smoothed(counts.reference, counts.m, sizes)
    q = smoothed(counts.window, counts.n, sizes)
    log_ratio = np.log(p / q)
    middle = (p + q) / 2
    p_part, q_part = np.log(p / middle), np.log(q / middle)
    psi = np.add.reduceat((p - q) * log_ratio, starts)
    js = np.maximum(np.add.reduceat(p * p_part + q * q_part, starts) / 2, 0.0)
    mean, variance = _without_drift(counts, sizes)
    n, m = np.maximum(counts.n, 1), np.maximum(counts.m, 1)

    def spread(by_p: Floats, by_q: Floats) -> Floats:
        found: Floats = (
            _variance(p, by_p, starts, sizes) / m + _variance(q, by_q, starts, sizes) / n
        )
        return found

    psi_spread = spread(log_ratio + 1 - q / p, 1 - log_ratio - p / q)
    js_spread = spread(p_part / 2, q_part / 2)
    # Where the two differ little, PSI is 8 times the Jensen-Shannon divergence; sparse bins make
    # it more, and the same way with and without drift.
    ratio = np.divide(js, psi, out=np.full(len(psi), 1 / 8), where=psi > 1e-12)
    both = _interval(
        np.concatenate([psi, js]),
        np.concatenate([mean, mean * ratio]),
        np.concatenate([variance, variance * ratio**2]),
        np.concatenate([psi_spread, js_spread]),
    )
    size = len(psi)
    return (
        Divergences(psi, both[0][:size], both[1][:size]),
        Divergences(js, both[0][size:], both[1][size:]),
    )


def smoothed(counts: Floats, totals: Floats, sizes: Ints) -> Floats:
    """Return the shares (c + 0.5) / (N + 0.5 B) of contract C7."""
    shares: Floats = (counts + 0.5) / np.repeat(totals + 0.5 * sizes, sizes)
    return shares


def _variance(share: Floats, slope: Floats, starts: Ints, sizes: Ints) -> Floats:
    """Return the variance of `slope` under the distribution `share` of each column."""
    centred = slope - np.repeat(np.add.reduceat(share * slope, starts), sizes)
    found: Floats = np.add.reduceat(share * centred * centred, starts)
    return found


def _without_drift(counts: Shares, sizes: Ints) -> tuple[Floats, Floats]:
    """Return mean and variance of PSI for two samples of the pooled population."""
    n, m = np.maximum(counts.n, 1), np.maximum(counts.m, 1)
    unit = 1 / n + 1 / m
    pooled = (counts.reference + counts.window) / np.repeat(n + m, sizes)
    many = np.repeat(unit, sizes)
    means, variances = many.copy(), 2 * many**2
    n_each, m_each = np.repeat(n, sizes), np.repeat(m, sizes)
    few = np.flatnonzero(pooled * np.minimum(n_each, m_each) < _MANY)
    if len(few):
        smoothing = np.repeat(0.5 * sizes, sizes)[few]
        a = _moments(pooled[few] * m_each[few], m_each[few] + smoothing)
        b = _moments(pooled[few] * n_each[few], n_each[few] + smoothing)
        means[few], variances[few] = _of_products(a, b)
    # Shares add up to 1, which takes one degree of freedom from the sum of independent bins.
    mean = np.add.reduceat(means, counts.starts) - unit
    variance = np.add.reduceat(variances, counts.starts) - 2 * unit**2
    return np.maximum(mean, 0.0), np.maximum(variance, 0.0)


def _moments(expected: Floats, total: Floats) -> list[list[Floats]]:
    """Return E[a^i (ln a)^j] for i, j = 0, 1, 2, with a = (c + 0.5) / total, c Poisson."""
    nodes, weights = _nodes(expected)
    a = (nodes + 0.5) / total[:, None]
    log = np.log(a)
    return [[(weights * a**i * log**j).sum(axis=1) for j in range(3)] for i in range(3)]


def _of_products(a: list[list[Floats]], b: list[list[Floats]]) -> tuple[Floats, Floats]:
    """Return mean and variance of (a - b)(ln a - ln b) for independent a and b."""
    mean = a[1][1] - a[1][0] * b[0][1] - a[0][1] * b[1][0] + b[1][1]
    square = np.zeros_like(mean)
    binomial = (1, -2, 1)
    for i in range(3):
        for j in range(3):
            square += binomial[i] * binomial[j] * a[2 - i][2 - j] * b[i][j]
    return mean, np.maximum(square - mean**2, 0.0)


_COUNTS = np.arange(_SUPPORT, dtype=np.float64)
_LOG_FACTORIALS = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, _SUPPORT)))])
_HERMITE_AT, _HERMITE_WEIGHT = np.polynomial.hermite_e.hermegauss(24)


def _nodes(expected: Floats) -> tuple[Floats, Floats]:
    """Return values and weights, (len(expected), 80), that stand for Poisson counts."""
    nodes = np.broadcast_to(_COUNTS, (len(expected), _SUPPORT)).copy()
    mean = np.clip(expected, 1e-300, _MANY)[:, None]
    weights = np.exp(_COUNTS * np.log(mean) - mean - _LOG_FACTORIALS)
    large = np.flatnonzero(expected > _MANY)
    if len(large):
        centre = expected[large, None]
        size = len(_HERMITE_AT)
        nodes[large, :size] = np.maximum(centre + np.sqrt(centre) * _HERMITE_AT, 0.0)
        weights[large] = 0.0
        weights[large, :size] = _HERMITE_WEIGHT / _HERMITE_WEIGHT.sum()
    return nodes, weights


def _interval(
    value: Floats, mean: Floats, variance: Floats, spread: Floats
) -> tuple[Floats, Floats]:
    """Return low and high by inverting the gamma approximation; see the module's text.

    `spread` is the delta-method variance at the observed shares, where the divergence is `value`.
    """
    growth = np.divide(spread, value, out=np.zeros_like(value), where=value > 1e-12)
    z = np.concatenate([np.full(len(value), Z), np.full(len(value), -Z)])
    value2, mean2, variance2, growth2 = (np.tile(x, 2) for x in (value, mean, variance, growth))
    low = np.zeros(2 * len(value))
    high = 2 * value2 + 8 * np.sqrt(variance2 + growth2 * value2) + 40 * growth2 + 1e-9
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        centre = mean2 + middle
        h = (variance2 + growth2 * middle) / (9 * np.maximum(centre, 1e-12) ** 2)
        quantile = centre * np.maximum(1 - h + z * np.sqrt(h), 0.0) ** 3
        too_small = quantile < value2
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    size = len(value)
    # The value itself always belongs to its interval, even where its bias alone exceeds it.
    return np.minimum(low[:size], value), np.maximum(high[size:], value)
