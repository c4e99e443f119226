"""Anomalies of the stream: unusual inputs, outputs and volumes, and silence."""

from __future__ import annotations

import math
import statistics

from agent.outliers import OUTLYING
from agent.reference.profile import OutlierProfile
from agent.signals.context import SignalContext
from agent.signals.extra import missing, too_few
from agent.signals.intervals import count_ratio, log_ratio, wilson
from agent.signals.quiet import silence_interval
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


def outlier_share(context: SignalContext) -> list[Signal]:
    """Share of events whose histogram-based outlier score is above the reference's 99.5 % point.

    Goldstein and Dengel 2012, see `agent.outliers`; Wilson interval.  n: the events.
    """
    name, method = "anomaly.outlier_share", "wilson"
    found = _outliers(context, name, method)
    if isinstance(found, Signal):
        return [found]
    outliers, n, _ = found
    low, high = wilson(outliers, n)
    value = outliers / n
    return [measured(name, {}, value, low, high, n=n, method=method, reference=context.digest)]


def outlier_ratio(context: SignalContext) -> list[Signal]:
    """Share of outliers over that of the reference itself, about 0.005; delta method on the log.

    1 is usual.  Where no row of the reference was above its threshold, half a row is taken for it.
    n: the events.
    """
    name, method = "anomaly.outlier_ratio", "log_delta"
    found = _outliers(context, name, method)
    if isinstance(found, Signal):
        return [found]
    outliers, n, profile = found
    # Where many rows tie at the threshold none is above it; the rate is then below one in all.
    above = max(profile.above, 0.5)
    low, high = log_ratio(outliers, n, above, profile.rows)
    value = (outliers / n) / (above / profile.rows)
    return [measured(name, {}, value, low, high, n=n, method=method, reference=context.digest)]


def _outliers(
    context: SignalContext, name: str, method: str
) -> Signal | tuple[int, int, OutlierProfile]:
    """Return outliers, events and the reference's profile, or the signal that says why not."""
    reference, n = context.reference, context.events
    if reference is None or reference.outliers is None:
        built = "" if reference is None else ": built without outliers, from fewer than 200 rows"
        return unmeasured(name, {}, "no_reference", f"no_reference{built}", n=n, method=method)
    scorer = context.layout.outliers
    reason = "features_differ_from_reference" if scorer is None else too_few(context, n)
    if scorer is None or reason is not None:
        return missing(name, reason or "", n, method)
    outliers = int(context.cells[scorer.start + OUTLYING])
    return outliers, n, reference.outliers


def silence(context: SignalContext) -> list[Signal]:
    """Whole minutes since an event was last read, by the clock; only in `run` (contract C12).

    `low` is what usual traffic does not explain, see `agent.signals.quiet`.  Told at the system's
    shortest window length.  n: the events of the window.
    """
    name, method, n = "anomaly.silence", "poisson_gaps", context.events
    published = context.settings.silence_window
    if context.silence is None:
        return [missing(name, "only_in_run", n, method)]
    if published is not None and context.window.length != published:
        return [missing(name, f"published_at:{published}", n, method)]
    length = context.window.end - context.window.start
    low, high = silence_interval(context.silence, context.history, length)
    return [measured(name, {}, context.silence, low, high, n=n, method=method)]
