"""Counting values into a column's block of cells: the innermost loops of the agent.

A column's block is a slice of an int64 vector.  The first two cells are always `MISSING` and
`MISMATCH`.  A numeric column with a reference goes on with `OUT_OF_RANGE`, `INFINITE`,
`SQUARES`, `FAR_SQUARES`, then one count and then one fixed-point sum for each of its B bins.  A
categorical column with a reference goes on with `RARE`, `NEW` and one count for each category.

Everything is an integer, so that adding two blocks is exact in any order (contract C4).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from collectors.batch import Codes, Floats, Ints

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

    Bin i holds the values x with `searchsorted(edges, x, side="right") == i`.  `low` and `high`
    are the reference's range, `centre` and `scale` what sums are expressed in.  `probes` are the
    points whose ranks in sorted values give everything else.
    """

    edges: Floats
    low: float
    high: float
    centre: float
    scale: float
    probes: Floats

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
    above_high = np.nextafter(high, np.inf)
    probes = np.concatenate(
        [[-sys.float_info.max, low], edges, [above_high, np.inf, np.nan]]
    ).astype(np.float64)
    return NumericBins(edges, low, high, centre, scale, probes)


def tally_numeric(bins: NumericBins, values: Floats, block: Ints) -> None:
    """Add `values` to `block`, an int64 view of `bins.cells` cells.

    `values` is float64 with NaN for missing; it is sorted in place and overwritten.  Sorting and
    ranking the few edges among many values is several times faster than ranking each value among
    the edges, and gives the same counts.  At most 2^20 values at a time, so that the float64
    partial sums of integers stay exact.
    """
    values.sort()
    ranks = values.searchsorted(bins.probes, side="left")
    # NaN sorts last, so its rank is the number of values that are there.
    below, under, over, above, present = ranks[[0, 1, -3, -2, -1]].tolist()
    block[MISSING] += len(values) - present
    if present == 0:
        return
    block[OUT_OF_RANGE] += under + present - over
    block[INFINITE] += below + present - above
    bounds = ranks[1:-2]
    bounds[0], bounds[-1] = 0, present
    counts = bounds[1:] - bounds[:-1]
    size = bins.size
    block[FIRST_BIN : FIRST_BIN + size] += counts
    steps = values[:present]
    _to_steps(bins, steps)
    near = steps[0] >= -_NEAR_STEPS and steps[-1] <= _NEAR_STEPS
    if not near:
        _pull_in(bins, steps, below, above)
    filled = counts.nonzero()[0]
    sums = np.add.reduceat(steps, bounds[filled])
    block[FIRST_BIN + size + filled] += sums.astype(np.int64)
    if not near:
        far = np.abs(steps) > _NEAR_STEPS
        block[FAR_SQUARES] += int(np.square(np.rint(steps[far] * _PER_FAR_STEP)).sum())
        steps = steps[~far]
    steps *= _PER_SQUARE_STEP
    np.rint(steps, out=steps)
    block[SQUARES] += int(steps @ steps)


class Entries(NamedTuple):
    """Amounts to be added: `amounts[i]` to cell `cells[i]` of the block of row `rows[i]`."""

    rows: Ints
    cells: Ints
    amounts: Ints


def scatter_numeric(bins: NumericBins, values: Floats) -> Entries:
    """Return what each of `values` adds to its own block; for rows that are all apart.

    Adding the entries of all rows to one block equals `tally_numeric`, to the bit.
    """
    present = np.flatnonzero(~np.isnan(values))
    gone = np.flatnonzero(np.isnan(values))
    there = values[present]
    place = bins.edges.searchsorted(there, side="right")
    outside = present[(there < bins.low) | (there > bins.high)]
    endless = np.isinf(there)
    steps = np.where(endless, np.where(there > 0, bins.high, bins.low), there)
    _to_steps(bins, steps)
    np.clip(steps, -_FARTHEST_STEPS, _FARTHEST_STEPS, out=steps)
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


def tally_codes(cells: Ints, codes: Codes, block: Ints) -> None:
    """Add dictionary codes (-1 = missing) to `block`; `cells` as from `category_cells`."""
    counts = np.bincount(codes + 1, minlength=len(cells))
    np.add.at(block, cells, counts)


def _to_steps(bins: NumericBins, values: Floats) -> None:
    """Replace values by whole fixed-point steps from the centre, in place."""
    with np.errstate(over="ignore"):
        values -= bins.centre
        values *= RESOLUTION / bins.scale
    np.rint(values, out=values)


def _pull_in(bins: NumericBins, steps: Floats, below: int, above: int) -> None:
    """Put infinities at the ends of the reference's range, and the rest no farther than allowed."""
    ends = np.array([bins.low, bins.high])
    _to_steps(bins, ends)
    steps[:below], steps[above:] = ends
    np.clip(steps, -_FARTHEST_STEPS, _FARTHEST_STEPS, out=steps)


def _ones(rows: Ints, cell: int) -> Entries:
    return Entries(rows, np.full(len(rows), cell, np.int64), np.ones(len(rows), np.int64))
