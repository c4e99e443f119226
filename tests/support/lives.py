"""The pipeline on a store that can die between any two steps, for tests of restarts."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import outbox
from agent.dedup import DedupIndex
from agent.persist import collect, mark_clean, restore
from agent.plan import Plan
from agent.state import SystemState, partition_key
from agent.store import Changes, Store
from agent.system import finish, observe_status, take
from collectors.base import SourceStatus
from collectors.batch import Rejected
from policies.model import Outgoing
from tests.support.events import batch

BROKEN: dict[str, Any] = {}
"""Stands for a record that cannot be decoded."""

Place = tuple[str, str]
"""A source and one of its partitions."""

Records = Mapping[Place, Sequence[Mapping[str, Any]]]


class Lives:
    """The lives of one agent on a store in a folder, over `records`, begun at `start`.

    `die` forgets what was not committed and begins the next life; `labels` and `reviews` are the
    sources that hold nothing else.  The wall clock stands a day after the start.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        records: Records,
        start: int,
        *,
        labels: frozenset[str] = frozenset(),
        reviews: frozenset[str] = frozenset(),
    ) -> None:
        self._folder, self._plan, self._records = folder, plan, records
        self._start, self._now = start, start + 86_400
        self._labels, self._reviews = labels, reviews
        self._wake()

    def _wake(self) -> None:
        plan = self._plan
        self._store = Store(self._folder)
        index = DedupIndex(plan.time.dedup_horizon, 100_000)
        self._state: SystemState = restore(
            self._store, plan.system, plan.layout, index, plan.labels, plan.reviews
        )
        for known, alone in (
            (self._state.labels, self._labels),
            (self._state.reviews, self._reviews),
        ):
            if alone:
                assert known is not None
                known.sources = set(alone)
        self._pending: list[Outgoing] = []
        for source in dict.fromkeys(source for source, _ in self._records):
            mine = frozenset(p for s, p in self._records if s == source)
            status = SourceStatus(source, mine, len(mine), frozenset())
            observe_status(plan, self._state, status, self._start)

    def read(self, place: Place, size: int) -> bool:
        """Read up to `size` records on from where the state stands; tell whether there were any."""
        source, partition = place
        known = self._state.partitions.get(partition_key(source, partition))
        at = known.next_offset if known is not None else 0
        records = self._records[place][at : at + size]
        if not records:
            return False
        rows = [r for r in records if r is not BROKEN]
        broken = [
            Rejected("invalid_json", at + i, sum(r is not BROKEN for r in records[:i]))
            for i, record in enumerate(records)
            if record is BROKEN
        ]
        made = batch(rows, source=source, partition=partition, first_offset=at, rejected=broken)
        self._pending += take(self._plan, self._state, made, self._now).items
        return True

    def commit(self) -> None:
        changes = Changes(outbox=[outbox.encode(item) for item in self._pending])
        collect(self._plan.system, self._plan.layout, self._state, changes)
        self._store.commit(changes)
        mark_clean(self._state)
        self._pending = []

    def die(self) -> None:
        """Forget everything that was not committed, and wake again."""
        self._store.close()
        self._wake()

    def end(self) -> list[Outgoing]:
        """End the input; return all that was sent in any life."""
        self._pending += finish(self._plan, self._state, self._now).items
        self.commit()
        sent = [outbox.decode(kind, body) for _, kind, body in self._store.outbox()]
        self._store.close()
        return sent

    def read_each(self, size: Callable[[], int]) -> bool:
        """Read so many from every place in turn; tell whether there was anything."""
        read = [self.read(place, size()) for place in self._records]
        return any(read)

    def undisturbed(self, size: int) -> list[Outgoing]:
        """Read everything in one life, `size` records at a time; return what was sent."""
        while self.read_each(lambda: size):
            pass
        return self.end()

    def troubled(self, rng: random.Random) -> list[Outgoing]:
        """Read everything with commits and deaths between; return what was sent."""
        reading = True
        while reading:
            reading = self.read_each(lambda: rng.randint(1, 40))
            fate = rng.random()
            if fate < 0.25:
                self.commit()
            elif fate < 0.4:
                self.die()
                reading = True
        return self.end()
