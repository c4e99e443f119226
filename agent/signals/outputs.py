"""The outputs as a whole, beside the reference's: concentration, confidence, positive rate."""

from __future__ import annotations

from typing import Literal

import numpy as np

from agent.binning import FIRST_BIN
from agent.layout import PREDICTION, SCORE, Column
from agent.reference.profile import CategoricalProfile, NumericProfile
from agent.signals.context import SignalContext
from agent.signals.intervals import log_ratio, two_sided_z, wilson
from agent.signals.rise import METHOD, rise
from policies.model import Signal, SignalStatus, measured, unmeasured

NO_REFERENCE: Literal["no_reference"] = "no_reference"
TOO_FEW = "below_min_drift_n"
TOO_FEW_IN_REFERENCE = "reference_below_min_drift_n"
ZERO = "zero_denominator"


def prediction_concentration(context: SignalContext) -> list[Signal]:
    """Share of the window's most frequent prediction over that of the reference's most frequent.

    Of classes, or of the ten unions of bins of a numeric prediction (contract C7).  1 is usual;
    more means that different people are given the same answer.  Delta method on the log, corrected
    (Bonferroni) for the number of classes, since any of them might have come out on top.
    """
    name, method = "anomaly.prediction_concentration", "log_delta"
    column = _output(context, name, PREDICTION, method)
    if isinstance(column, Signal):
        return [column]
    of = context.shares
    place = [id(one) for one in of.columns].index(id(column))
    ends = [*of.starts.tolist(), len(of.window)]
    part = slice(ends[place], ends[place + 1])
    window, reference = of.window[part], of.reference[part]
    a, n = int(window.max()), int(of.n[place])
    b, m = int(reference.max()), int(of.m[place])
    classes = len(window)
    low, high = log_ratio(a, n, b, m, two_sided_z(classes))
    return [
        measured(
            name,
            column.subject,
            (a / n) / (b / m),
            low,
            high,
            n=n,
            method=f"{method}+bonferroni({classes})",
            reference=context.digest,
        )
    ]


def low_confidence_share(context: SignalContext) -> list[Signal]:
    """Share of scores in the uncertain range; Wilson interval.

    The range is that of `low_confidence`, its ends moved to the nearest of the reference's bin
    edges, on which both shares are counted; an edge is never farther than 1/200 of the reference.
    """
    name, method = "anomaly.low_confidence_share", "wilson"
    found = _uncertain(context, name, method)
    if isinstance(found, Signal):
        return [found]
    column, a, n, _, _ = found
    low, high = wilson(a, n)
    return [
        measured(
            name, column.subject, a / n, low, high, n=n, method=method, reference=context.digest
        )
    ]


def low_confidence_ratio(context: SignalContext) -> list[Signal]:
    """Share of scores in the uncertain range over that of the reference; delta method on the log.

    1 is usual.
    """
    name, method = "anomaly.low_confidence_ratio", "log_delta"
    found = _uncertain(context, name, method)
    if isinstance(found, Signal):
        return [found]
    column, a, n, b, m = found
    if b == 0:
        return [_none(context, name, column, "insufficient_data", ZERO, n, method)]
    low, high = log_ratio(a, n, b, m)
    value = (a / n) / (b / m)
    return [
        measured(
            name, column.subject, value, low, high, n=n, method=method, reference=context.digest
        )
    ]


def positive_rate_difference(context: SignalContext) -> list[Signal]:
    """Share of favourable predictions minus that of the reference, -1 to 1; Newcombe interval.

    Without `favourable` the predictions 1 (or true) count as positive.
    """
    name, method = "drift.positive_rate_difference", METHOD
    column = _output(context, name, PREDICTION, method)
    if isinstance(column, Signal):
        return [column]
    profile, categories = column.profile, column.categories
    n = context.present(column)
    if not isinstance(profile, CategoricalProfile) or categories is None:
        reason = "not_configured: favourable needs predictions that are classes"
        return [_none(context, name, column, "insufficient_data", reason, n, method)]
    positive = (context.layout.favourable or {"1"}) & set(profile.categories)
    if not positive:
        reason = "not_configured: favourable is no prediction of the reference"
        return [_none(context, name, column, "insufficient_data", reason, n, method)]
    block = context.block(column)
    a = sum(int(block[categories[text]]) for text in positive)
    b = sum(profile.categories[text] for text in positive)
    return [rise(context, name, column.subject, (a, n), (b, profile.n))]


def uncertain_bins(profile: NumericProfile, uncertain: tuple[float, float]) -> tuple[int, int]:
    """Return the first bin of a reference's scores that counts as uncertain, and the one behind."""
    edges = np.array(profile.edges, np.float64)
    first, last = (_nearest(edges, end, profile) for end in uncertain)
    return first, last


def _uncertain(
    context: SignalContext, name: str, method: str
) -> Signal | tuple[Column, int, int, int, int]:
    """Return the score's column, uncertain and all scores of the window and of the reference."""
    column = _output(context, name, SCORE, method)
    if isinstance(column, Signal):
        return column
    profile = column.profile
    if not isinstance(profile, NumericProfile):
        return _none(context, name, column, NO_REFERENCE, NO_REFERENCE, 0, method)
    first, last = uncertain_bins(profile, context.settings.uncertain)
    block = context.block(column)
    a = int(block[FIRST_BIN + first : FIRST_BIN + last].sum())
    return column, a, context.present(column), sum(profile.counts[first:last]), profile.n


def _nearest(edges: np.ndarray, end: float, profile: NumericProfile) -> int:
    """Return the bin that begins at the edge nearest to `end`, by the reference between them.

    A range that begins below all scores or ends above them begins or ends with them.
    """
    if profile.minimum is not None and end <= profile.minimum:
        return 0
    if profile.maximum is not None and end > profile.maximum:
        return len(edges) + 1
    if len(edges) == 0:
        return 0
    return int(np.argmin(np.abs(edges - end))) + 1


def _output(context: SignalContext, name: str, output: str, method: str) -> Column | Signal:
    """Return an output's column if there is enough of it here and in the reference."""
    column = context.layout.column("output", output)
    subject = {"output": output}
    if column is None:
        reason = f"not_configured: event.{output}"
        return unmeasured(name, subject, "insufficient_data", reason, n=0, method=method)
    n, profile = context.present(column), column.profile
    if profile is None:
        detail = "" if context.reference is None else ": not in the reference"
        return _none(context, name, column, NO_REFERENCE, NO_REFERENCE + detail, n, method)
    least = max(context.settings.min_drift_n, 1)
    if n < least:
        return _none(context, name, column, "insufficient_data", TOO_FEW, n, method)
    if profile.n < least or (column.bins is None and column.categories is None):
        return _none(context, name, column, "insufficient_data", TOO_FEW_IN_REFERENCE, n, method)
    return column


def _none(
    context: SignalContext,
    name: str,
    column: Column,
    status: SignalStatus,
    reason: str,
    n: int,
    method: str,
) -> Signal:
    reference = None if status == NO_REFERENCE else context.digest
    return unmeasured(name, column.subject, status, reason, n=n, method=method, reference=reference)
