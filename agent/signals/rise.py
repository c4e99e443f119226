"""A share in the window minus the same share in the reference."""

from __future__ import annotations

from agent.signals.context import SignalContext
from agent.signals.intervals import newcombe
from policies.model import Signal, Subject, measured

METHOD = "newcombe"


def rise(
    context: SignalContext,
    name: str,
    subject: Subject,
    of_window: tuple[int, int],
    of_reference: tuple[int, int],
) -> Signal:
    """Return the difference of two shares, each a count and its total, -1 to 1.

    Newcombe's interval for independent shares; the value always belongs to it.
    """
    (a, n), (b, m) = of_window, of_reference
    value = a / n - b / m
    low, high = newcombe(a, n, b, m)
    return measured(
        name,
        subject,
        value,
        min(low, value),
        max(high, value),
        n=n,
        method=METHOD,
        reference=context.digest,
    )
