"""Every name of a signal that a policy may judge."""

from __future__ import annotations

from policies.load import load_pack
from policies.table import PACKS


def known_signals() -> frozenset[str]:
    """Return the signals that are computed here, and those that a shipped pack speaks of.

    A shipped rule may be ahead of its signal (it then gives `not_assessable` and says so); a name
    that is neither is a typing error.
    """
    from agent.signals.table import all_signals

    named = {rule.signal for name in PACKS for rule in load_pack(name).rules}
    return frozenset(named | set(all_signals()))
