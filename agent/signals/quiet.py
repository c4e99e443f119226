"""How much of a silence the usual traffic explains: who seldom asks is not down."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.signals.intervals import Interval

FEWEST_WINDOWS = 3
"""Earlier windows that make a usual rate."""

HORIZON = 90 * 86_400
CHANCE = 0.01
"""Traffic that does not change is called silent in this share of horizons, in seconds."""


def silence_interval(minutes: int, history: Sequence[int], seconds: int) -> Interval:
    """Return the minutes of a silence that usual traffic does not explain, to all of them.

    `history`: event counts of earlier windows of `seconds`, oldest first; empty ones at its end are
    the silence itself.  Events come as a Poisson process: of the N gaps of a horizon none is longer
    than ln(N / CHANCE) mean gaps but with the probability CHANCE.  With too few earlier windows
    nothing is explained.
    """
    known = list(history)
    while known and known[-1] == 0:
        known.pop()
    if len(known) < FEWEST_WINDOWS:
        return float(minutes), float(minutes)
    gap = len(known) * seconds / sum(known)
    explained = gap * math.log(max(HORIZON / gap, 1.0) / CHANCE) / 60
    return max(0.0, minutes - explained), float(minutes)
