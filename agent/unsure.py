"""Predictions of low confidence, and how many of them a human decided, counted event by event.

Which score is low is part of the name of a count, so that a window in which the configuration
changed never mixes two meanings, and no stored summary becomes unreadable.
"""

from __future__ import annotations

import numpy as np

from agent.outcomes import present
from collectors.batch import EventBatch, Flags, Floats, Ints
from collectors.decoders.columns import DECISION

Range = tuple[float, float]
"""Scores from the first to below the second number are of low confidence."""

UNSURE, UNSURE_REVIEWED = "unsure", "unsure_reviewed"

UNREVIEWABLE = "unreviewable"
"""Name of a count: predictions that no human decision can be joined to."""


def count_name(kind: str, uncertain: Range) -> str:
    """Return the key in a summary's `counts` of those of a kind that are of low confidence."""
    low, high = uncertain
    return f"{kind} {low!r}..{high!r}"


def is_unsure(score: Floats, uncertain: Range) -> Flags:
    """Tell which scores are of low confidence; a missing one is not."""
    low, high = uncertain
    flags: Flags = (score >= low) & (score < high)
    return flags


def count_unsure(batch: EventBatch, uncertain: Range, events: Flags) -> list[tuple[str, Ints]]:
    """Return the unsure rows among `events`, and those that carry a human decision, by name."""
    if batch.score is None:
        return []
    unsure = events & is_unsure(batch.score, uncertain)
    decision = batch.extra.get(DECISION)
    reviewed = unsure & present(decision) if decision is not None else np.zeros_like(unsure)
    named = ((UNSURE, unsure), (UNSURE_REVIEWED, reviewed))
    found = [(count_name(kind, uncertain), np.flatnonzero(flags)) for kind, flags in named]
    return [(name, rows) for name, rows in found if len(rows)]
