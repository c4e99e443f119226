"""Counts of rejected records, of labels and of reviews, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.backtest import Result

_TIMES = (
    "a time is RFC 3339 (2026-03-01T12:00:00Z), or seconds, ms, us or ns since 1970; name the "
    "field that has it in systems[].event.time"
)
_REMEDIES = {
    "naive_time": "set systems[].event.timezone to the zone of times that carry no offset",
    "missing_time": "correct systems[].event.time",
    "unreadable_time": _TIMES,
    "implausible_time": _TIMES,
    "future": "these times are ahead of this machine's clock by more than time.future_skew: "
    "set the clock right, that of the producer or this one",
    "bad_encoding": "save the records as UTF-8",
    "invalid_json": "each record has to be one JSON object: in a file, one per line",
    "not_an_object": "each record has to be one JSON object: in a file, one per line, and no list",
    "csv_columns": "let each line have the cells of the header, and name what separates them in "
    "collectors[].delimiter",
}


def rejected_words(rejected: Mapping[str, int]) -> str:
    """Return the reasons with their counts, and for the one most frequent what mends it."""
    counts = ", ".join(f"{reason} {n}" for reason, n in sorted(rejected.items()))
    remedy = _REMEDIES.get(max(sorted(rejected), key=lambda reason: rejected[reason], default=""))
    return f"{counts}; {remedy}" if remedy else counts


def lost_words(result: Result) -> Iterator[str]:
    """Say of how many records a backtest made nothing, and what mends it; nothing where of none."""
    rejected = sum(result.rejected.values())
    total = result.events + result.late + result.duplicates + rejected
    if result.late:
        yield (
            f"{result.late} of {total} records were dropped as late, behind newer ones by more "
            "than time.lateness: sort the file by time"
        )
    if rejected and result.events:
        words = rejected_words(result.rejected)
        yield f"{rejected} of {total} records were rejected: {words}"


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
