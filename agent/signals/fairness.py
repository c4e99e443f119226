"""Fairness: how favourable predictions are spread over the groups of audit attributes (C8).

The functions return the real values at every window length; what of them may be published is
decided in `disclosure`.
"""

from __future__ import annotations

from agent.signals.context import SignalContext
from agent.signals.gaps import ZERO, Gap, too_small, with_worst, without_value
from agent.signals.groups import GroupRate, attributes
from agent.signals.intervals import log_ratio, newcombe, wilson
from policies.model import Signal, measured

RATE = "fairness.selection_rate"

DIFFERENCE: Gap[GroupRate] = Gap(
    "fairness.statistical_parity_difference",
    "newcombe",
    n=lambda g: g.n,
    value=lambda g, p: g.rate - p.rate,
    interval=lambda g, p, z: newcombe(g.favourable, g.n, p.favourable, p.n, z),
)

RATIO: Gap[GroupRate] = Gap(
    "fairness.disparate_impact_ratio",
    "log_delta",
    n=lambda g: g.n,
    value=lambda g, p: g.rate / p.rate,
    interval=lambda g, p, z: log_ratio(g.favourable, g.n, p.favourable, p.n, z),
    concern=lambda ratio: -ratio,
    undefined=lambda g, p: None if p.favourable > 0 else ZERO,
)


def selection_rate(context: SignalContext) -> list[Signal]:
    """Share of favourable predictions among a group's rows with a prediction; Wilson interval."""
    signals = []
    for attribute in attributes(context):
        for group in attribute.groups:
            subject = {"attribute": attribute.name, "group": group.group}
            reason = attribute.problem or too_small(group.n, attribute.least)
            if reason is not None:
                signals.append(without_value(RATE, subject, reason, group.n, "wilson"))
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
    return with_worst(attributes(context), DIFFERENCE)


def disparate_impact_ratio(context: SignalContext) -> list[Signal]:
    """Selection rate of a group over that of the privileged group; delta method on the log.

    `{"attribute": a}` is the pair with the smallest ratio.  The four-fifths rule of 29 CFR
    1607.4(D) compares it with 0.8.
    """
    return with_worst(attributes(context), RATIO)
