"""What the configuration says of optional fields, as the summaries and signals take it."""

from __future__ import annotations

import datetime as dt
import math

from agent.config.system import System
from agent.extras import Meanings
from policies.grid import Grid, grid_of

NEAR = 0.1
"""Scores this near to the threshold are of low confidence, unless configured otherwise."""


def meanings_of(system: System) -> Meanings:
    """Return what the values of a system's optional fields mean."""
    usual, status, feedback = Meanings(), system.event.status, system.event.feedback
    return Meanings(
        errors=usual.errors if status is None else frozenset(t.casefold() for t in status.errors),
        errors_from=usual.errors_from if status is None else status.errors_from,
        toxic_from=system.toxicity_threshold,
        complaints=usual.complaints if feedback is None else frozenset(feedback.complaint),
        appeals=usual.appeals if feedback is None else frozenset(feedback.appeal),
    )


def uncertain_range(system: System) -> tuple[float, float]:
    """Return from which score on, and below which, a score is of low confidence."""
    chosen = system.low_confidence
    if chosen.below is not None:
        return (-math.inf, chosen.below)
    near = NEAR if chosen.near is None else chosen.near
    return (system.threshold - near, system.threshold + near)


def grid_of_system(system: System) -> Grid | None:
    """Return the carbon intensity of a system's electricity: configured, else its country's."""
    own = system.grid_intensity
    return grid_of(system.country) if own is None else Grid(own.value, own.origin)


def midnight(day: dt.date) -> int:
    """Return the epoch seconds at which a day begins in UTC."""
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
