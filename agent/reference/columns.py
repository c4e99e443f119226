"""One column's values to its profile."""

from __future__ import annotations

from collections import Counter

import numpy as np

from agent.binning import FAR_SQUARES, FIRST_BIN, INFINITE, SQUARES, numeric_bins, tally_numeric
from agent.reference.profile import (
    BINS,
    SMALLEST_SCALE,
    CategoricalProfile,
    NumericProfile,
    hash_category,
)
from collectors.batch import Floats

MOST_CATEGORIES = 1_000
"""Categories of a column that are named; the rest count as `other`."""

MOST_RARE = 10_000
"""Rare categories of a column that are remembered by hash."""

_CHUNK = 1 << 20


def numeric_profile(values: Floats, mismatch: int = 0) -> NumericProfile:
    """Profile a numeric column: float64, NaN = missing, infinities allowed."""
    there = values[~np.isnan(values)]
    # Sorted, so that means and deviations do not depend on the order of the rows.
    finite = np.sort(there[np.isfinite(there)])
    missing = len(values) - len(there)
    if len(finite) == 0:
        return NumericProfile(
            n=len(there),
            missing=missing,
            mismatch=mismatch,
            infinite=len(there),
            minimum=None,
            maximum=None,
            mean=None,
            sd=None,
            centre=0.0,
            scale=SMALLEST_SCALE,
            edges=(),
            counts=(len(there),),
            sums=(0,),
            squares=0,
            far_squares=0,
        )
    mean, sd = _mean_and_sd(finite)
    edges = quantile_edges(finite)
    scale = max(sd, SMALLEST_SCALE)
    bins = numeric_bins(
        edges, low=float(finite[0]), high=float(finite[-1]), centre=mean, scale=scale
    )
    block = np.zeros(bins.cells, np.int64)
    for first in range(0, len(there), _CHUNK):
        tally_numeric(bins, there[first : first + _CHUNK], block)
    return NumericProfile(
        n=len(there),
        missing=missing,
        mismatch=mismatch,
        infinite=int(block[INFINITE]),
        minimum=bins.low + 0.0,
        maximum=bins.high + 0.0,
        mean=mean,
        sd=sd,
        centre=mean,
        scale=scale,
        edges=tuple(edges.tolist()),
        counts=tuple(block[FIRST_BIN : FIRST_BIN + bins.size].tolist()),
        sums=tuple(block[FIRST_BIN + bins.size :].tolist()),
        squares=int(block[SQUARES]),
        far_squares=int(block[FAR_SQUARES]),
    )


@np.errstate(over="ignore")
def quantile_edges(ordered: Floats) -> Floats:
    """Return the edges of contract C7 for sorted finite values: at most 199, ascending, unique.

    Edge k of 200 is the first value below which at least k/200 of the values stand by rank, so
    that a share of exactly k/200 falls below it wherever ties allow.  A value that is several of
    these edges is an atom and gets a bin of its own, from itself to the next float.
    """
    m = len(ordered)
    ranks = np.unique(-(-m * np.arange(1, BINS) // BINS))
    picked, times = np.unique(ordered[ranks[ranks < m]], return_counts=True)
    atoms = picked[times > 1]
    # Below the smallest value there is nothing: an edge there cuts nothing off, except that an
    # atom at the minimum still needs to be told from what is less.
    cuts = picked[(picked > ordered[0]) | (times > 1)]
    edges = np.unique(np.concatenate([cuts, np.nextafter(atoms, np.inf)])) + 0.0
    result: Floats = edges[np.isfinite(edges)]
    return result


def categorical_profile(
    counts: Counter[str], *, missing: int, mismatch: int = 0, k_display: int = 10
) -> CategoricalProfile:
    """Profile a categorical column from the rows of each text."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = dict(sorted((t, n) for t, n in ranked[:MOST_CATEGORIES] if n >= k_display))
    rest = [text for text, _ in ranked if text not in named]
    return CategoricalProfile(
        n=counts.total(),
        missing=missing,
        mismatch=mismatch,
        categories=named,
        other=counts.total() - sum(named.values()),
        rare=tuple(sorted(hash_category(t) for t in rest[:MOST_RARE])),
        rare_complete=len(rest) <= MOST_RARE,
    )


def _mean_and_sd(finite: Floats) -> tuple[float, float]:
    """Return mean and standard deviation (divisor n), finite for any finite values."""
    largest = float(np.abs(finite).max())
    if largest < 1e100:
        return float(finite.mean()) + 0.0, float(finite.std())
    shrunk = finite / largest
    top = np.finfo(np.float64).max / 4
    return float(shrunk.mean() * largest), min(float(shrunk.std()) * largest, float(top))
