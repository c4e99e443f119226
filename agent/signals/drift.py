"""Drift: how far the window's distributions are from the reference's (contract C7).

Missing values are left out; n counts the others.  The definitions of values and intervals are in
`divergence` (PSI, Jensen-Shannon) and `transport` (Kolmogorov-Smirnov, Wasserstein).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from agent.layout import Column
from agent.signals.context import SignalContext
from agent.signals.divergence import Divergences
from agent.signals.transport import kolmogorov_smirnov, wasserstein
from policies.model import Signal, measured, unmeasured

NO_REFERENCE = "no_reference"
TOO_FEW = "below_min_drift_n"
BEYOND_NUMBERS = "too_large_to_compute"
TOO_FEW_IN_REFERENCE = "reference_below_min_drift_n"

_PSI, _JS = "drift.psi", "drift.js_distance"
_GAMMA = "gamma_inversion"


def psi(context: SignalContext) -> list[Signal]:
    """Population stability index of each column, natural log, smoothed shares.

    Sum over bins of (p - q) ln(p/q), p the reference's and q the window's share.  Lewis, An
    Introduction to Credit Scoring, 1994; Siddiqi, Credit Risk Scorecards, 2006.
    """
    return _signals(context, _PSI, _GAMMA, lambda: (context.shares.columns, context.divergences[0]))


def js_distance(context: SignalContext) -> list[Signal]:
    """Jensen-Shannon distance of each column: the square root of the divergence in bits, 0 to 1.

    Same bins and shares as PSI.  Lin, Divergence measures based on the Shannon entropy, IEEE
    Transactions on Information Theory 37, 1991; Endres and Schindelin 2003 for the root.
    """

    def distances() -> tuple[tuple[Column, ...], Divergences]:
        _, values = context.divergences
        found = Divergences(*((part / math.log(2)) ** 0.5 for part in values))
        return context.shares.columns, found

    return _signals(context, _JS, _GAMMA, distances)


def ks(context: SignalContext) -> list[Signal]:
    """Kolmogorov-Smirnov distance of each numeric column on the reference's 200 bins, 0 to 1."""

    def distances() -> tuple[tuple[Column, ...], Divergences]:
        return context.curves.columns, kolmogorov_smirnov(context.curves)

    return _signals(context, "drift.ks", "smirnov", distances, numeric=True)


def wasserstein_normed(context: SignalContext) -> list[Signal]:
    """First Wasserstein distance of each numeric column over max(reference sd, 0.001).

    Infinite values stand at the end of the reference's range, values more than 2^20 standard
    deviations away at that distance.
    """

    def distances() -> tuple[tuple[Column, ...], Divergences]:
        return context.curves.columns, wasserstein(context.curves)

    name, method = "drift.wasserstein_normed", "kantorovich_bridge"
    return _signals(context, name, method, distances, numeric=True)


def share(context: SignalContext) -> list[Signal]:
    """Share of features whose PSI is at least `share_threshold`.

    low: the share of all features whose PSI interval lies wholly at or above the threshold; high:
    of those whose interval reaches it or that could not be assessed, so that a feature without a
    verdict never counts as calm.  n: the fewest values of any feature that counted.
    """
    name, method = "drift.share", "psi_intervals"
    features = [s for s in psi(context) if "feature" in s.subject]
    if context.reference is None:
        return [unmeasured(name, {}, "no_reference", NO_REFERENCE, n=context.events, method=method)]
    judged = [s for s in features if s.status == "ok"]
    if not judged:
        reason = TOO_FEW if features else "no_features"
        return [
            unmeasured(
                name,
                {},
                "insufficient_data",
                reason,
                n=min((s.n or 0 for s in features), default=0),
                method=method,
                reference=context.digest,
            )
        ]
    limit = context.settings.share_threshold
    unknown = len(features) - len(judged)
    above = sum(s.value >= limit for s in judged if s.value is not None)
    certain = sum(s.low >= limit for s in judged if s.low is not None)
    possible = sum(s.high >= limit for s in judged if s.high is not None)
    return [
        measured(
            name,
            {},
            above / len(judged),
            certain / len(features),
            (possible + unknown) / len(features),
            n=min(s.n or 0 for s in judged),
            method=method,
            reference=context.digest,
        )
    ]


def _signals(
    context: SignalContext,
    name: str,
    method: str,
    measure: Callable[[], tuple[tuple[Column, ...], Divergences]],
    *,
    numeric: bool = False,
) -> list[Signal]:
    """Return a signal for each column of the layout.

    `measure` returns values, and of which columns they are; it is only called where there is a
    column whose drift can be told: most short windows have none, and measuring takes long.
    """
    columns = [c for c in context.layout.columns if c.kind == "numeric" or not numeric]
    counts = [context.present(column) for column in columns]
    problems = [_problem(context, c, n) for c, n in zip(columns, counts, strict=True)]
    places: dict[int, int] = {}
    value, low, high = list[float](), list[float](), list[float]()
    if None in problems:
        measured_columns, values = measure()
        places = {id(column): i for i, column in enumerate(measured_columns)}
        value, low, high = (part.tolist() for part in values)
    signals = []
    for column, n, problem in zip(columns, counts, problems, strict=True):
        if problem is not None:
            status, reason = problem
            signals.append(
                unmeasured(
                    name,
                    column.subject,
                    "no_reference" if status == NO_REFERENCE else "insufficient_data",
                    reason,
                    n=n,
                    method=method,
                    reference=None if status == NO_REFERENCE else context.digest,
                )
            )
            continue
        i = places[id(column)]
        if not all(map(math.isfinite, (value[i], low[i], high[i]))):
            signals.append(
                unmeasured(
                    name,
                    column.subject,
                    "insufficient_data",
                    BEYOND_NUMBERS,
                    n=n,
                    method=method,
                    reference=context.digest,
                )
            )
            continue
        signals.append(
            measured(
                name,
                column.subject,
                value[i],
                low[i],
                high[i],
                n=n,
                method=method,
                reference=context.digest,
            )
        )
    return signals


def _problem(context: SignalContext, column: Column, n: int) -> tuple[str, str] | None:
    """Return why a column's drift cannot be told (status, reason), or None."""
    profile = column.profile
    if profile is None:
        detail = "" if context.reference is None else ": not in the reference"
        return NO_REFERENCE, NO_REFERENCE + detail
    least = context.settings.min_drift_n
    if n < least:
        return "insufficient_data", TOO_FEW
    if profile.n < least or (column.bins is None and column.categories is None):
        return "insufficient_data", TOO_FEW_IN_REFERENCE
    return None
