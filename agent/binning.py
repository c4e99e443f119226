"""Counting values into a column's block of cells: the innermost loops of the agent.

A column's block is a slice of an int64 vector.  The first two cells are always `MISSING` and
`MISMATCH`.  A numeric column with a reference goes on with `OUT_OF_RANGE`, `INFINITE`,
`SQUARES`, `FAR_SQUARES`, then one count and then one fixed-point sum for each of its B bins.  A
categorical column with a reference goes on with `RARE`, `NEW` and one count for each category.

Everything is an integer, so that adding two blocks is exact in any order (contract C4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agent.lookup import BinLookup, build_lookup, find_bins
from collectors.batch import Codes, Flags, Floats, Ints

MISSING, MISMATCH = 0, 1
UNREFERENCED_CELLS = 2

OUT_OF_RANGE, INFINITE, SQUARES, FAR_SQUARES = 2, 3, 4, 5
FIRST_BIN = 6

RARE, NEW = 2, 3
FIRST_CATEGORY = 4

RESOLUTION = 4096
"""Fixed-point units in one `scale`, in which bins are summed."""

FARTHEST = 1 << 20
"""Values farther than this many scales from the centre are summed as if they stood there."""

SQUARE_UNIT = 64
"""`SQUARES` adds squares of (x - centre) / scale in units of 1/64, up to `NEAR` scales."""

NEAR = 1024
"""Beyond this many scales from the centre squares are kept in `FAR_SQUARES` instead."""

FAR_UNIT = 32
"""`FAR_SQUARES` adds squares of (x - centre) / scale in units of 32."""

_FARTHEST_STEPS = float(FARTHEST * RESOLUTION)
_NEAR_STEPS = float(NEAR * RESOLUTION)
_PER_SQUARE_STEP = SQUARE_UNIT / RESOLUTION
_PER_FAR_STEP = 1 / (FAR_UNIT * RESOLUTION)


@dataclass(frozen=True, slots=True)
class NumericBins:
    """How a numeric column is binned.

    Bin i holds the values x with `searchsorted(edges, x, side="right") == i`, which `lookup` finds
    faster.  `low` and `high` are the reference's range, `centre` and `scale` what sums are
    expressed in.
    """

    edges: Floats
    low: float
    high: float
    centre: float
    scale: float
    lookup: BinLookup | None

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1

    @property
    def cells(self) -> int:
        """Number of cells of the column's block."""
        return FIRST_BIN + 2 * self.size


def numeric_bins(
    edges: Floats, *, low: float, high: float, centre: float, scale: float
) -> NumericBins:
    """Return the bins cut at `edges` (strictly ascending, finite)."""
    return NumericBins(edges, low, high, centre, scale, build_lookup(edges))


def tally_numeric(bins: NumericBins, values: Floats, block: Ints) -> None:
    """Add `values` to `block`, an int64 view of `bins.cells` cells; see `tally_numeric_sets`."""
    tally_numeric_sets(bins, values, None, block[np.newaxis])


@np.errstate(over="ignore")
def tally_numeric_sets(bins: NumericBins, values: Floats, sets: Ints | None, blocks: Ints) -> None:
    """Add value i to row `sets[i]` of `blocks`, an int64 view of shape (sets, `bins.cells`).

    `sets` None: all to row 0, the only one.  `values` is float64 with NaN for missing, at most
    2^20 of them at a time, so that the float64 partial sums of integers stay exact.  One pass over
    all sets costs little more than one over a single set: most of the time is spent on calls.
    """
    gone = np.isnan(values)
    if gone.any():
        blocks[:, MISSING] += count_per_set(gone, sets, len(blocks))
        values, sets = values[~gone], None if sets is None else sets[~gone]
    if len(values) == 0:
        return
    size = bins.size
    place = find_bins(bins.lookup, bins.edges, values)
    if sets is not None:
        place = place + sets * size
    counts = np.bincount(place, minlength=len(blocks) * size)
    blocks[:, FIRST_BIN : FIRST_BIN + size] += counts.reshape(len(blocks), size)
    lowest, highest = float(values.min()), float(values.max())
    if lowest < bins.low or highest > bins.high:
        outside = (values < bins.low) | (values > bins.high)
        blocks[:, OUT_OF_RANGE] += count_per_set(outside, sets, len(blocks))
    steps = values.copy()
    _to_steps(bins, steps)
    per_step = RESOLUTION / bins.scale
    near = (lowest - bins.centre) * per_step >= -_NEAR_STEPS and (
        highest - bins.centre
    ) * per_step <= _NEAR_STEPS
    if not near:
        blocks[:, INFINITE] += count_per_set(_pull_in(bins, values, steps), sets, len(blocks))
    sums = np.bincount(place, weights=steps, minlength=len(blocks) * size)
    blocks[:, FIRST_BIN + size : FIRST_BIN + 2 * size] += sums.reshape(len(blocks), size).astype(
        np.int64
    )
    if not near:
        far = np.abs(steps) > _NEAR_STEPS
        squares = np.square(np.rint(steps[far] * _PER_FAR_STEP))
        blocks[:, FAR_SQUARES] += _sum_per_set(
            squares, None if sets is None else sets[far], len(blocks)
        )
        steps, sets = steps[~far], None if sets is None else sets[~far]
    steps *= _PER_SQUARE_STEP
    np.rint(steps, out=steps)
    blocks[:, SQUARES] += _sum_per_set(np.square(steps, out=steps), sets, len(blocks))


