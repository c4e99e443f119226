"""Which groups of an attribute must not be shown, so that no small one can be worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SMALL = "below_k_display"
COMPLEMENT = "would_reveal_small_group"


class Counted(NamedTuple):
    """People by group, and those without a group, whose sum with the groups is public."""

    sizes: Mapping[str, int]
    nowhere: int


def withhold(
    counts: Sequence[Counted], k: int, already: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the groups not to be shown, and why.

    A group with fewer than `k` people in any of the counts (but not none) is withheld.  Whoever
    knows a total knows the sum of what is not shown; it must not single out a small group: at least
    two parts have to share it, and k people at least.  Until then the smallest group that is shown
    is withheld with them, in each of the counts.  `already` are groups withheld in any case.
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
    return withheld


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
