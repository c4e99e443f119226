"""Every signal that a policy may judge, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping


def known_signals() -> Mapping[str, frozenset[str]]:
    """Return the kinds of subject of each signal that is computed here, by name.

    Any other name is a typing error.  A signal of another package whose function does not say what
    it is about, by an attribute `subjects`, may be judged of anything: it has no kinds here.
    """
    from agent.signals.subjects import subjects_of
    from agent.signals.table import SIGNALS, all_signals

    return {
        name: subjects_of(name) if name in SIGNALS else frozenset(getattr(function, "subjects", ()))
        for name, function in all_signals().items()
    }
