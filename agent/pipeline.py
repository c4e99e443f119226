"""The pipeline's thread: the only one that touches systems' state and the store.

Per turn it takes one item from a collector's channel, steps the system it belongs to, and about
once a second commits everything that changed in one transaction.  Only then do reports go to the
exporters, and only when the required ones have them durably do offsets go back to the collectors.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from agent import outbox, silence
from agent.clock import Clock
from agent.dedup import DedupIndex
from agent.incidents import IncidentWatch
from agent.joins import joins
from agent.labels.kinds import LABELS, Kind
from agent.labels.room import Room
from agent.labels.sample import unclosed
from agent.layout import LayoutError
from agent.notices import Announced
from agent.persist import collect, mark_clean
from agent.plan import Plan
from agent.programme import Programme
from agent.quarantine import QuarantineTally
from agent.reference.build import BuildError
from agent.reference.load import LoadError
from agent.state import SystemState
from agent.store import Changes, Store, StoreError
from agent.system import Outcome, expect, finish, observe_status, take, tick
from agent.watermark import MICROSECONDS
from collectors.base import Channel, EndOfInput, Item, SchemaResolved, SourceStatus
from collectors.batch import EventBatch
from collectors.schema import EventSchema
from exporters.agent_metrics import AgentMetrics
from exporters.base import Numbered
from exporters.deadline import Deadline
from exporters.delivery import Delivery
from exporters.tracing import TraceRef, in_log_lines
from policies.complaint import PackError
from policies.model import Notice, Outgoing, Report

if TYPE_CHECKING:
    from agent.evidence.keeper import Keeper
    from agent.tracing import PipelineTracing

_log = structlog.get_logger("agent.pipeline")

MAX_QUARANTINED = 1_000
"""Places of rejected records that one commit writes down; all are counted."""

CLOCK_STEP = 1.0
"""Seconds by which the wall clock may part from the monotonic one before it counts as stepped."""

STORE_RETRY = 1.0
"""Seconds between two attempts to commit when the store cannot be written."""


@dataclass
class Opened:
    """A system whose schema is known: what it runs by, where it stands, what to record of it."""

    plan: Plan
    state: SystemState
    announced: Announced


@dataclass
class Running:
    """One system in the pipeline.  `plan` and `state` are None until its schema is known.

    `open` makes both from a resolved schema; it may raise for a person to read.  Before that
    `while_unopened` tells once a second what there is to say when nothing comes at all; `unopened`
    is what it remembers.
    """

    system: str
    open: Callable[[EventSchema], Opened]
    plan: Plan | None = None
    state: SystemState | None = None
    sources: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    finished: bool = False
    skipped: int = 0
    waiting: list[SourceStatus] = field(default_factory=list)
    while_unopened: Callable[[SystemState, float], Sequence[Outgoing]] = lambda state, now: ()
    unopened: SystemState = field(default_factory=lambda: SystemState(dedup=DedupIndex(1, 1)))


@dataclass
class Input:
    """A collector's channel and the system that its events belong to.

    `alone`: it holds no events, but labels or reviews for those of other sources.
    """

    source: str
    system: str
    channel: Channel
    alone: Kind | None = None


@dataclass
class _Acknowledgement:
    """Offsets that may be committed once `number` is delivered by the required exporters.

    `replay_from`: start of the oldest open window, by system.
    """

    number: int
    offsets: dict[str, dict[str, int]]
    replay_from: dict[str, int | None]


class Pipeline:
    """Runs until every input has ended, `stop` was called, or something fails for good.

    `failure` then holds what a person must know.  All work happens in `run`'s thread.  `totals`
    is kept up to date for whoever wants to read it: `events` taken in since the start.
    `announced` is what exporters have to tell the audit log; they append to it at any time.
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
        bootid: str,
        totals: dict[str, int] | None = None,
        announced: deque[Notice] | None = None,
        incidents: IncidentWatch | None = None,
        programme: Programme | None = None,
        commit_interval: float = 1.0,
        audit_failure: str = "degrade",
        audit_failure_after: float = 60.0,
        tracing: PipelineTracing | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._store = store
        self._systems = {s.system: s for s in systems}
        self._inputs = list(inputs)
        self._deliveries = list(deliveries)
        self._metrics = metrics
        self._clock = clock
        self._wake = wake
        self._commit_interval = commit_interval
        self._audit_failure = audit_failure
        self._audit_failure_after = audit_failure_after
        self._quarantine = QuarantineTally(bootid)
        self._incidents = incidents
        self._programme = programme
        self._totals = {} if totals is None else totals
        self._totals.setdefault("events", 0)
        self._announced = deque[Notice]() if announced is None else announced
        self._stopping: Deadline | None = None
        self._tracing = tracing
        self._keeper = keeper
        self._pending: list[Outgoing] = []
        self._refs: dict[int, TraceRef] = {}
        self._changes = Changes()
        self._offsets: dict[str, dict[str, int]] = {}
        self._acknowledgements: deque[_Acknowledgement] = deque()
        self._made: deque[tuple[int, float]] = deque(store.outbox_made())
        self._number = 0
        self._forgotten = 0
        self._committed_at = clock.monotonic()
        self._ticked_at = clock.monotonic()
        self._clock_offset = clock.now() - clock.monotonic()
        self.problem: str | None = None
        self.input_problem: str | None = None
        self.failure: str | None = None

    def stop(self, deadline: Deadline) -> None:
        """Ask `run` to drain the channels, commit and return; any thread."""
        self._stopping = deadline
        self._wake.set()

    @property
    def number(self) -> int:
        """The outbox number of the newest item handed on."""
        return self._number

    def resend(self, items: Sequence[Numbered]) -> None:
        """Give the outbox of an earlier run to the exporters; before `run`."""
        if items:
            self._number = items[-1].number
            for delivery in self._deliveries:
                delivery.submit(items)

    def announce(self, announced: Announced) -> None:
        """Put records and documents into the next commit; before `run` or from its thread."""
        self._pending += announced.items
        self._changes.put += announced.documents

    def open(self, system: str, schema: EventSchema) -> None:
        """Open a system whose schema is known; before `run` or from its thread."""
        running = self._systems[system]
        opened = running.open(schema)
        running.plan, running.state = opened.plan, opened.state
        self._expect(running, opened.plan, opened.state)
        running.skipped = opened.state.skipped
        silence.hand_over(running.unopened, opened.state)
        self.announce(opened.announced)
        for status in running.waiting:
            observe_status(opened.plan, opened.state, status, self._now())
        running.waiting.clear()

    def expect(self) -> None:
        """Count from now the time that sources have to tell what they read; before `run`."""
        for running in self._systems.values():
            if running.plan is not None and running.state is not None:
                self._expect(running, running.plan, running.state)

    def _expect(self, running: Running, plan: Plan, state: SystemState) -> None:
        now = self._now()
        expect(state, running.sources, now)
        for source in running.ended:
            state.awaited.told(source)
        for join in joins(plan, state):
            inputs = (i for i in self._inputs if i.system == running.system)
            join.state.expect({i.source for i in inputs if i.alone == join.kind}, now)

    def run(self) -> None:
        """Work until stopped or done; see the class."""
        try:
            while not self._is_done():
                took = self._take_one()
                self._pass_time()
                self._acknowledge()
                if self._is_commit_due():
                    self._commit()
                if not took:
                    self._wake.wait(0.05)
                    self._wake.clear()
            self._commit()
            if self._stopping is None and self.failure is None:
                # The input has ended; if not where it should, somebody must know.
                self.failure = self.input_problem
        except (StoreError, LayoutError, LoadError, BuildError, PackError) as error:
            # What a person must mend, found when the first event told what the stream holds.
            self.failure = str(error)
        except Exception as error:  # noqa: BLE001 - a defect must end the agent loudly
            _log.exception("pipeline_failed")
            self.failure = f"the pipeline failed: {type(error).__name__}: {error}"

    def close(self, deadline: Deadline, last: Announced) -> None:
        """After `run`: commit `last`, wait for the required exporters, forget what they have."""
        try:
            self._pending += self._quarantine.due(self._clock.now(), all_of_it=True)
            self._take_announced()
            if self._keeper is not None:
                self._pending += self._keeper.told()
            self.announce(last)
            self._commit()
            for delivery in self._deliveries:
                if delivery.required:
                    delivery.wait_delivered(self._number, deadline.remaining())
            self._acknowledge()
            self._commit()
        except StoreError as error:
            self.failure = self.failure or str(error)

    def _take_announced(self) -> None:
        """Take what exporters have to tell the audit log."""
        while self._announced:
            self._pending.append(self._announced.popleft())

    # One turn.

    def _is_done(self) -> bool:
        if self.failure is not None:
            return True
        if self._stopping is not None:
            return self._stopping.expired() or not any(
                i.channel.waiting() for i in self._inputs if not self._is_early(i)
            )
        return bool(self._inputs) and all(s.finished for s in self._systems.values())

    def _now(self) -> float:
        """Return the wall clock's time; how long a partition had no event outlives its steps."""
        now = self._clock.now()
        step = now - self._clock.monotonic() - self._clock_offset
        if abs(step) > CLOCK_STEP:
            self._clock_offset += step
            _log.warning("clock_stepped", seconds=round(step, 3))
            for running in self._systems.values():
                for partition in running.state.partitions.values() if running.state else ():
                    partition.active_at += step
                silence.shift(running.state or running.unopened, step)
                if running.plan is not None and running.state is not None:
                    running.state.awaited.until += step
                    for join in joins(running.plan, running.state):
                        join.state.awaited.until += step
        return now

    def _take_one(self) -> bool:
        took = False
        for source in self._inputs:
            if self._is_early(source):
                continue
            item = source.channel.get(0.0)
            if item is not None:
                self._handle(source, item)
                took = True
        return took

    def _is_early(self, source: Input) -> bool:
        """Tell whether a source has to wait for the others of its system.

        One without events until the schema of the events is known, or their sources have all
        ended.  Then every source that has told what it reads until all have, so that what is read
        meanwhile waits in the channels, which are bounded, and not in open panes.
        """
        running = self._systems[source.system]
        if running.state is not None:
            awaited = running.state.awaited
            if not awaited.sources or source.source in awaited.sources:
                return False
            return awaited.holds(self._now())
        if source.alone is None:
            return False
        alone = {i.source for i in self._inputs if i.system == source.system and i.alone}
        return not running.ended >= running.sources - alone

    def _handle(self, source: Input, item: Item) -> None:
        running = self._systems[source.system]
        if isinstance(item, SchemaResolved):
            self._open(running, item)
        elif isinstance(item, SourceStatus):
            self._status(running, item)
        elif isinstance(item, EndOfInput):
            self._ended(running, item)
        else:
            self._batch(source, running, item)

    def _open(self, running: Running, item: SchemaResolved) -> None:
        if running.plan is not None or item.schema.labels_only:
            return
        for note in item.notes:
            _log.info("schema_inferred", system=running.system, source=item.source, note=note)
        self.open(running.system, item.schema)

    def _status(self, running: Running, status: SourceStatus) -> None:
        self._metrics.source(
            status.source,
            connected=status.connected,
            lag=status.lag,
            assigned=len(status.assigned),
            total=status.total,
        )
        for records in status.lost.values():
            self._metrics.lost(status.source, records or 1)
        if running.plan is None or running.state is None:
            running.waiting.append(status)
        else:
            observe_status(running.plan, running.state, status, self._now())

    def _ended(self, running: Running, item: EndOfInput) -> None:
        running.ended.add(item.source)
        if running.state is not None:
            running.state.awaited.told(item.source)
        if item.error is not None:
            self.input_problem = f"{item.source}: {item.error}"
            _log.error("input_failed", source=item.source, error=item.error)
        if running.ended >= running.sources:
            if running.plan is not None and running.state is not None:
                self._emit(running, finish(running.plan, running.state, self._now()))
            running.finished = True

    def _batch(self, source: Input, running: Running, batch: EventBatch) -> None:
        if running.plan is None or running.state is None:
            if source.alone is not None:
                # No event came at all.
                return
            raise RuntimeError(f"{batch.source}: a batch came before its schema")
        if self._tracing is None:
            self._work(source, running, running.plan, running.state, batch)
            return
        with self._tracing.batch(running.system, batch):
            self._work(source, running, running.plan, running.state, batch)

    def _work(
        self, source: Input, running: Running, plan: Plan, state: SystemState, batch: EventBatch
    ) -> None:
        outcome = take(plan, state, batch, self._now())
        self._offsets.setdefault(source.source, {})[batch.partition] = batch.next_offset
        self._measure(source, running, outcome)
        if outcome.absorbed is not None:
            absorbed = outcome.absorbed
            self._quarantine.add(
                running.system,
                source.source,
                absorbed.rejected,
                absorbed.quarantined,
                self._clock.now(),
            )
            room = MAX_QUARANTINED - len(self._changes.quarantine)
            self._changes.quarantine += absorbed.quarantined[:room]
        self._emit(running, outcome)

    def _measure(self, source: Input, running: Running, outcome: Outcome) -> None:
        absorbed = outcome.absorbed
        if absorbed is None or running.state is None:
            return
        self._totals["events"] += absorbed.events
        self._metrics.events(source.source, absorbed.events)
        self._metrics.queued(source.source, source.channel.queued())
        for name, amount in (
            (self._metrics.late, absorbed.late),
            (self._metrics.duplicates, absorbed.duplicates),
            (self._metrics.conflicts, absorbed.conflicts),
        ):
            if amount:
                name(running.system, amount)
        for reason, amount in absorbed.rejected.items():
            self._metrics.rejected(source.source, reason, amount)
        self._metrics.labels(running.system, absorbed.labels.outcomes)
        if absorbed.labels.delays:
            self._metrics.label_delays(running.system, absorbed.labels.delays)
        self._metrics.reviews(running.system, absorbed.reviews.outcomes)

    def _emit(self, running: Running, outcome: Outcome) -> None:
        if self._keeper is not None and outcome.samples:
            # Before the commit that makes the reports durable which name them.
            self._keeper.keep(outcome.samples)
        refs = self._trace(running, outcome)
        self._pending += outcome.items
        if self._programme is not None and outcome.items:
            self._changes.put += self._programme.take(running.system, outcome.items)
        reports = outcome.reports()
        if reports:
            self._metrics.reported(running.system, len(reports))
        for item, ref in zip(outcome.items, refs, strict=True):
            if isinstance(item, Report):
                with in_log_lines(ref):
                    _log_window(item)
                self._metrics.window_closed(running.system, item.window.length)

    def _trace(self, running: Running, outcome: Outcome) -> list[TraceRef | None]:
        """Return where each item is traced, and remember it by the item's place in `_pending`."""
        if self._tracing is None:
            return [None] * len(outcome.items)
        refs = self._tracing.closed(running.system, outcome)
        places = enumerate(refs, start=len(self._pending))
        self._refs |= {place: ref for place, ref in places if ref is not None}
        return refs

    def _pass_time(self) -> None:
        moment = self._clock.monotonic()
        if moment - self._ticked_at < 1.0:
            return
        self._ticked_at = moment
        for running in self._systems.values():
            if running.finished:
                continue
            if running.plan is None or running.state is None:
                self._pending += running.while_unopened(running.unopened, self._now())
                continue
            self._give_up_waiting(running.system, running.state)
            self._emit(running, tick(running.plan, running.state, self._now()))
            self._gauge(running.plan, running.state)
            self._tell_skipped(running, running.state)
        if self._incidents is not None:
            self.announce(self._incidents.look(self._clock.now()))
        if self._programme is not None:
            self._programme.look(self._clock.now())
        self._pending += self._quarantine.due(self._clock.now())
        self._take_announced()
        if self._keeper is not None:
            self._pending += self._keeper.told()
        self._metrics.store_size(self._store.size())
        self._watch_required()

    def _give_up_waiting(self, system: str, state: SystemState) -> None:
        """Say which sources have not told within their time what they read."""
        awaited = state.awaited
        if awaited.sources and not awaited.holds(self._now()):
            _log.warning("sources_not_assigned", system=system, sources=sorted(awaited.sources))
            awaited.sources.clear()

    def _tell_skipped(self, running: Running, state: SystemState) -> None:
        """Say when a hole in event time was too long to report each of its empty windows."""
        if state.skipped > running.skipped:
            _log.warning(
                "empty_windows_skipped",
                system=running.system,
                windows=state.skipped - running.skipped,
            )
            running.skipped = state.skipped

    def _gauge_joins(self, plan: Plan, state: SystemState, room: Room) -> None:
        for join in joins(plan, state):
            known, metrics = join.state, self._metrics
            count, store = (
                (metrics.labels, metrics.label_store)
                if join.kind == LABELS
                else (metrics.reviews, metrics.review_store)
            )
            count(plan.system, known.settled)
            known.settled.clear()
            sample = known.sample
            store(plan.system, rows=sample.rows + unclosed(sample), sampling=0.5**sample.cut)
        self._metrics.windows_waiting(plan.system, len(room.waiting))

    def _gauge(self, plan: Plan, state: SystemState) -> None:
        system = plan.system
        if state.room is not None:
            self._gauge_joins(plan, state, state.room)
        self._metrics.dedup(system, len(state.dedup))
        newest = [p.newest for p in state.partitions.values() if p.newest is not None]
        if newest:
            self._metrics.watermark(system, min(newest) / MICROSECONDS)

    def _watch_required(self) -> None:
        """Apply `audit_failure` when a required exporter has failed for too long."""
        degraded = None
        for delivery in self._deliveries:
            since = delivery.failing_since
            if not delivery.required or since is None:
                continue
            if self._clock.now() - since < self._audit_failure_after:
                continue
            degraded = f"{delivery.name}_unavailable"
            if self._audit_failure == "stop":
                self.failure = (
                    f"exporter {delivery.name} has failed for {self._audit_failure_after:g} s:"
                    f" {delivery.last_error}; stopping, as store.audit_failure says"
                )
        for running in self._systems.values():
            if running.state is not None and running.state.degraded != degraded:
                running.state.degraded = degraded
                if degraded is None:
                    _log.info("verdicts_restored", system=running.system)
                else:
                    _log.error("verdicts_degraded", system=running.system, because=degraded)

    # Commit and acknowledgement.

    def _is_commit_due(self) -> bool:
        return self._clock.monotonic() - self._committed_at >= self._commit_interval

    def _commit(self) -> None:
        """Make everything since the last commit durable, then hand the reports on."""
        self._committed_at = self._clock.monotonic()
        changes, self._changes = self._changes, Changes()
        items, self._pending = self._pending, []
        refs, self._refs = self._refs, {}
        for running in self._systems.values():
            if running.plan is not None and running.state is not None:
                collect(running.system, running.plan.layout, running.state, changes)
        changes.outbox += [outbox.encode(item) for item in items]
        changes.made = self._clock.now()
        delivered = self._durable()
        if delivered > self._forgotten:
            changes.delivered = delivered
        if changes:
            began = time.time_ns()
            numbers = self._write(changes)
            if self._tracing is not None:
                self._tracing.committed(list(refs.values()), began)
            self._forgotten = max(self._forgotten, changes.delivered)
            for running in self._systems.values():
                if running.state is not None:
                    mark_clean(running.state)
            self._made += [(number, changes.made) for number in numbers]
            self._hand_on(numbers, items, refs)
        if self._offsets:
            replay_from = {
                name: None
                if running.plan is None or running.state is None
                else running.state.oldest_open(running.plan.lengths)
                for name, running in self._systems.items()
            }
            self._acknowledgements.append(
                _Acknowledgement(self._number, self._offsets, replay_from)
            )
            self._offsets = {}
        while self._made and self._made[0][0] <= delivered:
            self._made.popleft()
        self._metrics.outbox(len(self._made), self._made[0][1] if self._made else None)

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
                if self._stopping is not None and self._stopping.expired():
                    raise
                self._wake.wait(STORE_RETRY)
                self._wake.clear()
                continue
            if warned:
                _log.info("store_commit_recovered")
                self.problem = None
            self._metrics.committed(self._clock.monotonic() - started)
            return numbers

    def _hand_on(
        self, numbers: Sequence[int], items: Sequence[Outgoing], refs: Mapping[int, TraceRef]
    ) -> None:
        if not numbers:
            return
        self._number = numbers[-1]
        numbered = [
            Numbered(number, item, refs.get(place))
            for place, (number, item) in enumerate(zip(numbers, items, strict=True))
        ]
        for delivery in self._deliveries:
            delivery.submit(numbered)

    def _durable(self) -> int:
        """Return the outbox number up to which every required exporter has everything."""
        required = [d.delivered() for d in self._deliveries if d.required]
        return min(required, default=self._number)

    def _acknowledge(self) -> None:
        durable = self._durable()
        while self._acknowledgements and self._acknowledgements[0].number <= durable:
            one = self._acknowledgements.popleft()
            for source in self._inputs:
                if source.source in one.offsets:
                    source.channel.acknowledge(
                        one.offsets[source.source], one.replay_from[source.system]
                    )


def _log_window(report: Report) -> None:
    states = [v.state for v in report.verdicts]
    _log.info(
        "window_closed",
        system=report.system,
        model_version=report.model_version,
        window=report.window.length,
        end=report.window.end,
        revision=report.revision,
        events=report.coverage.events,
        complete=report.coverage.complete,
        **{state: states.count(state) for state in sorted(set(states))},
    )
