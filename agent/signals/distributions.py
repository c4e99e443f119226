"""A window's distributions beside the reference's, for all columns at once.

Columns stand one after the other in flat arrays; `starts[i]` is where column i begins, so that a
sum over each column is one `np.add.reduceat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agent.binning import (
    FAR_SQUARES,
    FAR_UNIT,
    FARTHEST,
    FIRST_BIN,
    RARE,
    RESOLUTION,
    SQUARE_UNIT,
    SQUARES,
    NumericBins,
)
from agent.layout import Column, Layout
from agent.reference.profile import CategoricalProfile, NumericProfile
from collectors.batch import Floats, Ints

UNIONS = 10
"""Unions of a numeric column's bins that PSI and Jensen-Shannon distance use (contract C7)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Counts by union of bins or by category, of the columns that the reference has values of.

    `reference` and `window` are counts, `starts` where columns begin; `m` and `n` are the totals
    of each column.  A union that nobody is in is left out.
    """

    columns: tuple[Column, ...]
    starts: Ints
    reference: Floats
    window: Floats
    m: Floats
    n: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Distribution functions of the numeric columns, and moments, in units of `scale`.

    At each bin: `reference` and `window` are the shares up to its right edge, `left` and `right`
    its edges as (edge - centre)/scale, 0 for the open ends; `reference_sums` and `window_sums`
    are the sums of the values in it divided by the column's total.  `reference_squares` and
    `window_squares`: mean squares of each column.
    """

    columns: tuple[Column, ...]
    starts: Ints
    reference: Floats
    window: Floats
    left: Floats
    right: Floats
    reference_shares: Floats
    window_shares: Floats
    reference_sums: Floats
    window_sums: Floats
    reference_squares: Floats
    window_squares: Floats
    m: Floats
    n: Floats


def shares(layout: Layout, cells: Ints) -> Shares:
    """Return the counts of contract C7's unions and categories."""
    plan = _share_plan(layout)
    counts = cells[plan.cells].astype(np.float64)
    window: Floats = np.bincount(plan.union, counts, len(plan.reference)).astype(np.float64)
    used = plan.always | (plan.reference + window > 0)
    columns = plan.column[used]
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    reference, window = plan.reference[used], window[used]
    if len(starts) == 0:
        none = np.zeros(0)
        return Shares(plan.columns, starts, reference, window, none, none)
    return Shares(
        plan.columns,
        starts,
        reference,
        window,
        np.add.reduceat(reference, starts),
        np.add.reduceat(window, starts),
    )


