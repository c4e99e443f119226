"""How unusual an event is: a histogram-based outlier score on the reference.

HBOS (Goldstein and Dengel, Histogram-based Outlier Score: a fast unsupervised anomaly detection
algorithm, KI 2012): the features' shares are multiplied as if independent, so an event's score is
the sum over features of -ln(share of the reference in the value's bin).  The costs -ln(share) are
kept as whole numbers of 1/4096, so that sums are exact.  An event is an outlier when its score is
above the threshold that the reference's own rows exceed in 0.5 % of cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.binning import FIRST_CATEGORY, MISSING, NEW, RARE
from agent.lookup import BinLookup, build_lookup, find_bins
from collectors.batch import Floats, Ints

USUAL, OUTLYING = 0, 1
CELLS = 2
"""Cells of the block: events that are no outliers, and those that are."""


@dataclass(frozen=True, slots=True, eq=False)
class NumberScale:
    """Costs of a numeric feature: `costs[i]` of bin i, `missing` of no value."""

    edges: Floats
    lookup: BinLookup | None
    costs: Ints
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """What scores events; the block of its two counts begins at cell `start`.

    `numbers` and `categories` go by feature; `categories[f][cell]` is the cost of the cell that a
    text of feature f is counted in (see `agent.layout.Categories`).
    """

    start: int
    threshold: int
    numbers: Mapping[str, NumberScale]
    categories: Mapping[str, Ints]

    @property
    def stop(self) -> int:
        """The cell behind the block."""
        return self.start + CELLS


def number_scale(edges: Sequence[float], costs: Sequence[int], missing: int) -> NumberScale:
    """Return a numeric feature's costs, ready to be looked up."""
    places = np.array(edges, np.float64)
    return NumberScale(places, build_lookup(places), np.array(costs, np.int64), missing)


def category_scale(named: Sequence[int], *, rare: int, new: int, missing: int) -> Ints:
    """Return the cost of each cell of a categorical feature's block."""
    scale = np.zeros(FIRST_CATEGORY + len(named), np.int64)
    scale[MISSING], scale[RARE], scale[NEW] = missing, rare, new
    scale[FIRST_CATEGORY:] = named
    return scale


def number_costs(scale: NumberScale, values: Floats) -> Ints:
    """Return the cost of each value, float64 with NaN for missing."""
    gone = np.isnan(values)
    if not gone.any():
        return scale.costs[find_bins(scale.lookup, scale.edges, values)]
    found = scale.costs[find_bins(scale.lookup, scale.edges, np.where(gone, 0.0, values))]
    found[gone] = scale.missing
    return found


def outlying(scorer: Scorer, costs: Sequence[Ints], n: int) -> Ints:
    """Return `USUAL` or `OUTLYING` by row; `costs` are those of the features."""
    score = np.zeros(n, np.int64)
    for one in costs:
        score += one
    return (score > scorer.threshold).astype(np.int64)
