"""Counting non-negative numbers whose size nobody knows beforehand, with integers alone.

A number is taken apart as m 2^e, 0.5 <= m < 1, which is exact on every machine.  A block of cells
begins with `MISSING`, `MISMATCH`, `INVALID` (negative, infinite or too large) and `ZERO`, and goes
on in one of two forms:

- a *mean* block has, for each octave e, the count, the sum of m and the sum of m^2, both in units
  of 2^-20: mean and variance come back to six digits, whatever the unit of the numbers;
- a *quantile* block has a count for each of 32 equal parts of each octave, as an HDR histogram has:
  the middle of a part is never more than 1/64 (1.6 %) away from any number in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from collectors.batch import Floats, Ints

MISSING, MISMATCH, INVALID, ZERO = 0, 1, 2, 3
FIRST = 4

PARTS = 32
"""Parts of an octave in a quantile block."""

UNIT = 1 << 20
"""Sums of a mean block are in units of 1/2^20 of the octave's upper end."""

RELATIVE_ERROR = 1 / (2 * PARTS)
"""Largest distance of a number from the middle of its part, in units of the number."""


@dataclass(frozen=True, slots=True)
class Range:
    """Octaves `lowest` <= e <= `highest`: numbers below 2^`highest` can be counted."""

    lowest: int
    highest: int

    @property
    def octaves(self) -> int:
        """Number of octaves."""
        return self.highest - self.lowest + 1


MEANS = Range(-39, 40)
"""From 1e-12 to 1e12; what is smaller is rounded to units of 2^-59."""

SECONDS = Range(-19, 25)
"""From a microsecond, below which a time counts as 0, to a year."""

MEAN_CELLS = FIRST + 3 * MEANS.octaves
QUANTILE_CELLS = FIRST + PARTS * SECONDS.octaves


class Added(NamedTuple):
    """What each row adds to a block: `amounts[i]` (None: 1) to cell `cells[i]`."""

    cells: Ints
    amounts: Ints | None = None


def add_to_means(values: Floats) -> list[Added]:
    """Return what `values` (float64, NaN = missing) add to a mean block."""
    cells, octave, known = _placed(values, MEANS)
    # The lowest octave also takes what lies below it, as a small fraction.
    octave = np.maximum(octave, MEANS.lowest)
    share = np.ldexp(np.where(known, values, 0.0), -octave)
    row = octave - MEANS.lowest
    cells[known] = FIRST + row[known]
    sums = np.where(known, FIRST + MEANS.octaves + row, ZERO)
    squares = np.where(known, FIRST + 2 * MEANS.octaves + row, ZERO)
    return [
        Added(cells),
        Added(sums, np.rint(share * UNIT).astype(np.int64)),
        Added(squares, np.rint(share * share * UNIT).astype(np.int64)),
    ]


def add_to_quantiles(values: Floats) -> list[Added]:
    """Return what `values`, seconds as float64 with NaN for missing, add to a quantile block."""
    cells, octave, known = _placed(values, SECONDS)
    small = known & (octave < SECONDS.lowest)
    cells[small] = ZERO
    known &= ~small
    mantissa = np.frexp(np.where(known, values, 1.0))[0]
    part = ((mantissa - 0.5) * (2 * PARTS)).astype(np.int64)
    place = FIRST + (octave - SECONDS.lowest) * PARTS + part
    cells[known] = place[known]
    return [Added(cells)]


def _placed(values: Floats, of: Range) -> tuple[Ints, Ints, np.ndarray]:
    """Return the first cells as far as they are known, the octaves, and which rows need them."""
    missing = np.isnan(values)
    valid = (values >= 0) & (values < 2.0**of.highest)
    known = valid & (values > 0)
    cells = np.where(missing, MISSING, np.where(valid, ZERO, INVALID))
    octave = np.frexp(np.where(known, values, 1.0))[1].astype(np.int64)
    return cells, octave, known


class Moments(NamedTuple):
    """Values counted, their mean, and their variance (divisor n)."""

    n: int
    mean: float
    variance: float


def moments(block: Ints) -> Moments:
    """Return the moments of a mean block; mean and variance are 0 where nothing was counted."""
    size = MEANS.octaves
    n = int(block[ZERO]) + int(block[FIRST : FIRST + size].sum())
    if n == 0:
        return Moments(0, 0.0, 0.0)
    scale = np.ldexp(1.0, np.arange(MEANS.lowest, MEANS.highest + 1)) / UNIT
    # `fsum`: the sum of the octaves must not depend on how a machine adds.
    mean = math.fsum((block[FIRST + size : FIRST + 2 * size] * scale).tolist()) / n
    parts = block[FIRST + 2 * size : FIRST + 3 * size] * scale * scale * UNIT
    return Moments(n, mean, max(math.fsum(parts.tolist()) / n - mean * mean, 0.0))


class Part(NamedTuple):
    """A part of a quantile block: `low` <= its numbers < `high`, and its `middle`."""

    low: float
    middle: float
    high: float


def counted(block: Ints) -> int:
    """Return the number of values in a quantile block."""
    return int(block[ZERO:].sum())


def at_rank(block: Ints, rank: int) -> Part:
    """Return the part that holds the value of that rank, 1 for the smallest, of a quantile block.

    A rank outside 1 to `counted(block)` means the nearest one; the block must not be empty.
    """
    running = np.cumsum(block[ZERO:])
    place = int(np.searchsorted(running, min(max(rank, 1), int(running[-1]))))
    if place == 0:
        return Part(0.0, 0.0, 0.0)
    octave, part = divmod(place - 1, PARTS)
    below = math.ldexp(1.0, octave + SECONDS.lowest - 1)
    low, high = below * (1 + part / PARTS), below * (1 + (part + 1) / PARTS)
    return Part(low, (low + high) / 2, high)
