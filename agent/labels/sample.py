"""How large a share of the ids is kept, so that the rows in waiting stay bounded.

`cut` is the number of leading zeros that an id must have (see `agent.labels.ids`).  It is decided
when panes close, in their order, from counts by rank: so neither the size of batches nor the order
of arrival within the lateness shows in it.

- A pane of more rows than its part of the bound raises the cut of its hour, at any time: the count
  only grows, so the cut never has to come down again.
- When the rows of all hours that wait exceed the bound, the cut rises for all of them.
- It falls by one with the first pane of a day in which no more than a quarter of the bound is
  used, for that pane and later ones.  So a row of a pane `d` days ahead can be left out at once if
  its rank is below `cut - d`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np

from agent.labels.ids import RANKS
from collectors.batch import Flags, Ints

HOUR, DAY = 3_600, 86_400
ENDLESS = 1 << 40
"""A second after every other."""


class Cut(NamedTuple):
    """Rows to remove: those of `[start, end)` with a rank below `rank`."""

    start: int
    end: int
    rank: int


class Slice(msgspec.Struct):
    """Rows kept of a pane or of an hour's closed panes: the cut, and counts by rank."""

    cut: int = 0
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * RANKS)

    def raise_to(self, cut: int) -> int:
        """Leave out ranks below `cut`; return the number of rows that go."""
        if cut <= self.cut:
            return 0
        gone = sum(self.counts[:cut])
        self.cut = cut
        self.counts[:cut] = [0] * cut
        return gone


@dataclass
class Sample:
    """The share that is kept, and what it is decided from.

    `day`: that of the last closed pane.  `panes` (of `pane` seconds) are open, by start; `hours`
    hold closed ones, `rows` altogether.  `past` has the cuts of hours that wait no longer by event
    time, but of which a window may not have been reported yet.  `changed` are the hours that differ
    from what is stored.
    """

    pane: int = 60
    cut: int = 0
    day: int | None = None
    rows: int = 0
    panes: dict[int, Slice] = field(default_factory=dict)
    hours: dict[int, Slice] = field(default_factory=dict)
    past: dict[int, int] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)

    @property
    def largest(self) -> int:
        """The largest cut anywhere: an id that it keeps is in the sample of every window."""
        held = (*self.hours.values(), *self.panes.values())
        return max([self.cut, *(one.cut for one in held), *self.past.values()])

    @property
    def least(self) -> int:
        """The smallest cut of any event that is kept."""
        held = (*self.hours.values(), *self.panes.values())
        ahead = lowest(self, max(self.panes, default=0))
        return min([ahead, *(one.cut for one in held), *self.past.values()])

    def forget(self, before: int) -> None:
        """Forget hours that are over before a second: their rows are gone."""
        for hour in [at for at in self.past if at + HOUR <= before]:
            del self.past[hour]
            self.changed.add(hour)


def admit(sample: Sample, panes: Ints, ranks: Ints, most: int) -> tuple[Flags, list[Cut]]:
    """Count rows into their open panes; return which to keep, and what to remove now.

    `panes` holds the start of each row's pane; `most` is what one pane may hold.
    """
    keep = np.zeros(len(panes), np.bool_)
    removed: list[Cut] = []
    for start in np.unique(panes).tolist():
        here = panes == start
        pane = sample.panes.get(start)
        if pane is None:
            pane = sample.panes[start] = Slice(lowest(sample, start))
        counted = np.bincount(ranks[here], minlength=RANKS).tolist()
        for place in range(pane.cut, RANKS):
            pane.counts[place] += counted[place]
        if _shrink(pane, most):
            removed.append(Cut(start, start + sample.pane, pane.cut))
        keep[here] = ranks[here] >= pane.cut
    return keep, removed


def lowest(sample: Sample, pane: int) -> int:
    """Return a cut that the pane at this start will have at least."""
    hour = sample.hours.get(pane - pane % HOUR)
    if sample.day is None:
        return 0
    ahead = max(0, pane // DAY - sample.day)
    least = max(0, sample.cut - ahead)
    return least if hour is None or ahead else min(least, hour.cut)


def close(sample: Sample, start: int, most: int, expiry: Callable[[int], int]) -> list[Cut]:
    """Move an open pane into its hour, in the order of panes; return what to remove.

    `most` is the bound on rows in waiting; `expiry` tells when those of an hour no longer wait.
    """
    pane = sample.panes.pop(start)
    first = start - start % HOUR
    if first not in sample.hours:
        for gone in [at for at in sample.hours if expiry(at) <= start]:
            hour = sample.hours.pop(gone)
            sample.rows -= sum(hour.counts)
            sample.past[gone] = hour.cut
            sample.changed.add(gone)
    if sample.day is None or start // DAY > sample.day:
        if sample.cut and sample.rows <= most // 4:
            sample.cut -= 1
        sample.day = start // DAY
    hour = sample.hours.setdefault(first, Slice(max(sample.cut, pane.cut)))
    sample.changed.add(first)
    removed: list[Cut] = []
    if pane.cut > hour.cut:
        sample.rows -= hour.raise_to(pane.cut)
        removed.append(Cut(first, first + HOUR, hour.cut))
    elif hour.cut > pane.cut:
        pane.raise_to(hour.cut)
        removed.append(Cut(start, start + sample.pane, hour.cut))
    for place in range(hour.cut, RANKS):
        hour.counts[place] += pane.counts[place]
        sample.rows += pane.counts[place]
    if sample.rows > most:
        removed.append(tighten(sample, most))
    return removed


def tighten(sample: Sample, most: int) -> Cut:
    """Raise the cut by one, and on until no more than `most` rows are kept; return what goes."""
    sample.changed.update(sample.hours)
    while True:
        sample.cut += 1
        for pane in sample.panes.values():
            pane.raise_to(sample.cut)
        sample.rows -= sum(hour.raise_to(sample.cut) for hour in sample.hours.values())
        if sample.rows <= most or sample.cut >= RANKS - 1:
            first = min([*sample.hours, *sample.panes], default=0)
            return Cut(first, ENDLESS, sample.cut)


def relieve(sample: Sample, most: int) -> list[Cut]:
    """Cut the rows of open panes at once if they are more than twice `most`; return what goes."""
    removed: list[Cut] = []
    # A cut that open panes have reached by themselves takes nothing from them.
    while unclosed(sample) > 2 * most and sample.cut < RANKS - 1:
        removed = [tighten(sample, most)]
    return removed


def unclosed(sample: Sample) -> int:
    """Return the rows of open panes."""
    return sum(sum(pane.counts) for pane in sample.panes.values())


def cut_of(sample: Sample, start: int, end: int) -> int:
    """Return the cut that holds for all of a window: the largest of its parts."""
    low = start - start % HOUR
    cuts = [hour.cut for at, hour in sample.hours.items() if low <= at < end]
    cuts += [pane.cut for at, pane in sample.panes.items() if start <= at < end]
    cuts += [cut for at, cut in sample.past.items() if low <= at < end]
    return max(cuts, default=0)


def _shrink(pane: Slice, most: int) -> bool:
    before = pane.cut
    while sum(pane.counts) > most and pane.cut < RANKS - 1:
        pane.raise_to(pane.cut + 1)
    return pane.cut > before