def count_per_set(flags: Flags, sets: Ints | None, n: int) -> Ints:
    """Return how many flags are set in each set, int64[n]."""
    if sets is None:
        return np.array([np.count_nonzero(flags)], np.int64)
    counts: Ints = np.bincount(sets[flags], minlength=n)
    return counts


def _sum_per_set(wholes: Floats, sets: Ints | None, n: int) -> Ints:
    """Return the sum of whole numbers in each set, int64[n]."""
    if sets is None:
        return np.array([int(wholes.sum())], np.int64)
    return np.bincount(sets, weights=wholes, minlength=n).astype(np.int64)


class Entries(NamedTuple):
    """Amounts to be added: `amounts[i]` to cell `cells[i]` of the block of row `rows[i]`."""

    rows: Ints
    cells: Ints
    amounts: Ints


@np.errstate(over="ignore")
def scatter_numeric(bins: NumericBins, values: Floats) -> Entries:
    """Return what each of `values` adds to its own block; for rows that are all apart.

    Adding the entries of all rows to one block equals `tally_numeric`, to the bit.
    """
    present = np.flatnonzero(~np.isnan(values))
    gone = np.flatnonzero(np.isnan(values))
    there = values[present]
    place = find_bins(bins.lookup, bins.edges, there)
    outside = present[(there < bins.low) | (there > bins.high)]
    endless = np.isinf(there)
    steps = there.copy()
    _to_steps(bins, steps)
    _pull_in(bins, there, steps)
    far = np.abs(steps) > _NEAR_STEPS
    squares = np.square(np.rint(steps * np.where(far, _PER_FAR_STEP, _PER_SQUARE_STEP)))
    parts = [
        _ones(gone, MISSING),
        _ones(outside, OUT_OF_RANGE),
        _ones(present[endless], INFINITE),
        Entries(present, FIRST_BIN + place, np.ones(len(present), np.int64)),
        Entries(present, FIRST_BIN + bins.size + place, steps.astype(np.int64)),
        Entries(present, np.where(far, FAR_SQUARES, SQUARES), squares.astype(np.int64)),
    ]
    return join_entries(parts)


def join_entries(parts: list[Entries]) -> Entries:
    """Return all entries of `parts` as one."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Entries(none, none, none)
    return Entries(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.cells for p in parts]),
        np.concatenate([p.amounts for p in parts]),
    )


def category_cells(values: tuple[str, ...], cells: Mapping[str, int]) -> Ints:
    """Return, for code -1 and each code of a batch's dictionary, the cell that it is counted in.

    `cells` must answer for every text (see `agent.layout.Categories`).  Position `code + 1`.
    """
    found = np.empty(len(values) + 1, np.int64)
    found[0] = MISSING
    found[1:] = [cells[text] for text in values]
    return found


def tally_codes(cells: Ints, codes: Codes, sets: Ints | None, blocks: Ints) -> None:
    """Add dictionary code i (-1 = missing) to row `sets[i]` of `blocks` (None: the only row).

    `cells` is as from `category_cells`.
    """
    places = codes + 1 if sets is None else codes + 1 + sets * len(cells)
    counts = np.bincount(places, minlength=len(blocks) * len(cells))
    rows = np.arange(len(blocks))[:, np.newaxis]
    np.add.at(blocks, (rows, cells), counts.reshape(len(blocks), len(cells)))


def _to_steps(bins: NumericBins, values: Floats) -> None:
    """Replace values by whole fixed-point steps from the centre, in place."""
    values -= bins.centre
    values *= RESOLUTION / bins.scale
    np.rint(values, out=values)


def _pull_in(bins: NumericBins, values: Floats, steps: Floats) -> Flags:
    """Put infinities at the ends of the reference's range, and the rest no farther than allowed.

    Changes `steps`, those of `values`, in place; tells which were infinite.
    """
    ends = np.array([bins.low, bins.high])
    _to_steps(bins, ends)
    below, above = values == -np.inf, values == np.inf
    steps[below], steps[above] = ends
    np.clip(steps, -_FARTHEST_STEPS, _FARTHEST_STEPS, out=steps)
    infinite: Flags = below | above
    return infinite


def _ones(rows: Ints, cell: int) -> Entries:
    return Entries(rows, np.full(len(rows), cell, np.int64), np.ones(len(rows), np.int64))
