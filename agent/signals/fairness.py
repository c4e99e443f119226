"""Fairness: how favourable predictions are spread over the groups of audit attributes (C8).

The functions return the real values at every window length; what of them may be published is
decided in `disclosure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.signals.context import SignalContext
from agent.signals.groups import Attribute, GroupRate, attributes, least
from agent.signals.intervals import Interval, Z, log_ratio, newcombe, two_sided_z, wilson
from policies.model import Signal, measured, unmeasured

RATE = "fairness.selection_rate"
DIFFERENCE = "fairness.statistical_parity_difference"
RATIO = "fairness.disparate_impact_ratio"

NOT_SEEN = "not_seen"
TOO_SMALL = "below_min_group_n"
ZERO = "zero_denominator"
ONE_GROUP = "single_group"
NO_PAIR = "no_pair_measured"


class Gap(NamedTuple):
    """How a pair of groups is compared.

    `value(g, p)` compares a group with the privileged one, `interval(g, p, z)` gives its limits,
    `concern` grows with how bad a value is, `defined(p)` tells whether the denominator is there.
    """

    name: str
    method: str
    value: Callable[[GroupRate, GroupRate], float]
    interval: Callable[[GroupRate, GroupRate, float], Interval]
    concern: Callable[[float], float]
    defined: Callable[[GroupRate], bool]


GAPS: dict[str, Gap] = {
    DIFFERENCE: Gap(
        DIFFERENCE,
        "newcombe",
        value=lambda g, p: g.rate - p.rate,
        interval=lambda g, p, z: newcombe(g.favourable, g.n, p.favourable, p.n, z),
        concern=abs,
        defined=lambda p: True,
    ),
    RATIO: Gap(
        RATIO,
        "log_delta",
        value=lambda g, p: g.rate / p.rate,
        interval=lambda g, p, z: log_ratio(g.favourable, g.n, p.favourable, p.n, z),
        concern=lambda ratio: -ratio,
        defined=lambda p: p.favourable > 0,
    ),
}


def selection_rate(context: SignalContext) -> list[Signal]:
    """Share of favourable predictions among a group's rows with a prediction; Wilson interval."""
    signals = []
    for attribute in attributes(context):
        for group in attribute.groups:
            subject = {"attribute": attribute.name, "group": group.group}
            reason = attribute.problem or _too_small(context, group)
            if reason is not None:
                signals.append(_unmeasured(RATE, subject, reason, group.n, "wilson"))
                continue
            low, high = wilson(group.favourable, group.n)
            signals.append(
                measured(RATE, subject, group.rate, low, high, n=group.n, method="wilson")
            )
    return signals


def statistical_parity_difference(context: SignalContext) -> list[Signal]:
    """Selection rate of a group minus that of the privileged group, -1 to 1; Newcombe interval.

    `{"attribute": a}` is the pair with the largest absolute difference.
    """
    return _with_worst(context, GAPS[DIFFERENCE])


def disparate_impact_ratio(context: SignalContext) -> list[Signal]:
    """Selection rate of a group over that of the privileged group; delta method on the log.

    `{"attribute": a}` is the pair with the smallest ratio.  The four-fifths rule of 29 CFR
    1607.4(D) compares it with 0.8.
    """
    return _with_worst(context, GAPS[RATIO])


def pairs(context: SignalContext, attribute: Attribute, gap: Gap) -> list[Signal]:
    """Return the gap of every group against the one that the attribute compares with."""
    against = attribute.against
    if against is None:
        return []
    signals = []
    for group in attribute.groups:
        if group.group == against.group:
            continue
        subject = {"attribute": attribute.name, "group": group.group, "against": against.group}
        n = min(group.n, against.n)
        reason = (
            attribute.problem
            or _too_small(context, group)
            or _too_small(context, against)
            or (None if gap.defined(against) else ZERO)
        )
        if reason is not None:
            signals.append(_unmeasured(gap.name, subject, reason, n, gap.method))
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


def worst(attribute: Attribute, gap: Gap, candidates: Sequence[Signal]) -> Signal:
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
        return _unmeasured(gap.name, subject, reason, n, gap.method)
    # The first by name among equally bad ones, so that the order of events cannot show.
    group = max(sorted(good), key=lambda name: gap.concern(good[name]))
    rate = next(g for g in attribute.groups if g.group == group)
    comparisons = len(good) * (len(good) + 1) // 2 if attribute.chosen else len(good)
    low, high = gap.interval(rate, attribute.against, two_sided_z(comparisons))
    value = good[group]
    return measured(
        gap.name,
        subject,
        value,
        min(low, value),
        max(high, value),
        n=min(rate.n, attribute.against.n),
        method=f"{gap.method}+bonferroni({comparisons})",
    )


def _with_worst(context: SignalContext, gap: Gap) -> list[Signal]:
    signals = []
    for attribute in attributes(context):
        found = pairs(context, attribute, gap)
        signals += [*found, worst(attribute, gap, found)]
    return signals


def _why_no_pair(attribute: Attribute, candidates: Sequence[Signal]) -> str:
    if len(attribute.groups) < 2:
        return ONE_GROUP
    reasons = {s.reason for s in candidates if s.reason is not None}
    if attribute.against is None:
        return TOO_SMALL
    return reasons.pop() if len(reasons) == 1 else NO_PAIR


def _too_small(context: SignalContext, group: GroupRate) -> str | None:
    if group.n == 0:
        return NOT_SEEN
    return TOO_SMALL if group.n < least(context) else None


def _unmeasured(name: str, subject: dict[str, str], reason: str, n: int, method: str) -> Signal:
    return unmeasured(name, subject, "insufficient_data", reason, n=n, method=method)
