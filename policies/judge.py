"""From an interval and a threshold to a state: the arithmetic of contract C10, and nothing else."""

from __future__ import annotations

import math

from policies.model import Signal, State, Threshold

INCONCLUSIVE = "inconclusive"


def judge(threshold: Threshold, low: float, high: float) -> State:
    """Return the state of an interval `[low, high]`, `low <= high`, both finite.

    *Beyond* is strict and *inside* includes the limit itself, so that each value is exactly one
    of the two: a ratio of exactly 0.80 does not breach `< 0.80`, and a count of 0 is inside
    `warn: 0` while a count of 1 is beyond it.

    - `>`: beyond t when `low > t`, inside t when `high <= t`.
    - `<`: beyond t when `high < t`, inside t when `low >= t`.
    - `abs>`: beyond t when `low > t` or `high < -t`, inside t when `-t <= low` and `high <= t`.

    Beyond breach gives `breach`, else beyond warn gives `warn`, else inside warn gives `ok`; an
    interval across the warn limit gives `not_assessable` (reason `inconclusive`).
    """
    if _beyond(threshold, threshold.breach, low, high):
        return "breach"
    if _beyond(threshold, threshold.warn, low, high):
        return "warn"
    if _inside(threshold, threshold.warn, low, high):
        return "ok"
    return "not_assessable"


def beyond_doubt(threshold: Threshold, signal: Signal, widened: float) -> State | None:
    """Return `breach` or `warn` if an interval `widened` times as wide is beyond it, else None.

    It is stretched about the signal's value, each side by itself.
    """
    bounds = interval(signal)
    if bounds is None or signal.value is None:
        return None
    low = min(bounds[0], signal.value - widened * (signal.value - bounds[0]))
    high = max(bounds[1], signal.value + widened * (bounds[1] - signal.value))
    state = judge(threshold, low, high)
    return state if state in ("breach", "warn") else None


def interval(signal: Signal) -> tuple[float, float] | None:
    """Return `(low, high)` of a signal that can be judged, else None.

    None when the status is not `ok`, and also when a signal that claims to be ok has no finite,
    ordered interval: such a signal must never read as ok.
    """
    low, high = signal.low, signal.high
    if signal.status != "ok" or low is None or high is None or signal.value is None:
        return None
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(signal.value)):
        return None
    return (low, high) if low <= high else None


def _beyond(threshold: Threshold, limit: float, low: float, high: float) -> bool:
    if threshold.op == ">":
        return low > limit
    if threshold.op == "<":
        return high < limit
    return low > limit or high < -limit


def _inside(threshold: Threshold, limit: float, low: float, high: float) -> bool:
    if threshold.op == ">":
        return high <= limit
    if threshold.op == "<":
        return low >= limit
    return -limit <= low and high <= limit
