"""Means and percentiles of numbers of any size, refereed by numpy on the same values."""

from __future__ import annotations

import numpy as np
import pytest

from agent.amounts import (
    INVALID,
    MEAN_CELLS,
    MISSING,
    QUANTILE_CELLS,
    RELATIVE_ERROR,
    ZERO,
    Added,
    add_to_means,
    add_to_quantiles,
    at_rank,
    counted,
    moments,
)
from collectors.batch import Ints

RNG = np.random.default_rng(4)


def block(added: list[Added], cells: int) -> Ints:
    """Return the block that the additions make."""
    found = np.zeros(cells, np.int64)
    for one in added:
        amounts = np.ones(len(one.cells), np.int64) if one.amounts is None else one.amounts
        np.add.at(found, one.cells, amounts)
    return found


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_means_keep_six_digits_whatever_the_unit(unit: float, spread: float) -> None:
    values = RNG.lognormal(0.0, spread, 5_000) * unit
    found = moments(block(add_to_means(values), MEAN_CELLS))
    assert found.n == 5_000
    assert found.mean == pytest.approx(values.mean(), rel=1e-6)
    assert found.variance == pytest.approx(values.var(), rel=1e-5)


def test_zeros_count_and_what_no_amount_can_be_does_not() -> None:
    values = np.array([0.0, -0.0, 4.0, np.nan, -1.0, np.inf, -np.inf, 1e300, 1e-300])
    found = block(add_to_means(values), MEAN_CELLS)
    assert (found[MISSING], found[INVALID], found[ZERO]) == (1, 4, 2)
    assert moments(found).n == 4
    assert moments(found).mean == 1.0
    times = block(add_to_quantiles(values), QUANTILE_CELLS)
    # A time below a microsecond is none at all.
    assert (times[MISSING], times[INVALID], times[ZERO], counted(times)) == (1, 4, 3, 4)


def test_nothing_has_no_moments() -> None:
    assert moments(np.zeros(MEAN_CELLS, np.int64)) == (0, 0.0, 0.0)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95, 1.0])
def test_ranks_are_found_within_the_stated_error(share: float) -> None:
    values = np.concatenate([RNG.lognormal(-2, 2, 3_000), [0.0] * 30, [2.0**-20, 2.0**24]])
    found = block(add_to_quantiles(values), QUANTILE_CELLS)
    rank = max(1, round(share * len(values)))
    true = np.sort(values)[rank - 1]
    part = at_rank(found, rank)
    assert part.low <= true <= part.high
    assert abs(part.middle - true) <= RELATIVE_ERROR * true


def test_edges_belong_to_the_part_above() -> None:
    for value in (1.0, 1.0 + 1 / 32, 2.0, 0.5):
        found = at_rank(block(add_to_quantiles(np.array([value])), QUANTILE_CELLS), 1)
        assert found.low == value
