"""The outlier profile: what each value costs, and above which sum an event is unusual."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from agent.binning import FIRST_CATEGORY, MISSING, NEW, RARE
from agent.lookup import find_bins
from agent.outliers import category_scale, number_costs, number_scale
from agent.reference.gather import Gathered, feature_key
from agent.reference.profile import (
    CategoricalProfile,
    CategoryCosts,
    ColumnProfile,
    NumberCosts,
    NumericProfile,
    OutlierProfile,
    hash_category,
)
from collectors.batch import Flags, Floats, Ints

COST_UNIT = 4096
"""Costs are whole numbers of 1/4096 of a natural unit of information."""

INNER_BINS = 20
"""Equal bins of a numeric feature between its 1 % and 99 % points; the tails get one each."""

USUAL_SHARE = 0.995
"""Share of the reference's rows whose score is at most the threshold."""

FEWEST_ROWS = 200
"""Rows without which the 99.5 % point is not a point of the reference at all."""


def fit(
    gathered: Gathered, keep: Flags, profiles: Mapping[str, ColumnProfile]
) -> OutlierProfile | None:
    """Return the outlier profile of the rows to `keep`, or None if they are too few.

    `profiles` are those of the features by name.  Features without a value are left out.
    """
    rows = int(np.count_nonzero(keep))
    numbers: dict[str, NumberCosts] = {}
    categories: dict[str, CategoryCosts] = {}
    score = np.zeros(rows, np.int64)
    for name, profile in sorted(profiles.items()):
        values = gathered.whole(feature_key(name))[keep]
        if isinstance(profile, NumericProfile) and profile.minimum is not None:
            column = np.asarray(values, np.float64)
            numbers[name] = _number_costs(column, profile)
            score += _score_numbers(numbers[name], column)
        elif isinstance(profile, CategoricalProfile) and profile.n:
            categories[name] = _category_costs(profile, rows)
            texts = list(gathered.texts[feature_key(name)].codes)
            score += _score_texts(profile, categories[name], texts, np.asarray(values, np.int64))
    if rows < FEWEST_ROWS or not (numbers or categories):
        return None
    threshold = int(np.sort(score)[math.ceil(USUAL_SHARE * rows) - 1])
    return OutlierProfile(
        threshold=threshold,
        rows=rows,
        above=int(np.count_nonzero(score > threshold)),
        numbers=numbers,
        categories=categories,
    )


def _number_costs(values: Floats, profile: NumericProfile) -> NumberCosts:
    there = values[~np.isnan(values)]
    finite = np.sort(there[np.isfinite(there)])
    edges = bin_edges(finite)
    counts = np.bincount(find_bins(None, edges, there), minlength=len(edges) + 1)
    total, bins = len(values), len(counts) + 1
    return NumberCosts(
        edges=tuple(edges.tolist()),
        costs=tuple(_cost(count, total, bins) for count in counts.tolist()),
        missing=_cost(profile.missing, total, bins),
    )


@np.errstate(over="ignore", invalid="ignore")
def bin_edges(finite: Floats) -> Floats:
    """Return the edges for sorted finite values: ascending, the outer bins beyond all of them."""
    m = len(finite)
    low, high = finite[math.ceil(0.01 * m) - 1], finite[math.ceil(0.99 * m) - 1]
    inner = low + (high - low) * (np.arange(INNER_BINS + 1) / INNER_BINS)
    # Twelve digits are enough for a person to read and for no two to look alike.
    inner = np.array([float(f"{edge:.12g}") for edge in inner.tolist()])
    edges = np.concatenate([[finite[0]], inner, [np.nextafter(finite[-1], np.inf)]])
    found: Floats = np.unique(edges[np.isfinite(edges)]) + 0.0
    return found


def _category_costs(profile: CategoricalProfile, rows: int) -> CategoryCosts:
    bins = len(profile.categories) + 3
    # A rare category is as rare as the mean of those that are not named.
    rare = profile.other / max(len(profile.rare), 1)
    return CategoryCosts(
        named=tuple(_cost(n, rows, bins) for _, n in sorted(profile.categories.items())),
        rare=_cost(rare, rows, bins),
        new=_cost(0, rows, bins),
        missing=_cost(profile.missing, rows, bins),
    )


def _score_texts(
    profile: CategoricalProfile, costs: CategoryCosts, texts: list[str], codes: Ints
) -> Ints:
    named = {text: FIRST_CATEGORY + i for i, text in enumerate(sorted(profile.categories))}
    rare = frozenset(profile.rare)
    cells = [
        MISSING,
        *(named.get(t, RARE if hash_category(t) in rare else NEW) for t in texts),
    ]
    scale = category_scale(costs.named, rare=costs.rare, new=costs.new, missing=costs.missing)
    found: Ints = scale[np.array(cells, np.int64)][codes + 1]
    return found


def _score_numbers(costs: NumberCosts, values: Floats) -> Ints:
    return number_costs(number_scale(costs.edges, costs.costs, costs.missing), values)


def _cost(count: float, total: int, bins: int) -> int:
    """Return -ln of the smoothed share in whole units."""
    return round(-math.log((count + 0.5) / (total + 0.5 * bins)) * COST_UNIT)
