"""Whether what the inventory says of a system still holds: assessment, legal bases, waivers.

Known exactly, so the interval is the value itself.  Ages are counted to the window's end, never to
the wall clock: the same window gives the same signal whenever it is judged.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.signals.card import Inventory
from agent.signals.context import SignalContext
from policies.model import Signal, Window, measured, unmeasured

_DAY = 86_400
_EXACT = "exact"
_TO_COME = "impact_assessment before its date"


def assessment_missing(context: SignalContext) -> list[Signal]:
    """1 if the system has no impact assessment and its tier is above minimal, else 0.

    Not known of a window before the assessment's date: the card does not tell what was there then.
    """
    return [_missing(context.settings.inventory, context.window)]


def assessment_expired_days(context: SignalContext) -> list[Signal]:
    """Days from the expiry of the impact assessment to the window's end; 0 while it holds.

    Not known of a window before the assessment's date.
    """
    name = "governance.assessment_expired_days"
    until = context.settings.inventory.assessed_until
    if until is None:
        return [_not_configured(name, "impact_assessment")]
    if _before_its_date(context.settings.inventory, context.window):
        return [_not_configured(name, _TO_COME)]
    return [_exactly(name, _days(context.window, [until]), 1)]


def basis_expired_days(context: SignalContext) -> list[Signal]:
    """Days from the expiry of an audit attribute's legal basis to the window's end, per attribute.

    0 while it holds.
    """
    name = "governance.basis_expired_days"
    bases = context.settings.inventory.basis_until
    if not bases:
        return [_not_configured(name, "audit_attributes")]
    return [
        _exactly(name, _days(context.window, [until]), 1, attribute)
        for attribute, until in bases.items()
    ]


def waiver_expired_days(context: SignalContext) -> list[Signal]:
    """Days from the expiry of the waiver that expired first to the window's end.

    0 while all hold, and without any.  n: the waivers.
    """
    return [_waivers(context.settings.inventory, context.window)]


def drill_age_days(context: SignalContext) -> list[Signal]:
    """Days from the last drill of switching the system off to the window's end.

    Not known of a window before that day.
    """
    name = "governance.drill_age_days"
    drilled = context.settings.inventory.drilled_at
    if drilled is None:
        return [_not_configured(name, "oversight_drill")]
    if context.window.end <= drilled:
        return [_not_configured(name, "oversight_drill before its day")]
    return [_exactly(name, _days(context.window, [drilled]), 1)]


def oversight_shortfall(context: SignalContext) -> list[Signal]:
    """Categories of human involvement (0 to 2) below the least that fits the system's tier."""
    return [_shortfall(context.settings.inventory)]


def of_packs(inventory: Inventory, window: Window) -> dict[str, Signal]:
    """Return, by name, the signals here that hang on the packs: on their matrix and waivers."""
    found = (_missing(inventory, window), _waivers(inventory, window), _shortfall(inventory))
    return {signal.name: signal for signal in found}


def _missing(inventory: Inventory, window: Window) -> Signal:
    name = "governance.assessment_missing"
    if inventory.tier == "minimal":
        return _exactly(name, 0.0, 1)
    if _before_its_date(inventory, window):
        return _not_configured(name, _TO_COME)
    return _exactly(name, float(inventory.assessed_until is None), 1)


def _before_its_date(inventory: Inventory, window: Window) -> bool:
    return inventory.assessed_until is not None and window.end <= inventory.assessed_from


def _waivers(inventory: Inventory, window: Window) -> Signal:
    waived = inventory.waived_until
    return _exactly("governance.waiver_expired_days", _days(window, waived), len(waived))


def _shortfall(inventory: Inventory) -> Signal:
    return _exactly("governance.oversight_shortfall", float(inventory.shortfall), 1)


def _days(window: Window, ends: Iterable[int]) -> float:
    return max((max(0.0, (window.end - end) / _DAY) for end in ends), default=0.0)


def _exactly(name: str, value: float, n: int, attribute: str | None = None) -> Signal:
    subject = {} if attribute is None else {"attribute": attribute}
    return measured(name, subject, value, value, value, n=n, method=_EXACT)


def _not_configured(name: str, key: str) -> Signal:
    reason = f"not_configured: {key}"
    return unmeasured(name, {}, "insufficient_data", reason, n=0, method=_EXACT)
