"""From what was made to what is durable: one transaction, then exporters, then acknowledgements.

Reports go to the exporters only once they are in the store, and offsets back to the collectors only
once the required exporters have everything durably that was made of what stands before them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from agent import outbox
from agent.clock import Clock
from agent.persist import collect, mark_clean
from agent.running import LOG_NAME, Input, Running
from agent.store import Changes, Document, Quarantined, Store, StoreError
from exporters.agent_metrics import AgentMetrics
from exporters.base import Numbered
from exporters.deadline import Deadline
from exporters.delivery import Delivery
from exporters.tracing import TraceRef
from policies.model import Outgoing

if TYPE_CHECKING:
    from agent.tracing import PipelineTracing

_log = structlog.get_logger(LOG_NAME)

MAX_QUARANTINED = 1_000
"""Places of rejected records that one commit writes down; all are counted."""

STORE_RETRY = 1.0
"""Seconds between two attempts to commit when the store cannot be written."""


@dataclass
class _Acknowledgement:
    """Offsets that may be committed once `number` is delivered by the required exporters.

    `replay_from`: start of the oldest open window, by system.
    """

    number: int
    offsets: dict[str, dict[str, int]]
    replay_from: dict[str, int | None]


class Commits:
    """What the next commit takes along, and what waits for exporters since the last ones.

    Used by the pipeline's thread alone.  `number` is that of the newest item handed on, `problem`
    says why the store cannot be written.  `is_over` tells when to stop trying.  `abandoned`: the
    systems' states are committed no more.
    """

    def __init__(
        self,
        *,
        store: Store,
        systems: Sequence[Running],
        inputs: Sequence[Input],
        deliveries: Sequence[Delivery],
        metrics: AgentMetrics,
        clock: Clock,
        wake: threading.Event,
        is_over: Callable[[], bool],
        interval: float,
        tracing: PipelineTracing | None,
    ) -> None:
        self._store, self._systems, self._inputs = store, systems, inputs
        self._deliveries, self._metrics, self._clock = deliveries, metrics, clock
        self._wake, self._is_over, self._interval = wake, is_over, interval
        self._tracing = tracing
        self._items: list[Outgoing] = []
        self._then: list[Callable[[], None]] = []
        self._refs: dict[int, TraceRef] = {}
        self._changes = Changes()
        self._offsets: dict[str, dict[str, int]] = {}
        self._acknowledgements: deque[_Acknowledgement] = deque()
        self._made: deque[tuple[int, float]] = deque(store.outbox_made())
        self._forgotten = 0
        self._committed_at = clock.monotonic()
        self.number = 0
        self.problem: str | None = None
        self.abandoned = False

    # What the next commit takes along.

    def add(self, items: Iterable[Outgoing], then: Callable[[], None] | None = None) -> None:
        """Take along what is to go out; `then` is called once it is durable."""
        self._items += items
        if then is not None:
            self._then.append(then)

    def add_traced(self, items: Sequence[Outgoing], refs: Sequence[TraceRef | None]) -> None:
        """Do so, knowing where each of the items is traced, if it is."""
        places = enumerate(refs, start=len(self._items))
        self._refs |= {place: ref for place, ref in places if ref is not None}
        self._items += items

    def put(self, documents: Iterable[Document]) -> None:
        """Take documents along."""
        self._changes.put += documents

    def quarantine(self, entries: Sequence[Quarantined]) -> None:
        """Take along where rejected records stand, as far as there is room."""
        room = MAX_QUARANTINED - len(self._changes.quarantine)
        self._changes.quarantine += entries[:room]

    def read_to(self, source: str, partition: str, offset: int) -> None:
        """Note how far a partition has been taken in."""
        self._offsets.setdefault(source, {})[partition] = offset

    # Committing.

    def abandon(self) -> None:
        """Drop all since the last commit, and commit the states no more: a step broke off in them.

        It may have counted a window as reported whose report nobody has.  The next start goes on
        from the last commit, and comes to the same point again.
        """
        self.abandoned = True
        self._changes, self._items, self._refs, self._offsets = Changes(), [], {}, {}
        self._store.forget_labels()

    def is_due(self) -> bool:
        """Tell whether it is time for the next commit."""
        return self._clock.monotonic() - self._committed_at >= self._interval

    def commit(self) -> None:
        """Make everything since the last commit durable, then hand the reports on."""
        self._committed_at = self._clock.monotonic()
        changes, self._changes = self._changes, Changes()
        items, self._items = self._items, []
        refs, self._refs = self._refs, {}
        for running in self._systems if not self.abandoned else ():
            if running.plan is not None and running.state is not None:
                collect(running.system, running.plan.layout, running.state, changes)
        changes.outbox += [outbox.encode(item) for item in items]
        changes.made = self._clock.now()
        delivered = self._durable()
        if delivered > self._forgotten:
            changes.delivered = delivered
        if changes:
            self._make_durable(changes, items, refs)
        then, self._then = self._then, []
        for call in then:
            call()
        if self._offsets:
            self._acknowledgements.append(
                _Acknowledgement(self.number, self._offsets, self._replay_from())
            )
            self._offsets = {}
        while self._made and self._made[0][0] <= delivered:
            self._made.popleft()
        self._metrics.outbox(len(self._made), self._made[0][1] if self._made else None)

    def _make_durable(
        self, changes: Changes, items: Sequence[Outgoing], refs: Mapping[int, TraceRef]
    ) -> None:
        began = time.time_ns()
        numbers = self._write(changes)
        if self._tracing is not None:
            self._tracing.committed(list(refs.values()), began)
        self._forgotten = max(self._forgotten, changes.delivered)
        for running in self._systems:
            if running.state is not None:
                mark_clean(running.state)
        self._made += [(number, changes.made) for number in numbers]
        self._hand_on(numbers, items, refs)

    def _write(self, changes: Changes) -> list[int]:
        """Commit, waiting as long as it takes: nothing is read meanwhile, so nothing is lost."""
        warned = False
        while True:
            started = self._clock.monotonic()
            try:
                numbers = self._store.commit(changes)
            except StoreError as error:
                self.problem = str(error)
                if not warned:
                    _log.error("store_commit_failed", error=str(error))
                    warned = True
                if self._is_over():
                    raise
                self._wake.wait(STORE_RETRY)
                self._wake.clear()
                continue
            if warned:
                _log.info("store_commit_recovered")
                self.problem = None
            self._metrics.committed(self._clock.monotonic() - started)
            return numbers

    def _replay_from(self) -> dict[str, int | None]:
        return {
            running.system: None
            if running.plan is None or running.state is None
            else running.state.oldest_open(running.plan.lengths)
            for running in self._systems
        }

    # Delivery and acknowledgement.

    def resend(self, items: Sequence[Numbered]) -> None:
        """Give the outbox of an earlier run to the exporters."""
        if items:
            self.number = items[-1].number
            for delivery in self._deliveries:
                delivery.submit(items)

    def _hand_on(
        self, numbers: Sequence[int], items: Sequence[Outgoing], refs: Mapping[int, TraceRef]
    ) -> None:
        if not numbers:
            return
        self.number = numbers[-1]
        numbered = [
            Numbered(number, item, refs.get(place))
            for place, (number, item) in enumerate(zip(numbers, items, strict=True))
        ]
        for delivery in self._deliveries:
            delivery.submit(numbered)

    def wait_delivered(self, deadline: Deadline) -> None:
        """Wait until the required exporters have everything, or the deadline is over."""
        for delivery in self._deliveries:
            if delivery.required:
                delivery.wait_delivered(self.number, deadline.remaining())

    def acknowledge(self) -> None:
        """Tell the collectors which of their offsets may be committed by now."""
        durable = self._durable()
        while self._acknowledgements and self._acknowledgements[0].number <= durable:
            one = self._acknowledgements.popleft()
            for source in self._inputs:
                if source.source in one.offsets:
                    source.channel.acknowledge(
                        one.offsets[source.source], one.replay_from[source.system]
                    )

    def _durable(self) -> int:
        """Return the outbox number up to which every required exporter has everything."""
        required = [d.delivered() for d in self._deliveries if d.required]
        return min(required, default=self.number)
