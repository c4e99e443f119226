"""The groups of a window that must not be shown: of attributes and of their intersections.

An intersection's groups add up to those of its attributes, which are published too.  So a group of
`gender*country` is withheld where its gender or its country is, and otherwise as the sums over a
gender and over a country demand (`withhold`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.signals.context import SignalContext
from agent.signals.labelled import GroupOutcome
from agent.signals.withhold import COMPLEMENT, Counted, withhold
from agent.summary import NO_GROUP

Withheld = dict[str, dict[str, str]]
"""Attribute -> group -> why it must not be shown."""

_OF_OUTCOMES: tuple[Callable[[GroupOutcome], int], ...] = (
    lambda g: g.labelled,
    lambda g: g.positives,
    lambda g: g.negatives,
    lambda g: g.scored,
)


def withheld_by_prediction(context: SignalContext) -> Withheld:
    """Return the groups not to be shown with what is made of predictions."""
    return _withheld(context, lambda name: _predicted(context, name), {})


def withheld_by_label(context: SignalContext, already: Withheld) -> Withheld:
    """Return the groups not to be shown with what is made of labels; all of `already` are."""
    labelled = context.labelled
    if labelled is None:
        return already

    def counts(name: str) -> list[Counted]:
        groups, nowhere = labelled.groups(name)
        return [
            Counted({g.group: size(g) for g in groups.values()}, size(nowhere))
            for size in _OF_OUTCOMES
        ]

    return _withheld(context, counts, already)


def _predicted(context: SignalContext, name: str) -> list[Counted]:
    """Return the rows of each group, and those of them with a prediction."""
    groups = context.summary.groups.get(name, {})
    nowhere = context.count(NO_GROUP + name)
    return [Counted({g: int(c[i]) for g, c in groups.items()}, nowhere) for i in (1, 0)]


def _withheld(
    context: SignalContext, counts: Callable[[str], Sequence[Counted]], already: Withheld
) -> Withheld:
    found: Withheld = {}
    # Attributes before the intersections that they are part of.
    for name in sorted(context.layout.attributes, key=lambda name: (name.count("*"), name)):
        mine = counts(name)
        known = dict(already.get(name, {}))
        lines: set[frozenset[str]] = set()
        for parent in found:
            if set(parent.split("*")) < set(name.split("*")):
                _inherit(mine, name, parent, found[parent], known, lines)
        found[name] = withhold(mine, context.settings.k_display, already=known, lines=lines)
    return found


def _inherit(
    counts: Sequence[Counted],
    name: str,
    parent: str,
    withheld: Mapping[str, str],
    known: dict[str, str],
    lines: set[frozenset[str]],
) -> None:
    """Note the groups of `name` within each group of `parent`: withheld, or a line of their own."""
    parts = name.split("*")
    places = [parts.index(part) for part in parent.split("*")]
    within: dict[str, set[str]] = {}
    for group in {g for one in counts for g in one.sizes}:
        values = group.split("*")
        if len(values) != len(parts):
            # A value with a * in it: which group of the parent it belongs to cannot be told.
            known.setdefault(group, COMPLEMENT)
            continue
        within.setdefault("*".join(values[place] for place in places), set()).add(group)
    for whole, groups in within.items():
        if whole in withheld:
            known.update({group: withheld[whole] for group in groups if group not in known})
        else:
            lines.add(frozenset(groups))
