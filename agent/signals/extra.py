"""What signals on optional fields have in common: shares, means, and why there is no value."""

from __future__ import annotations

from agent.amounts import counted, moments
from agent.extras import NO, YES
from agent.signals.context import SignalContext
from agent.signals.intervals import mean_interval, wilson
from collectors.batch import Ints
from policies.model import Signal, measured, unmeasured

NOT_CONFIGURED = "not_configured: "
NO_EVENTS = "no_events"
NO_VALUES = "no_values"
TOO_FEW = "below_min_field_n"


def missing(name: str, reason: str, n: int, method: str) -> Signal:
    """Return the signal that says why nothing about the system can be told."""
    return unmeasured(name, {}, "insufficient_data", reason, n=n, method=method)


def unmapped(name: str, key: str, method: str) -> Signal:
    """Return the signal of a field or setting that the configuration lacks."""
    return missing(name, NOT_CONFIGURED + key, 0, method)


def share_of(name: str, hits: int, n: int) -> Signal:
    """Return the share hits / n with Wilson's interval."""
    if n == 0:
        return missing(name, NO_VALUES, 0, "wilson")
    low, high = wilson(hits, n)
    return measured(name, {}, hits / n, low, high, n=n, method="wilson")


def yes_share(context: SignalContext, name: str, field: str) -> list[Signal]:
    """Return the share of yes among the values of a share block; n: those values."""
    block = context.optional(field)
    if block is None:
        return [unmapped(name, f"event.{field}", "wilson")]
    yes = int(block[YES])
    return [share_of(name, yes, yes + int(block[NO]))]


def mean_of(
    context: SignalContext, name: str, field: str, *, factor: float = 1.0, method: str = "normal"
) -> list[Signal]:
    """Return `factor` times the mean of a mean block; n: its values."""
    block = context.optional(field)
    if block is None:
        return [unmapped(name, f"event.{field}", method)]
    found = moments(block)
    reason = too_few(context, found.n)
    if reason is not None:
        return [missing(name, reason, found.n, method)]
    low, high = mean_interval(found.mean, found.variance, found.n)
    value = found.mean * factor
    low, high = min(low * factor, value), max(high * factor, value)
    return [measured(name, {}, value, low, high, n=found.n, method=method)]


def too_few(context: SignalContext, n: int) -> str | None:
    """Return why so few values say nothing, or None."""
    if n == 0:
        return NO_VALUES
    return TOO_FEW if n < max(context.settings.min_field_n, 2) else None


def timed(context: SignalContext, name: str, field: str, method: str) -> Ints | Signal:
    """Return a quantile block with enough values, or the signal that says why there is none."""
    block = context.optional(field)
    if block is None:
        return unmapped(name, f"event.{field}", method)
    n = counted(block)
    reason = too_few(context, n)
    return block if reason is None else missing(name, reason, n, method)
