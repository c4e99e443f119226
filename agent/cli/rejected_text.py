"""Counts of rejected records in words."""

from __future__ import annotations

from collections.abc import Mapping

_REMEDIES = {
    "naive_time": "set systems[].event.timezone to the zone of times that carry no offset",
    "missing_time": "correct systems[].event.time",
    "unreadable_time": "correct systems[].event.time",
}


def rejected_words(rejected: Mapping[str, int]) -> str:
    """Return the reasons with their counts, and for the one most frequent what mends it."""
    counts = ", ".join(f"{reason} {n}" for reason, n in sorted(rejected.items()))
    remedy = _REMEDIES.get(max(sorted(rejected), key=lambda reason: rejected[reason], default=""))
    return f"{counts}; {remedy}" if remedy else counts
