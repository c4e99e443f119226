"""Data quality: how much of the window's values is missing, of a wrong kind, or unheard of.

Rates carry Wilson's interval; a rate of no observations is `insufficient_data`.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.amounts import INVALID
from agent.binning import MISMATCH, MISSING, NEW, OUT_OF_RANGE
from agent.extras import NUMBERS, values_there
from agent.layout import Column
from agent.reference.profile import CategoricalProfile
from agent.signals.context import SignalContext
from agent.signals.intervals import wilson
from agent.signals.rise import METHOD, rise
from agent.summary import DUPLICATES
from policies.model import Signal, Subject, measured, unmeasured

NO_EVENTS = "no_events"
NO_VALUES = "no_values"
NO_REFERENCE = "no_reference"


def missing_rate(context: SignalContext) -> list[Signal]:
    """Share of events without a value in a column: absent, null, empty, NaN or of a wrong type."""
    return [
        _rate("quality.missing_rate", c.subject, int(context.block(c)[MISSING]), context.events)
        for c in context.layout.columns
    ]


def type_mismatch_rate(context: SignalContext) -> list[Signal]:
    """Share of events whose value in a column was of the wrong type (contract C13).

    Optional fields are told as `{"output": field}`, such as `latency`.
    """
    name = "quality.type_mismatch_rate"
    columns = [
        _rate(name, c.subject, int(context.block(c)[MISMATCH]), context.events)
        for c in context.layout.columns
    ]
    extras = [
        _rate(name, {"output": e.name}, int(context.cells[e.start + MISMATCH]), context.events)
        for e in context.layout.extras
    ]
    return columns + extras


def missing_rate_rise(context: SignalContext) -> list[Signal]:
    """Missing rate minus that of the reference, -1 to 1; Newcombe's interval."""
    name, method = "quality.missing_rate_rise", METHOD
    signals = []
    for column in context.layout.columns:
        profile = column.profile
        missing, n = int(context.block(column)[MISSING]), context.events
        if profile is None:
            signals.append(_no_reference(context, name, column, n, method))
        elif n == 0 or profile.n + profile.missing == 0:
            signals.append(_none(name, column.subject, NO_EVENTS, n, method, context.digest))
        else:
            rows = profile.n + profile.missing
            before = (profile.missing, rows)
            signals.append(rise(context, name, column.subject, (missing, n), before))
    return signals


def new_category_rate(context: SignalContext) -> list[Signal]:
    """Share of a categorical column's values that the reference does not know."""
    name = "quality.new_category_rate"
    return list(_against_reference(context, name, "categorical", NEW))


def out_of_range_rate(context: SignalContext) -> list[Signal]:
    """Share of a numeric column's values below the reference's minimum or above its maximum.

    Of an optional field that is a number, `{"output": field}`: the share of values that are
    impossible whatever the reference (negative, infinite, beyond 1e12 or a year).
    """
    name = "quality.out_of_range_rate"
    found = list(_against_reference(context, name, "numeric", OUT_OF_RANGE))
    for extra in context.layout.extras:
        if extra.name in NUMBERS:
            cells = context.cells[extra.start : extra.stop]
            invalid, there = int(cells[INVALID]), values_there(extra, cells)
            found.append(_rate(name, {"output": extra.name}, invalid, there))
    return found


def duplicate_rate(context: SignalContext) -> list[Signal]:
    """Share of repeats (an event id that was there before) among the events received."""
    repeats = context.count(DUPLICATES)
    return [_rate("quality.duplicate_rate", {}, repeats, context.events + repeats)]


def _against_reference(context: SignalContext, name: str, kind: str, cell: int) -> Iterator[Signal]:
    for column in context.layout.columns:
        if column.kind != kind:
            continue
        n, profile = context.present(column), column.profile
        if profile is None:
            yield _no_reference(context, name, column, n, "wilson")
        elif column.bins is None and column.categories is None:
            reason = "no_values_in_reference"
            yield _none(name, column.subject, reason, n, "wilson", context.digest)
        elif isinstance(profile, CategoricalProfile) and not profile.rare_complete:
            reason = "too_many_categories"
            yield _none(name, column.subject, reason, n, "wilson", context.digest)
        else:
            hits = int(context.block(column)[cell])
            yield _rate(name, column.subject, hits, n, reference=context.digest)


def _rate(
    name: str, subject: Subject, hits: int, n: int, *, reference: str | None = None
) -> Signal:
    if n == 0:
        reason = NO_VALUES if reference or name == "quality.out_of_range_rate" else NO_EVENTS
        return _none(name, subject, reason, 0, "wilson", reference)
    low, high = wilson(hits, n)
    return measured(name, subject, hits / n, low, high, n=n, method="wilson", reference=reference)


def _no_reference(context: SignalContext, name: str, column: Column, n: int, method: str) -> Signal:
    reason = NO_REFERENCE if context.reference is None else f"{NO_REFERENCE}: not in the reference"
    return unmeasured(name, column.subject, "no_reference", reason, n=n, method=method)


def _none(
    name: str, subject: Subject, reason: str, n: int, method: str, reference: str | None
) -> Signal:
    return unmeasured(
        name, subject, "insufficient_data", reason, n=n, method=method, reference=reference
    )
