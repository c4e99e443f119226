"""Intersections of audit attributes: `[gender, country]` watches `gender*country` (contract C5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from agent.config.components import did_you_mean
from agent.config.values import refuse_at

Intersections = tuple[tuple[str, ...], ...]

MOST_GROUPS = 200
"""Configured groups of an intersection beyond which only those seen are reported."""


def refuse_bad_intersections(intersections: Intersections, known: Iterable[str]) -> None:
    """Raise for an unknown or repeated attribute, a lone one, and an intersection listed twice."""
    names, seen = list(known), set()
    problems: list[tuple[tuple[str | int, ...], str, Any]] = []
    for i, parts in enumerate(intersections):
        for j, part in enumerate(parts):
            if part not in names:
                near = did_you_mean(part, names)
                text = f"is not one of the audit attributes ({', '.join(names) or 'none'}){near}"
                problems.append(((i, j), text, part))
            elif part in parts[:j]:
                problems.append(((i, j), "is listed twice", part))
        if len(parts) < 2:
            problems.append(((i,), "needs at least two audit attributes", list(parts)))
        elif frozenset(parts) in seen:
            problems.append(((i,), "is listed twice", list(parts)))
        seen.add(frozenset(parts))
    if problems:
        raise refuse_at(problems)


def attribute_names(single: Iterable[str], intersections: Intersections) -> tuple[str, ...]:
    """Return the names of all that groups are told apart by: `gender`, `gender*country`."""
    return (*single, *("*".join(parts) for parts in intersections))


def with_privileged(privileged: Mapping[str, str], intersections: Intersections) -> dict[str, str]:
    """Return the privileged groups, with those of intersections of which each part has one."""
    crossed = {
        "*".join(parts): "*".join(privileged[part] for part in parts)
        for parts in intersections
        if all(part in privileged for part in parts)
    }
    return {**privileged, **crossed}


def with_groups(
    groups: Mapping[str, Sequence[str]], intersections: Intersections
) -> dict[str, tuple[str, ...]]:
    """Return the configured groups, with those of intersections of which each part has some."""
    found = {name: tuple(values) for name, values in groups.items()}
    for parts in intersections:
        if all(part in groups for part in parts):
            crossed = tuple("*".join(values) for values in product(*(groups[p] for p in parts)))
            if len(crossed) <= MOST_GROUPS:
                found["*".join(parts)] = crossed
    return found