def curves(layout: Layout, cells: Ints) -> Curves:
    """Return the distribution functions on contract C7's 200 bins."""
    plan = _curve_plan(layout)
    counts = cells[plan.count_cells].astype(np.float64)
    n = np.add.reduceat(counts, plan.starts) if len(plan.starts) else np.zeros(0)
    # An empty window has no distribution; any positive total keeps its shares at zero.
    totals = np.repeat(np.maximum(n, 1), plan.sizes)
    squares = cells[plan.square_cells] / SQUARE_UNIT**2 + cells[plan.far_cells] * FAR_UNIT**2
    return Curves(
        columns=plan.columns,
        starts=plan.starts,
        reference=plan.reference,
        window=_cumulated(counts, plan.starts, plan.sizes) / totals,
        left=plan.left,
        right=plan.right,
        reference_shares=plan.reference_shares,
        window_shares=counts / totals,
        reference_sums=plan.reference_sums,
        window_sums=cells[plan.sum_cells] / (RESOLUTION * totals),
        reference_squares=plan.reference_squares,
        window_squares=squares / np.maximum(n, 1),
        m=plan.m,
        n=n,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _SharePlan:
    columns: tuple[Column, ...]
    cells: Ints
    union: Ints
    column: Ints
    always: np.ndarray
    reference: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _CurvePlan:
    columns: tuple[Column, ...]
    starts: Ints
    sizes: Ints
    count_cells: Ints
    sum_cells: Ints
    square_cells: Ints
    far_cells: Ints
    left: Floats
    right: Floats
    reference: Floats
    reference_shares: Floats
    reference_sums: Floats
    reference_squares: Floats
    m: Floats


@lru_cache(maxsize=32)
def _share_plan(layout: Layout) -> _SharePlan:
    """What of `shares` stays the same from window to window."""
    columns: list[Column] = []
    cells: list[Ints] = []
    unions: list[Ints] = []
    reference: list[Floats] = []
    always: list[np.ndarray] = []
    first = 0
    for column in layout.columns:
        profile = column.profile
        if isinstance(profile, NumericProfile) and column.bins is not None:
            union, counts = union_counts(np.array(profile.counts, np.int64))
            cells.append(column.start + FIRST_BIN + np.arange(column.bins.size))
            always.append(np.zeros(len(counts), np.bool_))
        elif isinstance(profile, CategoricalProfile) and column.categories is not None:
            named = [profile.categories[text] for text in column.categories]
            counts = np.array([profile.other, *named], np.float64)
            cells.append(np.arange(column.start + RARE, column.stop))
            # Rare and new categories together are `other`.
            union = np.maximum(np.arange(len(named) + 2) - 1, 0)
            always.append(np.ones(len(counts), np.bool_))
        else:
            continue
        columns.append(column)
        unions.append(first + union)
        reference.append(counts)
        first += len(counts)
    sizes = [len(counts) for counts in reference]
    return _SharePlan(
        columns=tuple(columns),
        cells=_joined(cells, np.int64),
        union=_joined(unions, np.int64),
        column=np.repeat(np.arange(len(columns)), sizes),
        always=_joined(always, np.bool_),
        reference=_joined(reference, np.float64),
    )


def union_counts(counts: Ints) -> tuple[Ints, Floats]:
    """Return the union of each bin, and the reference's count of each of the 10 unions.

    A bin belongs to union floor(10 F), F the share of the reference below it, in whole numbers so
    that no rounding decides.  The bin above all of the reference (F = 1) joins the last union.
    """
    below = np.cumsum(counts) - counts
    total = max(int(counts.sum()), 1)
    union = np.minimum(UNIONS * below // total, UNIONS - 1)
    return union, np.bincount(union, counts, UNIONS).astype(np.float64)


def edge_positions(bins: NumericBins) -> Floats:
    """Return the edges as (edge - centre)/scale, no farther away than the values are summed."""
    with np.errstate(over="ignore"):
        places: Floats = np.clip((bins.edges - bins.centre) / bins.scale, -FARTHEST, FARTHEST)
    return places


@lru_cache(maxsize=32)
def _curve_plan(layout: Layout) -> _CurvePlan:
    """What of `curves` stays the same from window to window."""
    found = [
        (column, column.bins, column.profile)
        for column in layout.columns
        if column.bins is not None and isinstance(column.profile, NumericProfile)
    ]
    sizes = np.array([bins.size for _, bins, _ in found], np.int64)
    starts = np.cumsum(sizes) - sizes
    positions = [edge_positions(bins) for _, bins, _ in found]
    first_cells = [np.arange(bins.size) + c.start + FIRST_BIN for c, bins, _ in found]
    counts = _joined([np.array(p.counts, np.float64) for _, _, p in found], np.float64)
    m = np.array([p.n for _, _, p in found], np.float64)
    totals = np.repeat(np.maximum(m, 1), sizes)
    sums = _joined([np.array(p.sums, np.float64) for _, _, p in found], np.float64)
    squares = [p.squares / SQUARE_UNIT**2 + p.far_squares * FAR_UNIT**2 for _, _, p in found]
    return _CurvePlan(
        columns=tuple(column for column, _, _ in found),
        starts=starts,
        sizes=sizes,
        count_cells=_joined(first_cells, np.int64),
        sum_cells=_joined(
            [cells + bins.size for cells, (_, bins, _) in zip(first_cells, found, strict=True)],
            np.int64,
        ),
        square_cells=np.array([c.start + SQUARES for c, _, _ in found], np.int64),
        far_cells=np.array([c.start + FAR_SQUARES for c, _, _ in found], np.int64),
        left=_joined([np.concatenate([[0.0], at]) for at in positions], np.float64),
        right=_joined([np.concatenate([at, [0.0]]) for at in positions], np.float64),
        reference=_cumulated(counts, starts, sizes) / totals,
        reference_shares=counts / totals,
        reference_sums=sums / (RESOLUTION * totals),
        reference_squares=np.array(squares, np.float64) / np.maximum(m, 1),
        m=m,
    )


def _cumulated(counts: Floats, starts: Ints, sizes: Ints) -> Floats:
    """Return running totals that start anew with each column."""
    if len(starts) == 0:
        return counts
    running = np.cumsum(counts)
    before = np.concatenate([[0.0], running[starts[1:] - 1]])
    result: Floats = running - np.repeat(before, sizes)
    return result


def _joined(parts: list, dtype: type) -> np.ndarray:  # type: ignore[type-arg]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
