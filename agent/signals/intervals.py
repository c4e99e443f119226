"""Confidence intervals of rates and counts.  All return finite `(low, high)` with low <= high.

`z` is the two-sided normal quantile, 1.96 for a 95 % interval.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

LEVEL = 0.95

Interval = tuple[float, float]


@lru_cache(maxsize=256)
def two_sided_z(comparisons: int = 1) -> float:
    """Return z for intervals that hold together with `LEVEL` over that many (Bonferroni)."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * comparisons))


Z = two_sided_z()


def wilson(successes: int, n: int, z: float = Z) -> Interval:
    """Wilson's score interval of a proportion; `n` >= 1.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == n else (centre + half) / scale
    # Rounding may put a limit a hair beyond the share itself.
    return max(0.0, min(low, p)), min(1.0, max(high, p))


def wilson_continuity(successes: int, n: int, z: float = Z) -> Interval:
    """Wilson's score interval with a continuity correction; `n` >= 1.

    R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine
    17, 1998, method 4.  Wider, for shares that go on into other numbers.
    """
    p = successes / n
    q = 1 - p
    below = math.sqrt(max(0.0, z * z - 2 - 1 / n + 4 * p * (n * q + 1)))
    above = math.sqrt(max(0.0, z * z + 2 - 1 / n + 4 * p * (n * q - 1)))
    middle, scale = 2 * n * p + z * z, 2 * (n + z * z)
    low = 0.0 if successes == 0 else (middle - 1 - z * below) / scale
    high = 1.0 if successes == n else (middle + 1 + z * above) / scale
    return max(0.0, min(low, p)), min(1.0, max(high, p))


def newcombe(a: int, n: int, b: int, m: int, z: float = Z) -> Interval:
    """Newcombe's hybrid score interval of the difference a/n - b/m; `n`, `m` >= 1.

    R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17, 1998, method 10.
    """
    p, q = a / n, b / m
    p_low, p_high = wilson(a, n, z)
    q_low, q_high = wilson(b, m, z)
    low = p - q - math.hypot(p - p_low, q_high - q)
    high = p - q + math.hypot(p_high - p, q - q_low)
    return max(-1.0, low), min(1.0, high)


def log_ratio(a: int, n: int, b: float, m: int, z: float = Z) -> Interval:
    """Delta-method interval of the ratio (a/n) / (b/m) on the log scale; `b` > 0, `n`, `m` >= 1.

    Katz et al., Obtaining confidence intervals for the risk ratio in cohort studies, Biometrics
    34, 1978, on the shares (a + 0.5)/(n + 1), so that shares of 0 and 1 keep a width; widened, if
    need be, to hold the plain ratio.
    """
    p, q = (a + 0.5) / (n + 1), (b + 0.5) / (m + 1)
    se = math.sqrt((1 - p) / (p * (n + 1)) + (1 - q) / (q * (m + 1)))
    ratio = (a / n) / (b / m)
    middle = math.log(p / q)
    return min(ratio, math.exp(middle - z * se)), max(ratio, math.exp(middle + z * se))


def count_ratio(count: int, base: float, base_error: float, z: float = Z) -> Interval:
    """Interval of `count` / `base` on the log scale, for a Poisson count; `base` > 0.

    `base_error` is the standard error of `base`.  Widened, if need be, to hold the plain ratio.
    """
    ratio = count / base
    middle = math.log((count + 0.5) / base)
    # Beyond e^30 nothing is left to be told.
    half = min(30.0, z * math.sqrt(1 / (count + 0.5) + (base_error / base) ** 2))
    return min(ratio, math.exp(middle - half)), max(ratio, math.exp(middle + half))


def poisson(count: int, z: float = Z) -> Interval:
    """Byar's approximation of the exact interval of a Poisson mean, given the count.

    Breslow and Day, Statistical Methods in Cancer Research II, 1987, p. 69; within 2 % of the exact
    limits from 5 counts on, and never much narrower below.
    """
    low = 0.0
    if count:
        low = count * max(1 - 1 / (9 * count) - z / (3 * math.sqrt(count)), 0.0) ** 3
    above = count + 1
    high = above * (1 - 1 / (9 * above) + z / (3 * math.sqrt(above))) ** 3
    return min(low, float(count)), max(high, float(count))


def mean_interval(mean: float, variance: float, n: int, z: float = Z) -> Interval:
    """Normal interval of a mean, for values that are 0 or more; `variance` has divisor n >= 2."""
    half = z * math.sqrt(variance / (n - 1))
    return max(0.0, mean - half), mean + half


def quantile_ranks(n: int, share: float, z: float = Z) -> tuple[int, int]:
    """Return the ranks, 1 to n, of the values between which the population's quantile lies.

    Order statistics by the normal approximation of the binomial (David and Nagaraja, Order
    Statistics, 2003, section 7.1), rounded outwards.
    """
    half = z * math.sqrt(n * share * (1 - share))
    return max(1, math.floor(n * share - half)), min(n, math.ceil(n * share + half) + 1)
