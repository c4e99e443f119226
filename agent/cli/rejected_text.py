"""Counts of rejected records, of labels and of reviews, in words."""

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


_LABELS = {
    "repeated": "repeats",
    "superseded": "disagree with another one: the later holds",
    "late": "recorded before or after their time counts (time.pair_horizon, time.{horizon})",
    "orphan": "of ids without an event",
    "not_sampled": "beyond labels.max_pending: outside the sample",
}


def labels_words(outcomes: Mapping[str, int], horizon: str = "label_horizon") -> str:
    """Return what became of labels that are more or other than one for an event; may be empty.

    `horizon` is the setting that says how long they count: that of labels, or of reviews.
    """
    found = ((outcomes.get(name), words) for name, words in _LABELS.items())
    return "; ".join(f"{n} {words.format(horizon=horizon)}" for n, words in found if n)
