"""Which event ids were seen within the horizon: sorted segments, merged as they grow.

Memory is 16 bytes an id (hash 8, body checksum 4, event time 4) and bounded by `max_ids`; when the
bound is reached the oldest ids leave early, and `effective_horizon` says how far back memory goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from collectors.batch import Checksums, Flags, Hashes, Ints

_FAN_IN = 4
_ROW = np.dtype([("id", "<u8"), ("body", "<u4"), ("second", "<u4")])


class Repeats(NamedTuple):
    """Per row: is it a repeat of an id seen before, and if so, with another body?"""

    duplicate: Flags
    conflict: Flags


class Winner(NamedTuple):
    """A record that counts, or might, for an id that occurs more than once; in order of merit."""

    second: int
    body: int


class Segment(NamedTuple):
    """Ids in ascending order with their bodies and event times (epoch seconds)."""

    ids: Hashes
    bodies: Checksums
    seconds: Checksums


class Contest(NamedTuple):
    """The different records of one id: those that counted, and those that did not."""

    counted: set[Winner]
    repeats: set[Winner]


def winners(contests: Mapping[int, Contest], horizon: int) -> dict[int, list[Winner]]:
    """Return which records count for each contested id, ascending: those that would if sorted.

    The earliest counts, of equally early ones that of the least body; then the earliest one more
    than `horizon` seconds after it, and so on.  Nothing if these are the ones that counted.
    """
    found: dict[int, list[Winner]] = {}
    decided = True
    for key, contest in contests.items():
        of_key = found.setdefault(key, [])
        for one in sorted(contest.counted | contest.repeats):
            if not of_key or one.second - of_key[-1].second > horizon:
                of_key.append(one)
        # Of several that count, which one another repeats may still hang on the order.
        decided = decided and len(of_key) == 1 and contest.counted == {of_key[0]}
    return {} if decided else found


class DedupIndex:
    """Remembers ids of accepted events; the owner is the pipeline's thread.

    Two records are the same event when their ids are equal and their event times lie at most
    `horizon` seconds apart.  The first one counts.  With `canonical` winners given, the winner of
    an id counts wherever it stands, which makes a second pass over a finite input independent of
    its order; they are the `winners` of the `contests` that an index noted in the first.
    """

    def __init__(self, horizon: int, max_ids: int, *, note_contests: bool = False) -> None:
        self._horizon = horizon
        self._max_ids = max_ids
        self._segments: list[Segment] = []
        self._fresh: list[Segment] = []
        self._cutoff = 0
        self._note_contests = note_contests
        self.contests: dict[int, Contest] = {}
        self.undecided = False
        """Whether some contest has other `winners` than those that counted: it keeps them."""
        self.canonical: dict[int, list[Winner]] = {}
        self.evicted_before = 0
        """Event time before which ids left because of `max_ids`; 0 = never happened."""

    def __len__(self) -> int:
        return sum(len(s.ids) for s in self._segments)

    def observe(self, ids: Hashes, bodies: Checksums, times: Ints) -> Repeats:
        """Mark repeats among the rows and remember the others; `ids` holds no `NO_ID`.

        `times` are microseconds.  Rows are taken in order.
        """
        n = len(ids)
        duplicate = np.zeros(n, dtype=bool)
        conflict = np.zeros(n, dtype=bool)
        if n == 0:
            return Repeats(duplicate, conflict)
        seconds = (times // 1_000_000).astype(np.uint32)
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        suspects = self._suspects(ordered)
        suspects[1:] |= ordered[1:] == ordered[:-1]
        suspects[:-1] |= ordered[1:] == ordered[:-1]
        if self.canonical:
            suspects |= np.isin(ordered, np.fromiter(self.canonical, np.uint64))
        if suspects.any():
            self._settle(np.sort(order[suspects]), ids, bodies, seconds, duplicate, conflict)
            order = order[~duplicate[order]]
        self._remember(Segment(ids[order], bodies[order], seconds[order]))
        return Repeats(duplicate, conflict)

    def forget_before(self, second: int) -> None:
        """Allow ids of events before `second` to be dropped."""
        self._cutoff = max(self._cutoff, second)

    def take_fresh(self) -> tuple[bytes, int]:
        """Return what was remembered since the last call, as bytes, and its newest event time."""
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return b"", 0
        rows = np.empty(sum(len(s.ids) for s in fresh), dtype=_ROW)
        rows["id"] = np.concatenate([s.ids for s in fresh])
        rows["body"] = np.concatenate([s.bodies for s in fresh])
        rows["second"] = np.concatenate([s.seconds for s in fresh])
        return rows.tobytes(), int(rows["second"].max()) if len(rows) else 0

    def restore(self, stored: list[bytes]) -> None:
        """Take back what `take_fresh` gave, in any order."""
        rows = np.frombuffer(b"".join(stored), dtype=_ROW)
        order = np.argsort(rows["id"], kind="stable")
        rows = rows[order]
        if not len(rows):
            return
        self._segments = [Segment(rows["id"].copy(), rows["body"].copy(), rows["second"].copy())]

    @property
    def cutoff(self) -> int:
        """Event time, epoch seconds, before which nothing is remembered."""
        return max(self._cutoff, self.evicted_before)

    def _suspects(self, ordered: Hashes) -> Flags:
        found = np.zeros(len(ordered), dtype=bool)
        for segment in self._segments:
            at = np.searchsorted(segment.ids, ordered)
            np.minimum(at, len(segment.ids) - 1, out=at)
            found |= segment.ids[at] == ordered
        return found

    def _settle(
        self,
        rows: Ints,
        ids: Hashes,
        bodies: Checksums,
        seconds: Checksums,
        duplicate: Flags,
        conflict: Flags,
    ) -> None:
        """Decide the few rows whose id was met before, one by one, in their order."""
        here: dict[int, list[Winner]] = {}
        for row in rows.tolist():
            key, mine = int(ids[row]), Winner(int(seconds[row]), int(bodies[row]))
            kept = here.get(key)
            if kept is None:
                kept = here[key] = self._known(key)
            first = self._same_event(kept, mine)
            chosen = self._same_event(self.canonical.get(key, ()), mine)
            if chosen is not None and mine != chosen:
                duplicate[row], conflict[row] = True, mine.body != chosen.body
            elif first is None:
                kept.append(mine)
            else:
                duplicate[row], conflict[row] = True, mine.body != first.body
            if self._note_contests and {*kept, mine} != {mine}:
                contest = self.contests.setdefault(key, Contest(set(), set()))
                contest.counted.update(kept)
                contest.repeats.add(mine)
                self.undecided = self.undecided or not self._is_decided(contest, mine)

    def _is_decided(self, contest: Contest, mine: Winner) -> bool:
        """Tell whether one record counted, and would before `mine` wherever that stood."""
        if len(contest.counted) != 1:
            return False
        (counted,) = contest.counted
        return counted <= mine and mine.second - counted.second <= self._horizon

    def _same_event(self, known: list[Winner] | tuple[Winner, ...], mine: Winner) -> Winner | None:
        for one in known:
            if abs(one.second - mine.second) <= self._horizon:
                return one
        return None

    def _known(self, key: int) -> list[Winner]:
        wanted = np.uint64(key)
        found = []
        for segment in self._segments:
            low, high = (
                np.searchsorted(segment.ids, wanted, "left"),
                np.searchsorted(segment.ids, wanted, "right"),
            )
            found += [
                Winner(int(segment.seconds[i]), int(segment.bodies[i])) for i in range(low, high)
            ]
        return found

    def _remember(self, segment: Segment) -> None:
        if not len(segment.ids):
            return
        self._fresh.append(segment)
        self._segments.append(segment)
        while len(self._segments) >= _FAN_IN and self._tail_is_one_tier():
            self._merge(len(self._segments) - _FAN_IN)
        if len(self) > self._max_ids:
            self._evict()

    def _tail_is_one_tier(self) -> bool:
        tail = [len(s.ids) for s in self._segments[-_FAN_IN:]]
        return tail[0] < _FAN_IN * max(1, tail[-1])

    def _merge(self, start: int) -> None:
        parts = self._segments[start:]
        ids = np.concatenate([s.ids for s in parts])
        bodies = np.concatenate([s.bodies for s in parts])
        seconds = np.concatenate([s.seconds for s in parts])
        if self.cutoff:
            keep = seconds >= self.cutoff
            ids, bodies, seconds = ids[keep], bodies[keep], seconds[keep]
        order = np.argsort(ids, kind="stable")
        self._segments[start:] = [Segment(ids[order], bodies[order], seconds[order])]
        self._segments = [s for s in self._segments if len(s.ids)]

    def _evict(self) -> None:
        """Drop expired ids; if that is not enough, the oldest tenth of the bound."""
        self._merge(0)
        if len(self) > self._max_ids:
            seconds = self._segments[0].seconds
            keep = self._max_ids - self._max_ids // 10
            self.evicted_before = int(np.partition(seconds, len(seconds) - keep)[-keep])
            self._merge(0)
