"""Which groups of an attribute must not be shown, so that no small one can be worked out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

SMALL = "below_k_display"
COMPLEMENT = "would_reveal_small_group"

_MOST_UNKNOWN = 300
"""Withheld cells beyond which no equations are solved and all are withheld."""


class Counted(NamedTuple):
    """People by group, and those without a group, whose sum with the groups is public."""

    sizes: Mapping[str, int]
    nowhere: int


def withhold(
    counts: Sequence[Counted],
    k: int,
    *,
    already: Mapping[str, str] | None = None,
    lines: Collection[frozenset[str]] = (),
) -> dict[str, str]:
    """Return the groups not to be shown, and why.

    A group with fewer than `k` people in any of the counts (but not none) is withheld.  Whoever
    knows a total knows the sum of what is not shown; it must not single out a small group: at least
    two parts have to share it, and k people at least.  Until then the smallest group that is shown
    is withheld with them, in each of the counts.  `already` are groups withheld in any case.

    `lines` are sets of groups whose sum is published too, for instance all groups of an
    intersection with one sex.  For each of them the same holds, and all of these sums together
    must not determine a small group (as equations, of which the withheld groups are the unknowns).
    """
    withheld = dict(already or {})
    for sizes, _ in counts:
        for group in sorted(sizes):
            if 0 < sizes[group] < k:
                withheld.setdefault(group, SMALL)
    before = -1
    while before != len(withheld):
        before = len(withheld)
        for one in counts:
            _complete(one, k, withheld)
            for line in sorted(lines, key=sorted):
                _complete(_part(one, line), k, withheld)
            if lines:
                _blur(one, k, withheld, lines)
    return withheld


def _part(count: Counted, line: frozenset[str]) -> Counted:
    # Nobody outside the line is in its sum; who has no other part may be nobody.
    return Counted({g: n for g, n in count.sizes.items() if g in line}, 0)


def _complete(count: Counted, k: int, withheld: dict[str, str]) -> None:
    sizes, nowhere = count
    hidden = [sizes[group] for group in withheld if sizes.get(group, 0) > 0]
    if not hidden:
        return
    for group in sorted(sizes, key=lambda name: (sizes[name], name)):
        if len(hidden) + (nowhere > 0) >= 2 and sum(hidden) + nowhere >= k:
            return
        if sizes[group] > 0 and group not in withheld:
            withheld[group] = COMPLEMENT
            hidden.append(sizes[group])


def _blur(
    count: Counted, k: int, withheld: dict[str, str], lines: Collection[frozenset[str]]
) -> None:
    """Withhold more groups while the sums together determine one of fewer than k people."""
    sizes = count.sizes
    unknown = sorted(g for g in withheld if sizes.get(g, 0) > 0)
    if not unknown:
        return
    if len(unknown) > _MOST_UNKNOWN:
        _withhold_all(sizes, withheld)
        return
    everybody = frozenset(sizes)
    known = [g for g in _determined(unknown, {*lines, everybody}) if sizes[g] < k]
    if not known:
        return
    near = {g for line in lines if not line.isdisjoint(known) for g in line}
    shown = [g for g in sizes if sizes[g] > 0 and g not in withheld]
    picked = min(
        [g for g in shown if g in near] or shown, key=lambda g: (sizes[g], g), default=None
    )
    if picked is not None:
        withheld[picked] = COMPLEMENT


def _determined(unknown: Sequence[str], lines: Collection[frozenset[str]]) -> list[str]:
    """Return the unknowns of which the sums over `lines` leave only one value."""
    sums = [[float(g in line) for g in unknown] for line in lines]
    matrix = np.array([row for row in sums if any(row)], np.float64).reshape(-1, len(unknown))
    if not matrix.size:
        return []
    _, scales, directions = np.linalg.svd(matrix)
    rank = int((scales > 1e-9).sum())
    # What can move while all sums stay is free; what cannot is told by them.
    free = np.abs(directions[rank:]).max(axis=0, initial=0.0)
    return [g for g, moves in zip(unknown, free.tolist(), strict=True) if moves < 1e-9]


def _withhold_all(sizes: Mapping[str, int], withheld: dict[str, str]) -> None:
    for group in sizes:
        withheld.setdefault(group, COMPLEMENT)
