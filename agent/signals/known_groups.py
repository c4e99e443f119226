"""Groups by names that somebody gave, not by whatever text stands in an event.

Where an attribute's groups are configured or the reference has some, any other value counts in
the group `other` (contract C7 has the same for categories): an e-mail address in the wrong field
must be in no signal, metric or record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from agent.labels.rows import OutcomeRows
from agent.signals.context import SignalContext
from agent.summary import Summary
from collectors.batch import Categorical, Ints

OTHER = "other"

Rename = Callable[[str], str]


NAMEABLE = 3
"""Where nobody named the groups, a value that so many people share is taken for a group's name.

Below that it may be anything that slipped into the field, such as one person's address.  3 or 5 are
the usual limits of k-anonymity (PDPC, Guide to Basic Anonymisation, 2022).
"""


def known_groups(context: SignalContext, attribute: str) -> frozenset[str]:
    """Return the groups of an attribute that somebody named, else those that enough people share.

    Empty where nobody named any and enough people share each.
    """
    named = set(context.settings.groups.get(attribute, ()))
    if context.reference is not None:
        named |= context.reference.groups.get(attribute, {}).keys()
    if not named:
        groups = context.summary.groups.get(attribute, {})
        named = {group for group, counts in groups.items() if counts[0] >= NAMEABLE}
        if len(named) == len(groups):
            return frozenset()
        named.add(OTHER)
    # The privileged group alone says nothing of the others: then all are as they come.
    privileged = context.settings.privileged.get(attribute)
    return frozenset(named | {privileged}) if named and privileged else frozenset(named)


def with_known_groups(context: SignalContext) -> SignalContext:
    """Return the context with every value that is no known group counted as `other`.

    Of an intersection each part is looked at by itself.  Nothing is copied that stays as it is.
    """
    known = {
        name: known_groups(context, name) for name in context.layout.attributes if "*" not in name
    }
    renames: dict[str, Rename] = {
        name: partial(_renamed, parts)
        for name in context.layout.attributes
        if any(parts := [known.get(part, frozenset()) for part in name.split("*")])
    }
    summary = _summary(context.summary, renames)
    outcomes = None if context.outcomes is None else _rows(context.outcomes, renames)
    if summary is context.summary and outcomes is context.outcomes:
        return context
    return replace(context, summary=summary, outcomes=outcomes)


def _renamed(known: list[frozenset[str]], group: str) -> str:
    values = group.split("*") if len(known) > 1 else [group]
    if len(values) != len(known):
        # A value with a * in it: which part is which cannot be told; `disclosure` shows none of it.
        return group
    pairs = zip(known, values, strict=True)
    return "*".join(value if not names or value in names else OTHER for names, value in pairs)


def _summary(summary: Summary, renames: Mapping[str, Rename]) -> Summary:
    folded: dict[str, dict[str, Ints]] = {}
    for attribute, rename in renames.items():
        groups = summary.groups.get(attribute, {})
        if all(rename(group) == group for group in groups):
            continue
        mine: dict[str, Ints] = {}
        for group, counts in groups.items():
            name = rename(group)
            mine[name] = mine[name] + counts if name in mine else counts
        folded[attribute] = mine
    return replace(summary, groups={**summary.groups, **folded}) if folded else summary


def _rows(rows: OutcomeRows, renames: Mapping[str, Rename]) -> OutcomeRows:
    folded: dict[str, Categorical] = {}
    for attribute, rename in renames.items():
        column = rows.groups.get(attribute)
        if column is None or all(rename(text) == text for text in column.values):
            continue
        names = [rename(text) for text in column.values]
        values = tuple(dict.fromkeys(names))
        place = {name: code for code, name in enumerate(values)}
        # The last one is for code -1: rows without a group.
        codes = np.array([*(place[name] for name in names), -1], column.codes.dtype)
        folded[attribute] = Categorical(codes[column.codes], values)
    return replace(rows, groups={**rows.groups, **folded}) if folded else rows
