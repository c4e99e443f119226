"""How long findings stand: until they are resolved, and without a correction on record.

A finding that waits is known to have stood until the start of the newest window that showed it,
and may stand until now: these are the ends of the interval.  So a finding of a long window is not
held against anybody before that window could have shown that it is over, and one that can no longer
be judged never reads as resolved.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent.signals.card import Waiting
from agent.signals.context import SignalContext
from policies.model import Signal, Window, measured

OLDEST = "governance.oldest_finding_hours"
UNCORRECTED = "governance.uncorrected_days"

_HOUR, _DAY = 3_600, 86_400


class Bounds(NamedTuple):
    """Seconds that a finding has stood: at least, to the newest window that showed it, at most."""

    low: float = 0.0
    value: float = 0.0
    high: float = 0.0


def oldest_finding_hours(context: SignalContext) -> list[Signal]:
    """Hours that the oldest finding has stood since it was raised; 0 without any.

    n: the findings, of all model versions, that stood before this window was judged.
    """
    return [_longest(OLDEST, _HOUR, context.waiting, {}, context.window)]


def uncorrected_days(context: SignalContext) -> list[Signal]:
    """Days that a breach has stood since it was raised, or since the newest correction of it.

    Corrections are the `mitigations` of the card that are in effect.  n: the breaches.
    """
    breaches = [one for one in context.waiting if one.part.kind == "breach"]
    window = context.window
    corrected: dict[str, int] = {}
    for one in context.settings.corrections:
        if one.at < window.end:
            for found in breaches:
                if found.rule == one.rule and one.attribute in (None, found.attribute):
                    key = _cause(found)
                    corrected[key] = max(one.at, corrected.get(key, one.at))
    return [_longest(UNCORRECTED, _DAY, breaches, corrected, window)]


def _longest(
    name: str, unit: int, waiting: Iterable[Waiting], since: dict[str, int], window: Window
) -> Signal:
    stood = [(_bounds(one, since.get(_cause(one)), window), one.rule) for one in waiting]
    _, oldest = max(stood, default=(Bounds(), ""))
    low, value, high = (max((b[i] for b, _ in stood), default=0.0) / unit for i in range(3))
    method = f"bounds, {oldest}" if oldest else "bounds"
    return measured(name, {}, value, low, high, n=len(stood), method=method)


def _bounds(one: Waiting, corrected: int | None, window: Window) -> Bounds:
    part = one.part
    length = part.window.end - part.window.start
    began = part.since + length if part.raised is None else part.raised
    began = began if corrected is None else max(began, corrected)
    last = part.window.end if part.now == "ok" else window.end
    low, value = max(0, part.window.start - began), max(0, part.window.end - began)
    return Bounds(low, value, max(value, last - began))


def _cause(one: Waiting) -> str:
    return f"{one.rule}|{one.attribute}"
