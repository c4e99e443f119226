"""Fairness by what became known: how right the predictions were for each group (C8, C9).

Over rows with prediction and label; positive = favourable.  As in `fairness`, these are the real
values at every window length; what may be published is decided in `disclosure`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from agent.signals.calibration import calibration_gap
from agent.signals.context import SignalContext
from agent.signals.gaps import Attribute, Gap, too_small, with_worst, without_value
from agent.signals.intervals import Interval, newcombe, wilson
from agent.signals.labelled import GroupOutcome
from agent.signals.labelled_groups import (
    NO_LABEL,
    ScoredGroup,
    labelled_attributes,
    scored_attributes,
)
from agent.signals.measures import NO_PROBABILITY, SCORE_FOR
from agent.signals.scored import Estimate, are_probabilities
from policies.model import Signal, measured


class _Rate(NamedTuple):
    """A share of a group's labelled rows: how many, of how many."""

    name: str
    hits: Callable[[GroupOutcome], int]
    n: Callable[[GroupOutcome], int]


_TPR = _Rate("fairness.true_positive_rate", lambda g: g.true_positive, lambda g: g.positives)
_FNR = _Rate("fairness.false_negative_rate", lambda g: g.false_negative, lambda g: g.positives)
_FPR = _Rate("fairness.false_positive_rate", lambda g: g.false_positive, lambda g: g.negatives)
_BASE = _Rate("fairness.base_rate", lambda g: g.positives, lambda g: g.labelled)


def _gap(name: str, rate: _Rate) -> Gap[GroupOutcome]:
    return Gap(
        name,
        "newcombe",
        n=rate.n,
        value=lambda g, p: rate.hits(g) / rate.n(g) - rate.hits(p) / rate.n(p),
        interval=lambda g, p, z: newcombe(rate.hits(g), rate.n(g), rate.hits(p), rate.n(p), z),
    )


EQUAL_OPPORTUNITY = _gap("fairness.equal_opportunity_difference", _TPR)
FALSE_POSITIVE = _gap("fairness.false_positive_rate_difference", _FPR)
FALSE_NEGATIVE = _gap("fairness.false_negative_rate_difference", _FNR)


def _odds_interval(g: GroupOutcome, p: GroupOutcome, z: float) -> Interval:
    value = AVERAGE_ODDS.value(g, p)
    halves = [gap.interval(g, p, z) for gap in (EQUAL_OPPORTUNITY, FALSE_POSITIVE)]
    values = [gap.value(g, p) for gap in (EQUAL_OPPORTUNITY, FALSE_POSITIVE)]
    below = math.hypot(*(v - low for v, (low, _) in zip(values, halves, strict=True))) / 2
    above = math.hypot(*(high - v for v, (_, high) in zip(values, halves, strict=True))) / 2
    return max(-1.0, value - below), min(1.0, value + above)


AVERAGE_ODDS: Gap[GroupOutcome] = Gap(
    "fairness.average_odds_difference",
    "newcombe+mover",
    n=lambda g: min(g.positives, g.negatives),
    value=lambda g, p: (EQUAL_OPPORTUNITY.value(g, p) + FALSE_POSITIVE.value(g, p)) / 2,
    interval=_odds_interval,
)


def _calibration(g: ScoredGroup, p: ScoredGroup, z: float | None = None) -> Estimate:
    first, second = g.scores, p.scores
    return calibration_gap(first, second) if z is None else calibration_gap(first, second, z)


def _no_probability(g: ScoredGroup, p: ScoredGroup) -> str | None:
    if g.labelled.scores_for_nothing:
        return SCORE_FOR
    fine = all(are_probabilities(one.scores) for one in (g, p))
    return None if fine else NO_PROBABILITY


CALIBRATION: Gap[ScoredGroup] = Gap(
    "fairness.calibration_difference",
    "folded_normal",
    n=lambda g: g.n,
    value=lambda g, p: _calibration(g, p).value,
    interval=lambda g, p, z: _calibration(g, p, z)[1:],
    undefined=_no_probability,
)


def true_positive_rate(context: SignalContext) -> list[Signal]:
    """Share of a group's rows with a favourable label that were predicted so; Wilson interval.

    n: the group's rows with a favourable label.
    """
    return _rates(context, _TPR)


def false_negative_rate(context: SignalContext) -> list[Signal]:
    """1 - true positive rate: those who were wrongly refused; Wilson interval."""
    return _rates(context, _FNR)


def false_positive_rate(context: SignalContext) -> list[Signal]:
    """Share of a group's rows with another label that were predicted favourable; Wilson interval.

    n: the group's rows with a label that is not favourable.
    """
    return _rates(context, _FPR)


def base_rate(context: SignalContext) -> list[Signal]:
    """Share of favourable labels among a group's labelled rows; Wilson interval."""
    return _rates(context, _BASE)


def equal_opportunity_difference(context: SignalContext) -> list[Signal]:
    """True positive rate of a group minus that of the privileged group; Newcombe interval.

    Hardt, Price and Srebro, Equality of opportunity in supervised learning, NeurIPS 2016.
    """
    return with_worst(labelled_attributes(context), EQUAL_OPPORTUNITY)


def false_positive_rate_difference(context: SignalContext) -> list[Signal]:
    """False positive rate of a group minus that of the privileged group; Newcombe interval."""
    return with_worst(labelled_attributes(context), FALSE_POSITIVE)


def false_negative_rate_difference(context: SignalContext) -> list[Signal]:
    """False negative rate of a group minus that of the privileged group; Newcombe interval."""
    return with_worst(labelled_attributes(context), FALSE_NEGATIVE)


def average_odds_difference(context: SignalContext) -> list[Signal]:
    """Mean of the differences of true and of false positive rates, -1 to 1.

    Interval: recovered from the two Newcombe intervals (MOVER; Zou and Donner, Statistics in
    Medicine 27, 2008): positives and negatives are different people.  Bellamy et al., AI Fairness
    360, 2018, has the definition.
    """
    return with_worst(labelled_attributes(context), AVERAGE_ODDS)


def calibration_difference(context: SignalContext) -> list[Signal]:
    """How differently the same score turns out in two groups, 0 to 1, without sign.

    See `calibration.calibration_gap`.  n: rows with a label and a score.
    """
    return with_worst(scored_attributes(context), CALIBRATION)


def _rates(context: SignalContext, rate: _Rate) -> list[Signal]:
    found = labelled_attributes(context)
    if context.labelled is None and found:
        # Every group of every attribute would say the same.
        return [without_value(rate.name, {}, NO_LABEL, 0, "wilson")]
    return [_rate(attribute, group, rate) for attribute in found for group in attribute.groups]


def _rate(attribute: Attribute[GroupOutcome], group: GroupOutcome, rate: _Rate) -> Signal:
    subject = {"attribute": attribute.name, "group": group.group}
    hits, n = rate.hits(group), rate.n(group)
    reason = attribute.problem or too_small(n, attribute.least)
    if reason is not None:
        return without_value(rate.name, subject, reason, n, "wilson")
    return measured(rate.name, subject, hits / n, *wilson(hits, n), n=n, method="wilson")
