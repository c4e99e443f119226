"""Every name of a signal that a policy may judge."""

from __future__ import annotations


def known_signals() -> frozenset[str]:
    """Return the names of the signals that are computed here; any other is a typing error."""
    from agent.signals.table import all_signals

    return frozenset(all_signals())
