"""Intervals of rates against scipy and published examples, and their coverage by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from agent.signals.intervals import (
    Z,
    count_ratio,
    log_ratio,
    newcombe,
    two_sided_z,
    wilson,
    wilson_continuity,
)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 10), (7, 10), (81, 263), (1000, 1000)])
def test_wilson_equals_scipy(k: int, n: int) -> None:
    exact = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k, n) == pytest.approx((exact.low, exact.high), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 10), (7, 10), (81, 263), (1000, 1000)])
def test_wilson_with_continuity_correction_equals_scipy(k: int, n: int) -> None:
    exact = stats.binomtest(k, n).proportion_ci(0.95, method="wilsoncc")
    assert wilson_continuity(k, n) == pytest.approx((exact.low, exact.high), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        # Newcombe 1998, table II, method 10.
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_equals_the_published_examples(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert newcombe(*counts) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 800), (400, 100)])
@pytest.mark.parametrize(
    ("p", "q"), [(0.5, 0.5), (0.2, 0.3), (0.05, 0.1), (0.95, 0.99), (0.9, 0.05)]
)
def test_coverage_of_differences_and_ratios(n: int, m: int, p: float, q: float) -> None:
    """The chance that the interval holds the truth, summed over the outcomes that matter."""
    first, second = (_outcomes(size, share) for size, share in ((n, p), (m, q)))
    held = {"difference": 0.0, "ratio": 0.0}
    total = 0.0
    for a, chance in first:
        for b, other in second:
            total += chance * other
            low, high = newcombe(a, n, b, m)
            held["difference"] += chance * other * (low <= p - q <= high)
            low, high = log_ratio(a, n, b, m) if b else (0.0, np.inf)
            held["ratio"] += chance * other * (low <= p / q <= high)
    for name, chance in held.items():
        assert chance / total > 0.93, name


def _outcomes(n: int, share: float) -> list[tuple[int, float]]:
    chances = stats.binom.pmf(np.arange(n + 1), n, share)
    return [(k, float(chances[k])) for k in np.flatnonzero(chances > 1e-4).tolist()]


def test_limits_stay_finite_and_hold_the_value_at_the_extremes() -> None:
    for a, n, b, m in [(0, 1, 1, 1), (1, 1, 1, 1), (0, 10**9, 10**9, 10**9), (5, 5, 1, 10**9)]:
        low, high = log_ratio(a, n, b, m)
        assert 0 <= low <= (a / n) / (b / m) <= high < np.inf
        low, high = newcombe(a, n, b, m)
        assert -1 <= low <= a / n - b / m <= high <= 1
    for count in (0, 1, 10**9):
        low, high = count_ratio(count, 0.5, 1e9)
        assert 0 <= low <= count / 0.5 <= high < np.inf


def test_bonferroni_widens() -> None:
    assert pytest.approx(1.959964, abs=1e-6) == Z
    assert two_sided_z(10) == pytest.approx(2.807034, abs=1e-6)
