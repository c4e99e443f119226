"""The outcomes for two groups of n that tell most of a gap between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations

from agent.cli.check_outcomes import LARGE, Known, Outcomes, scores_of, wrong
from agent.reference.profile import Reference
from agent.signals import calibration, trend
from agent.signals.gaps import G, Gap
from agent.signals.groups import GroupRate
from agent.signals.intervals import Interval, Z
from agent.signals.labelled import GroupOutcome


def _pair(gap: Gap[G], group: Callable[[int, int], G]) -> Outcomes:
    """Return how two groups of n compare; `group(hits, n)`."""

    def of(n: int) -> Iterator[Interval]:
        for hits in ((0, 0), (n, n), (0, n), (n, 0)):
            one, other = (group(each, n) for each in hits)
            if gap.undefined(one, other) is None:
                value = gap.value(one, other)
                low, high = gap.interval(one, other, Z)
                yield min(low, value), max(high, value)

    return of


def gap_of(gap: Gap[G], group: Callable[[int, int], G]) -> Callable[[Known], list[Outcomes]]:
    """Return the gap of two groups of n each; `group(hits, n)`."""
    return lambda known: [_pair(gap, group)]


def worsening(
    gap: Gap[trend.ThenAndNow[G]],
    group: Callable[[int, int], G],
    then: Callable[[Reference, str], Mapping[str, G]],
) -> Callable[[Known], list[Outcomes] | str]:
    """Return how the gap of two groups of n compares with that of each pair of the reference."""

    def outcomes(known: Known) -> list[Outcomes] | str:
        if known.reference is None:
            before = (group(0, LARGE), group(0, LARGE))
            return [_pair_then(gap, group, before)]
        pairs = [
            _pair_then(gap, group, (groups[one], groups[other]))
            for name, attribute in known.system.audit_attributes.items()
            for groups in [then(known.reference, name)]
            for one, other in permutations(groups, 2)
            if attribute.privileged in (None, other)
        ]
        return pairs or "no such groups in the reference"

    return outcomes


def _pair_then(
    gap: Gap[trend.ThenAndNow[G]], group: Callable[[int, int], G], then: tuple[G, G]
) -> Outcomes:
    def of(n: int) -> Iterator[Interval]:
        for hits in ((0, 0), (0, n), (n, 0)):
            one, other = (
                trend.ThenAndNow("", group(each, n), before)
                for each, before in zip(hits, then, strict=True)
            )
            if gap.undefined(one, other) is None:
                value = gap.value(one, other)
                low, high = gap.interval(one, other, Z)
                yield min(low, value), max(high, value)

    return of


def rates_then(reference: Reference, attribute: str) -> Mapping[str, GroupRate]:
    """Return the groups of an attribute in the reference, by name."""
    found = reference.groups.get(attribute, {})
    return {g: GroupRate(g, p.predicted, p.favourable) for g, p in found.items()}


def outcomes_then(reference: Reference, attribute: str) -> Mapping[str, GroupOutcome]:
    """Return the groups of an attribute among the reference's labelled rows, by name."""
    found = {} if reference.outcomes is None else reference.outcomes.groups.get(attribute, {})
    return {
        g: GroupOutcome(g, p.true_positive, p.false_positive, p.false_negative, p.true_negative)
        for g, p in found.items()
    }


def selected(hits: int, n: int) -> GroupRate:
    """Return a group of n predictions, so many of them favourable."""
    return GroupRate("", n, hits)


def found(hits: int, n: int) -> GroupOutcome:
    """Return a group of n with a favourable label, so many of them predicted so."""
    return GroupOutcome("", hits, 0, n - hits, 0)


def missed(hits: int, n: int) -> GroupOutcome:
    """Return a group of n with a favourable label, so many of them predicted otherwise."""
    return GroupOutcome("", n - hits, 0, hits, 0)


def burdened(hits: int, n: int) -> GroupOutcome:
    """Return a group of n with another label, so many of them predicted favourable."""
    return GroupOutcome("", 0, hits, 0, n - hits)


def both(hits: int, n: int) -> GroupOutcome:
    """Return a group of n with a favourable and n with another label."""
    return GroupOutcome("", hits, hits, n - hits, n - hits)


def calibrated_groups(known: Known) -> list[Outcomes]:
    """Return how differently the same score turns out in two groups of n each."""

    def of(n: int) -> Iterator[Interval]:
        right = scores_of(0, n)
        for other in (right, wrong(n)):
            found = calibration.calibration_gap(right, other)
            yield found.low, found.high

    return [of]
