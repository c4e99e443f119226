"""Performance against the accepted baseline: that of the reference's own labels.

Positive is worse.  The baseline's sampling error is in the interval (`ratio_interval`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from agent.reference.profile import MeasureProfile
from agent.signals.context import SignalContext
from agent.signals.gaps import NO_REFERENCE
from agent.signals.intervals import Interval
from agent.signals.measures import ZERO
from agent.signals.performance import of_system
from agent.signals.scored import Estimate
from policies.model import Signal, measured, unmeasured

NO_LABELS = f"{NO_REFERENCE}: no labels in the reference"
OTHER_FAVOURABLE = f"{NO_REFERENCE}: built with another favourable outcome"
NOT_MEASURED = f"{NO_REFERENCE}: not measured in the reference"

Change = Callable[[Estimate, MeasureProfile], Estimate | None]


def accuracy_drop(context: SignalContext) -> list[Signal]:
    """(Accuracy of the reference - accuracy now) / that of the reference; above 0 is worse."""
    return _against_baseline(context, "performance.accuracy_drop", "performance.accuracy", drop)


def recall_drop(context: SignalContext) -> list[Signal]:
    """(Recall of the reference - recall now) / that of the reference; above 0 is worse."""
    return _against_baseline(context, "performance.recall_drop", "performance.recall", drop)


def roc_auc_drop(context: SignalContext) -> list[Signal]:
    """(ROC AUC of the reference - ROC AUC now) / that of the reference; above 0 is worse."""
    return _against_baseline(context, "performance.roc_auc_drop", "performance.roc_auc", drop)


def mae_rise(context: SignalContext) -> list[Signal]:
    """(Mean absolute error now - that of the reference) / that of the reference; >0 is worse."""
    return _against_baseline(context, "performance.mae_rise", "performance.mae", rise)


def rmse_rise(context: SignalContext) -> list[Signal]:
    """(Root mean square error now - that of the reference) / that of the reference."""
    return _against_baseline(context, "performance.rmse_rise", "performance.rmse", rise)


def ece_rise(context: SignalContext) -> list[Signal]:
    """Expected calibration error now - that of the reference, -1 to 1; above 0 is worse.

    The two are biased alike, so the difference says more than either.
    """
    return _against_baseline(context, "performance.ece_rise", "performance.ece", difference)


def ratio_interval(a: Estimate, b: Estimate) -> Interval | None:
    """Interval of a/b for independent positive numbers, None where b may be 0.

    From their own intervals: Donner and Zou, Closed-form confidence intervals for functions of the
    normal mean and standard deviation, Statistical Methods in Medical Research 21, 2012 (MOVER-R).
    """
    if b.low <= 0 or b.high >= 2 * b.value:
        return None
    product = a.value * b.value
    under = product**2 - a.low * b.high * (2 * a.value - a.low) * (2 * b.value - b.high)
    over = product**2 - a.high * b.low * (2 * a.value - a.high) * (2 * b.value - b.low)
    low = (product - math.sqrt(max(0.0, under))) / (b.high * (2 * b.value - b.high))
    high = (product + math.sqrt(max(0.0, over))) / (b.low * (2 * b.value - b.low))
    return low, high


def rise(now: Estimate, then: MeasureProfile) -> Estimate | None:
    """Return now/then - 1 with its interval, None where the baseline may be 0."""
    base = Estimate(then.value, then.low, then.high)
    found = None if then.value <= 0 else ratio_interval(now, base)
    if found is None:
        return None
    ratio = now.value / then.value
    return Estimate(ratio - 1, min(found[0], ratio) - 1, max(found[1], ratio) - 1)


def drop(now: Estimate, then: MeasureProfile) -> Estimate | None:
    """Return 1 - now/then with its interval, None where the baseline may be 0."""
    found = rise(now, then)
    return None if found is None else Estimate(-found.value, -found.high, -found.low)


def difference(now: Estimate, then: MeasureProfile) -> Estimate:
    """Return now - then with its interval (MOVER; Zou and Donner 2008)."""
    value = now.value - then.value
    below = math.hypot(now.value - now.low, then.high - then.value)
    above = math.hypot(now.high - now.value, then.value - then.low)
    return Estimate(value, value - below, value + above)


def _against_baseline(
    context: SignalContext, name: str, measure: str, change: Change
) -> list[Signal]:
    now = of_system(context, measure)
    method = f"{now.method}+mover"
    if now.estimate is None:
        reason = now.reason or ZERO
        return [unmeasured(name, {}, "insufficient_data", reason, n=now.n, method=method)]
    reference, lacking = context.reference, None
    then = None
    if reference is None:
        lacking = NO_REFERENCE
    elif reference.outcomes is None:
        lacking = NO_LABELS
    elif frozenset(reference.favourable) != context.layout.favourable:
        lacking = OTHER_FAVOURABLE
    else:
        then = reference.outcomes.measures.get(measure)
    if reference is None or then is None:
        reason = lacking or NOT_MEASURED
        return [unmeasured(name, {}, "no_reference", reason, n=now.n, method=method)]
    found = change(now.estimate, then)
    if found is None:
        return [unmeasured(name, {}, "insufficient_data", ZERO, n=now.n, method=method)]
    return [measured(name, {}, *found, n=now.n, method=method, reference=reference.digest)]
