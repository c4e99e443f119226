"""Comparing the groups of an attribute in pairs, and finding the worst pair (contract C8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from agent.signals.intervals import Interval, Z, two_sided_z
from policies.model import Signal, SignalStatus, measured, unmeasured

NOT_SEEN = "not_seen"
TOO_SMALL = "below_min_group_n"
ZERO = "zero_denominator"
ONE_GROUP = "single_group"
NO_PAIR = "no_pair_measured"
NO_REFERENCE = "no_reference"


class Grouped(Protocol):
    """Something counted of a group."""

    @property
    def group(self) -> str:
        """The group's name."""
        ...


G = TypeVar("G", bound=Grouped)


@dataclass(frozen=True, slots=True)
class Attribute(Generic[G]):
    """An audit attribute in one window.

    `groups` are by name.  `against` is the group that the others are compared with, None when it
    cannot be told.  `chosen` says that `against` was picked for having the highest rate.
    `problem` is set when nothing about the attribute can be measured.  `least` is the fewest people
    with which a group is judged.
    """

    name: str
    groups: tuple[G, ...]
    against: G | None
    chosen: bool
    problem: str | None
    least: int


class Gap(NamedTuple, Generic[G]):
    """How a pair of groups is compared.

    `n(g)` counts the people of a group that the comparison uses.  `value(g, p)` compares a group
    with the privileged one, `interval(g, p, z)` gives its limits, `concern` grows with how bad a
    value is, `undefined(g, p)` gives the reason why there is no value, or None.
    """

    name: str
    method: str
    n: Callable[[G], int]
    value: Callable[[G, G], float]
    interval: Callable[[G, G, float], Interval]
    concern: Callable[[float], float] = abs
    undefined: Callable[[G, G], str | None] = lambda g, p: None


def with_worst(attributes: Sequence[Attribute[G]], gap: Gap[G]) -> list[Signal]:
    """Return, for each attribute, the gap of each pair and that of the worst pair."""
    signals = []
    for attribute in attributes:
        found = pairs(attribute, gap)
        signals += [*found, worst(attribute, gap, found)]
    return signals


def pairs(attribute: Attribute[G], gap: Gap[G]) -> list[Signal]:
    """Return the gap of every group against the one that the attribute compares with."""
    against = attribute.against
    if against is None:
        return []
    signals = []
    for group in attribute.groups:
        if group.group == against.group:
            continue
        subject = {"attribute": attribute.name, "group": group.group, "against": against.group}
        n = min(gap.n(group), gap.n(against))
        reason = (
            attribute.problem
            or too_small(gap.n(group), attribute.least)
            or too_small(gap.n(against), attribute.least)
            or gap.undefined(group, against)
        )
        if reason is not None:
            signals.append(without_value(gap.name, subject, reason, n, gap.method))
            continue
        value = gap.value(group, against)
        low, high = gap.interval(group, against, Z)
        signals.append(
            measured(
                gap.name,
                subject,
                value,
                min(low, value),
                max(high, value),
                n=n,
                method=gap.method,
            )
        )
    return signals


def worst(attribute: Attribute[G], gap: Gap[G], candidates: Sequence[Signal]) -> Signal:
    """Return the attribute's worst pair among `candidates`, its pairs by this gap.

    Only pairs with status ok count.  The interval is corrected (Bonferroni) for their number; where
    the group compared with was picked for its rate, for the number of all pairs that their groups
    can form, since any of them might have been picked.
    """
    subject = {"attribute": attribute.name}
    good = {s.subject["group"]: s.value for s in candidates if s.value is not None}
    if attribute.against is None or not good:
        n = max((s.n or 0 for s in candidates), default=0)
        reason = attribute.problem or _why_no_pair(attribute, candidates)
        return without_value(gap.name, subject, reason, n, gap.method)
    # The first by name among equally bad ones, so that the order of events cannot show.
    group = max(sorted(good), key=lambda name: gap.concern(good[name]))
    one = next(g for g in attribute.groups if g.group == group)
    comparisons = len(good) * (len(good) + 1) // 2 if attribute.chosen else len(good)
    low, high = gap.interval(one, attribute.against, two_sided_z(comparisons))
    value = good[group]
    return measured(
        gap.name,
        subject,
        value,
        min(low, value),
        max(high, value),
        n=min(gap.n(one), gap.n(attribute.against)),
        method=f"{gap.method}+bonferroni({comparisons})",
    )


def too_small(n: int, least: int) -> str | None:
    """Return why so few people of a group are not judged, or None."""
    if n == 0:
        return NOT_SEEN
    return TOO_SMALL if n < least else None


def without_value(name: str, subject: dict[str, str], reason: str, n: int, method: str) -> Signal:
    """Return a fairness signal that has no value; the reason tells the status too."""
    status: SignalStatus = "insufficient_data"
    if reason.startswith(NO_REFERENCE):
        status = "no_reference"
    return unmeasured(name, subject, status, reason, n=n, method=method)


def _why_no_pair(attribute: Attribute[G], candidates: Sequence[Signal]) -> str:
    if len(attribute.groups) < 2:
        return ONE_GROUP
    reasons = {s.reason for s in candidates if s.reason is not None}
    if attribute.against is None:
        return TOO_SMALL
    return reasons.pop() if len(reasons) == 1 else NO_PAIR
