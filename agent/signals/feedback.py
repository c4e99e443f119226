"""Feedback of the people decided about, per 10,000 predictions.

A complaint counts in the window in which it came, which is seldom that of the decision, so the rate
may exceed 10,000; it is a Poisson count over the window's events.
"""

from __future__ import annotations

from agent.beside import APPEALS, COMPLAINTS
from agent.signals.context import SignalContext
from agent.signals.extra import NO_EVENTS, missing, unmapped
from agent.signals.intervals import poisson
from collectors.decoders.columns import FEEDBACK
from policies.model import Signal, measured

PER = 10_000

_METHOD = "poisson_byar"


def complaint_rate(context: SignalContext) -> list[Signal]:
    """Complaints per 10,000 predictions; Byar's interval of the count.  n: the events."""
    return _rate(context, "feedback.complaint_rate", COMPLAINTS, 1.0)


def appeal_rate(context: SignalContext) -> list[Signal]:
    """Appeals per 10,000 predictions; Byar's interval of the count.  n: the events."""
    return _rate(context, "feedback.appeal_rate", APPEALS, 1.0)


def complaint_ratio(context: SignalContext) -> list[Signal]:
    """Complaint rate over `baselines.complaint_rate`; 1 is usual."""
    name, usual = "feedback.complaint_ratio", context.settings.complaint_rate
    if usual is None:
        return [unmapped(name, "baselines.complaint_rate", _METHOD)]
    return _rate(context, name, COMPLAINTS, usual)


def appeal_ratio(context: SignalContext) -> list[Signal]:
    """Appeal rate over `baselines.appeal_rate`; 1 is usual."""
    name, usual = "feedback.appeal_ratio", context.settings.appeal_rate
    if usual is None:
        return [unmapped(name, "baselines.appeal_rate", _METHOD)]
    return _rate(context, name, APPEALS, usual)


def _rate(context: SignalContext, name: str, count: str, unit: float) -> list[Signal]:
    if FEEDBACK not in context.layout.mapped:
        return [unmapped(name, "event.feedback", _METHOD)]
    n = context.events
    if n == 0:
        return [missing(name, NO_EVENTS, 0, _METHOD)]
    found, scale = context.count(count), PER / n / unit
    low, high = poisson(found)
    return [
        measured(name, {}, found * scale, low * scale, high * scale, n=n, method=_METHOD),
    ]
