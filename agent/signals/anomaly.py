"""Anomalies of the stream itself."""

from __future__ import annotations

import math
import statistics

from agent.signals.context import SignalContext
from agent.signals.intervals import count_ratio
from policies.model import Signal, measured, unmeasured

FEWEST_WINDOWS = 3
"""Earlier windows that make a usual volume."""


def volume(context: SignalContext) -> list[Signal]:
    """Events of the window over the median of earlier complete windows of its length; 1 is usual.

    The interval takes the count as Poisson, and the median's standard error as that of normal
    counts, sqrt(pi/2) s/sqrt(k), s^2 their variance but at least their mean.  n: the events.
    """
    name, method = "anomaly.volume", "poisson_log"
    history = context.history
    n = context.events
    if len(history) < FEWEST_WINDOWS:
        reason = f"fewer than {FEWEST_WINDOWS} earlier windows"
        return [unmeasured(name, {}, "insufficient_data", reason, n=n, method=method)]
    usual = statistics.median(history)
    if usual <= 0:
        reason = "zero_denominator"
        return [unmeasured(name, {}, "insufficient_data", reason, n=n, method=method)]
    variance = max(statistics.variance(history), statistics.fmean(history))
    error = math.sqrt(math.pi / 2 * variance / len(history))
    low, high = count_ratio(n, usual, error)
    return [measured(name, {}, n / usual, low, high, n=n, method=method)]
