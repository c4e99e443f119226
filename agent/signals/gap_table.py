"""Every comparison of groups: what finds its worst pair again, and among which groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agent.signals import error_rates, fairness, trend
from agent.signals.context import SignalContext
from agent.signals.gaps import Attribute, Gap
from agent.signals.groups import attributes
from agent.signals.labelled_groups import labelled_attributes, scored_attributes


class Compared(NamedTuple):
    """A gap, and the function that gives the attributes that it compares within."""

    gap: Gap[Any]
    attributes: Callable[[SignalContext], list[Attribute[Any]]]


GAPS: dict[str, Compared] = {
    one.gap.name: one
    for one in (
        Compared(fairness.DIFFERENCE, attributes),
        Compared(fairness.RATIO, attributes),
        Compared(error_rates.EQUAL_OPPORTUNITY, labelled_attributes),
        Compared(error_rates.FALSE_POSITIVE, labelled_attributes),
        Compared(error_rates.FALSE_NEGATIVE, labelled_attributes),
        Compared(error_rates.AVERAGE_ODDS, labelled_attributes),
        Compared(error_rates.CALIBRATION, scored_attributes),
        Compared(trend.STATISTICAL_PARITY, trend.rates_then_and_now),
        Compared(trend.EQUAL_OPPORTUNITY, trend.outcomes_then_and_now),
        Compared(trend.FALSE_POSITIVE, trend.outcomes_then_and_now),
    )
}
