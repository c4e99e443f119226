"""Whether the people of the window are made up of the same groups as those of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from agent.reference.profile import Reference
from agent.signals.context import SignalContext
from agent.signals.distributions import Shares
from agent.signals.divergence import divergences
from agent.signals.gaps import NO_REFERENCE, without_value
from agent.signals.withheld import withheld_by_prediction
from agent.summary import GROUPS_OVERFLOW
from collectors.batch import Floats
from policies.model import Signal, measured

NAME, METHOD = "fairness.representation_gap", "gamma_inversion"


def representation_gap(context: SignalContext) -> list[Signal]:
    """Population stability index over an attribute's groups, reference against window, >= 0.

    Sum of (p - q) ln(p/q) over the groups that the reference names and one for all others; p, q the
    smoothed shares (c + 0.5)/(N + 0.5 B) among rows with a group.  Interval as for `drift.psi`.
    n: the window's rows with a group.  Groups that must not be shown are pooled, so that the value
    does not tell their sizes; where they are too few for that they count as absent.
    """
    return [_of_attribute(context, name) for name in context.layout.attributes]


def _of_attribute(context: SignalContext, name: str) -> Signal:
    subject, reference = {"attribute": name}, context.reference
    if reference is None:
        return without_value(NAME, subject, NO_REFERENCE, _seen(context, name).n, METHOD)
    known = {g: p.n for g, p in reference.groups.get(name, {}).items()}
    then, now = _cells(known, _others(reference, name, known), _seen(context, name))
    n, total, least = int(now.sum()), int(then.sum()), context.settings.min_drift_n
    reason = None
    if not known:
        reason = f"{NO_REFERENCE}: not in the reference"
    elif context.count(GROUPS_OVERFLOW + name):
        reason = "too_many_groups"
    elif n == 0:
        reason = "not_seen"
    elif n < least or total < least:
        reason = "below_min_drift_n" if n < least else "reference_below_min_drift_n"
    if reason is not None:
        return without_value(NAME, subject, reason, n, METHOD)
    psi, _ = divergences(
        Shares((), np.zeros(1, np.int64), then, now, np.array([then.sum()]), np.array([now.sum()]))
    )
    value, low, high = (float(part[0]) for part in psi)
    return measured(NAME, subject, value, low, high, n=n, method=METHOD, reference=reference.digest)


class _Seen(NamedTuple):
    """A window's rows by group that may be used, and those of groups that only count together."""

    own: dict[str, int]
    pooled: dict[str, int]

    @property
    def n(self) -> int:
        """Rows that are used."""
        return sum(self.own.values()) + sum(self.pooled.values())


def _seen(context: SignalContext, name: str) -> _Seen:
    sizes = {g: int(c[0]) for g, c in context.summary.groups.get(name, {}).items()}
    withheld = withheld_by_prediction(context)[name]
    own = {g: n for g, n in sizes.items() if g not in withheld}
    hidden = {g: n for g, n in sizes.items() if g in withheld and n > 0}
    enough = len(hidden) >= 2 and sum(hidden.values()) >= context.settings.k_display
    return _Seen(own, hidden if enough else {})


def _others(reference: Reference, name: str, known: Mapping[str, int]) -> int:
    """Return the reference's rows in groups too small to be named."""
    if reference.ungrouped is None:
        return 0
    return max(0, reference.rows - reference.ungrouped.get(name, 0) - sum(known.values()))


def _cells(known: Mapping[str, int], others: int, seen: _Seen) -> tuple[Floats, Floats]:
    """Return the counts of reference and window by cell, the last one for all other groups."""
    named = sorted(g for g in known if g not in seen.pooled)
    then = [known[g] for g in named]
    now = [seen.own.get(g, 0) for g in named]
    rest_then = others + sum(n for g, n in known.items() if g in seen.pooled)
    rest_now = sum(seen.pooled.values()) + sum(n for g, n in seen.own.items() if g not in known)
    if rest_then or rest_now:
        then.append(rest_then)
        now.append(rest_now)
    return np.array(then, np.float64), np.array(now, np.float64)
