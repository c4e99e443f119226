"""Fairness trend: whether a gap between groups is wider than it was in the reference.

The reference's gap is what was approved with the model; it is measured like the window's, in the
same pair of groups, and its sampling error is in the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from agent.signals import error_rates, fairness
from agent.signals.context import SignalContext
from agent.signals.gaps import NO_REFERENCE, Attribute, G, Gap, with_worst
from agent.signals.groups import GroupRate, attributes
from agent.signals.intervals import Interval
from agent.signals.labelled import GroupOutcome
from agent.signals.labelled_groups import NO_LABEL, labelled_attributes
from policies.model import Signal

UNKNOWN_GROUP = f"{NO_REFERENCE}: group not in the reference"
UNKNOWN_ATTRIBUTE = f"{NO_REFERENCE}: not in the reference"
OTHER_FAVOURABLE = f"{NO_REFERENCE}: built with another favourable outcome"
NO_LABELS = f"{NO_REFERENCE}: no labels in the reference"


@dataclass(frozen=True, slots=True)
class ThenAndNow(Generic[G]):
    """A group in the reference (None if it is not there) and in the window."""

    group: str
    now: G
    then: G | None


def _worsening(name: str, gap: Gap[G]) -> Gap[ThenAndNow[G]]:
    """Return the comparison |gap now| - |gap in the reference|."""

    def value(g: ThenAndNow[G], p: ThenAndNow[G]) -> float:
        if g.then is None or p.then is None:
            raise ValueError("a group that the reference does not know has no gap there")
        return abs(gap.value(g.now, p.now)) - abs(gap.value(g.then, p.then))

    def interval(g: ThenAndNow[G], p: ThenAndNow[G], z: float) -> Interval:
        if g.then is None or p.then is None:
            raise ValueError("a group that the reference does not know has no gap there")
        now, now_low, now_high = _absolute(gap, g.now, p.now, z)
        then, then_low, then_high = _absolute(gap, g.then, p.then, z)
        below = math.hypot(now - now_low, then_high - then)
        above = math.hypot(now_high - now, then - then_low)
        return max(-1.0, now - then - below), min(1.0, now - then + above)

    def undefined(g: ThenAndNow[G], p: ThenAndNow[G]) -> str | None:
        if g.then is None or p.then is None or not gap.n(g.then) or not gap.n(p.then):
            return UNKNOWN_GROUP
        return None

    return Gap(
        name,
        f"{gap.method}+mover",
        n=lambda g: gap.n(g.now),
        value=value,
        interval=interval,
        concern=lambda worsening: worsening,
        undefined=undefined,
    )


def _absolute(gap: Gap[G], g: G, p: G, z: float) -> tuple[float, float, float]:
    """Return |gap| and the limits that the gap's interval leaves for it."""
    value = abs(gap.value(g, p))
    low, high = gap.interval(g, p, z)
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return value, min(value, least), max(value, abs(low), abs(high))


STATISTICAL_PARITY = _worsening("fairness.statistical_parity_worsening", fairness.DIFFERENCE)
EQUAL_OPPORTUNITY = _worsening(
    "fairness.equal_opportunity_worsening", error_rates.EQUAL_OPPORTUNITY
)
FALSE_POSITIVE = _worsening("fairness.false_positive_rate_worsening", error_rates.FALSE_POSITIVE)


def statistical_parity_worsening(context: SignalContext) -> list[Signal]:
    """|Gap in selection rates now| - |that of the reference|, -1 to 1; above 0 is worse.

    Interval: recovered from the Newcombe intervals of both gaps (MOVER; Zou and Donner, Statistics
    in Medicine 27, 2008).  `{"attribute": a}` is the pair with the largest.  n: as in the window.
    """
    return with_worst(rates_then_and_now(context), STATISTICAL_PARITY)


def equal_opportunity_worsening(context: SignalContext) -> list[Signal]:
    """|Gap in true positive rates now| - |that of the reference|; as for selection rates."""
    return with_worst(outcomes_then_and_now(context), EQUAL_OPPORTUNITY)


def false_positive_rate_worsening(context: SignalContext) -> list[Signal]:
    """|Gap in false positive rates now| - |that of the reference|; as for selection rates."""
    return with_worst(outcomes_then_and_now(context), FALSE_POSITIVE)


def rates_then_and_now(context: SignalContext) -> list[Attribute[ThenAndNow[GroupRate]]]:
    """Return the audit attributes with each group's selection rate now and in the reference."""

    def of(attribute: str) -> Mapping[str, GroupRate]:
        known = {} if context.reference is None else context.reference.groups.get(attribute, {})
        return {g: GroupRate(g, p.predicted, p.favourable) for g, p in known.items()}

    problem = None if context.reference is not None else NO_REFERENCE
    return [_paired(context, one, of, problem) for one in attributes(context)]


def outcomes_then_and_now(context: SignalContext) -> list[Attribute[ThenAndNow[GroupOutcome]]]:
    """Return the audit attributes with each group's outcomes now and in the reference."""
    outcomes = None if context.reference is None else context.reference.outcomes

    def of(attribute: str) -> Mapping[str, GroupOutcome]:
        known = {} if outcomes is None else outcomes.groups.get(attribute, {})
        return {
            g: GroupOutcome(g, p.true_positive, p.false_positive, p.false_negative, p.true_negative)
            for g, p in known.items()
        }

    problem = NO_REFERENCE if context.reference is None else None
    if problem is None and outcomes is None:
        problem = NO_LABELS
    return [_paired(context, one, of, problem) for one in labelled_attributes(context)]


def _paired(
    context: SignalContext,
    one: Attribute[G],
    of: Callable[[str], Mapping[str, G]],
    problem: str | None,
) -> Attribute[ThenAndNow[G]]:
    reference, then = context.reference, of(one.name)
    if problem is None and reference is not None:
        if frozenset(reference.favourable) != context.layout.favourable:
            problem = OTHER_FAVOURABLE
        elif not then:
            problem = UNKNOWN_ATTRIBUTE
    if one.problem == NO_LABEL:
        problem = NO_LABEL
    if problem is not None:
        # Every pair would say the same.
        return Attribute(one.name, (), None, one.chosen, problem, one.least)
    groups = tuple(ThenAndNow(g.group, g, then.get(g.group)) for g in one.groups)
    against = None
    if one.against is not None:
        name = one.against.group
        against = next(g for g in groups if g.group == name)
    return Attribute(one.name, groups, against, one.chosen, one.problem, one.least)
