"""Governance: whether what is needed to answer for the system is there and current.

These are counts and ages, known exactly: their interval is the value itself.
"""

from __future__ import annotations

from agent.signals.context import SignalContext
from agent.summary import DUPLICATES, LATE, NO_VERSION, REJECTED, VERSIONS_OVERFLOW
from policies.model import Signal, measured, unmeasured

_DAY = 86_400
_EXACT = "exact"


def reference_age_days(context: SignalContext) -> list[Signal]:
    """Days from the last row of the reference's data to the window's end.  n: its rows."""
    name = "governance.reference_age_days"
    reference = context.reference
    if reference is None:
        return [unmeasured(name, {}, "no_reference", "no_reference", n=0, method=_EXACT)]
    days = (context.window.end - reference.data_end) / _DAY
    return [
        measured(
            name,
            {},
            days,
            days,
            days,
            n=reference.rows,
            method=_EXACT,
            reference=reference.digest,
        )
    ]


def unregistered_version(context: SignalContext) -> list[Signal]:
    """Model versions seen that the inventory does not list.  n: the events.

    Events that name no version, while others do, count as one more; so do those of versions beyond
    the summary's limit: so many are a finding by themselves.
    """
    name = "governance.unregistered_version"
    registered = context.settings.registered
    n = context.events
    if registered is None:
        reason = "not_configured: versions"
        return [unmeasured(name, {}, "insufficient_data", reason, n=n, method=_EXACT)]
    unnamed = context.count(NO_VERSION)
    if n == 0 or unnamed == n:
        reason = "no_events" if n == 0 else "no_model_version"
        return [unmeasured(name, {}, "insufficient_data", reason, n=n, method=_EXACT)]
    strange = sum(version not in registered for version in context.summary.versions)
    value = float(strange + (unnamed > 0) + (context.count(VERSIONS_OVERFLOW) > 0))
    return [measured(name, {}, value, value, value, n=n, method=_EXACT)]


def audit_completeness(context: SignalContext) -> list[Signal]:
    """Share of the records received for the window that it accounts for, 0 to 1.

    Events and repeats over these, the rejected and those dropped for being late.  n: all of them.
    """
    name = "governance.audit_completeness"
    counts = context.summary.counts
    kept = context.events + context.count(DUPLICATES)
    lost = context.count(LATE) + sum(
        amount for key, amount in counts.items() if key.startswith(REJECTED)
    )
    if kept + lost == 0:
        reason = "no_events"
        return [unmeasured(name, {}, "insufficient_data", reason, n=0, method=_EXACT)]
    value = kept / (kept + lost)
    return [measured(name, {}, value, value, value, n=kept + lost, method=_EXACT)]


def review_age_days(context: SignalContext) -> list[Signal]:
    """Days from the last governance review to the window's end.  n: the events.

    Not known of a window before that day: the configuration does not tell of the review before.
    """
    return [_review_age(context, "governance.review_age_days", 1.0)]


def review_age_ratio(context: SignalContext) -> list[Signal]:
    """Days since the last governance review over `review.cadence_days`; above 1 it is overdue."""
    name, cadence = "governance.review_age_ratio", context.settings.review_cadence_days
    if cadence is None:
        return [_unconfigured(context, name, "review.cadence_days")]
    return [_review_age(context, name, cadence)]


def open_without_owner(context: SignalContext) -> list[Signal]:
    """Findings that stand while the configuration names no `owner`; 0 with one.  n: the events.

    Findings are the alerts that stood before this window was judged.
    """
    value = 0 if context.settings.owned else context.open_findings
    name = "governance.open_without_owner"
    return [measured(name, {}, value, value, value, n=context.events, method=_EXACT)]


def _review_age(context: SignalContext, name: str, unit: float) -> Signal:
    last = context.settings.reviewed_at
    if last is None:
        return _unconfigured(context, name, "review.last")
    if context.window.end <= last:
        return _unconfigured(context, name, "review.last before its day")
    value = (context.window.end - last) / _DAY / unit
    return measured(name, {}, value, value, value, n=context.events, method=_EXACT)


def _unconfigured(context: SignalContext, name: str, key: str) -> Signal:
    reason = f"not_configured: {key}"
    return unmeasured(name, {}, "insufficient_data", reason, n=context.events, method=_EXACT)
