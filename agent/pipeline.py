"""The pipeline's thread: the only one that touches systems' state and the store.

Per turn it takes one item from a collector's channel, steps the system it belongs to, and about
once a second commits everything that changed in one transaction.  Only then do reports go to the
exporters, and only when the required ones have them durably do offsets go back to the collectors.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from agent import degraded, measured, silence, starts
from agent.clock import Clock
from agent.commits import Commits
from agent.incident_watch import IncidentWatch
from agent.layout import LayoutError
from agent.notices import Announced
from agent.plan import Plan
from agent.programme import Programme
from agent.quarantine import QuarantineTally
from agent.reference.build import BuildError
from agent.reference.load import LoadError
from agent.running import LOG_NAME, Input, Running
from agent.state import SystemState
from agent.store import Store, StoreError
from agent.system import Outcome, finish, observe_status, take, tick
from agent.wall_clock import WallClock
from collectors.base import EndOfInput, Item, SchemaResolved, SourceStatus
from collectors.batch import EventBatch
from collectors.schema import EventSchema
from exporters.agent_metrics import AgentMetrics
from exporters.base import Numbered
from exporters.deadline import Deadline
from exporters.defects import calls, kind_and_place
from exporters.delivery import Delivery
from exporters.tracing import TraceRef, in_log_lines
from policies.complaint import PackError
from policies.model import Notice, Report

if TYPE_CHECKING:
    from agent.evidence.keeper import Keeper
    from agent.tracing import PipelineTracing

_log = structlog.get_logger(LOG_NAME)


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
        self._ticked_at = clock.monotonic()
        self._wall = WallClock(clock, systems)
        self._commits = Commits(
            store=store,
            systems=systems,
            inputs=inputs,
            deliveries=deliveries,
            metrics=metrics,
            clock=clock,
            wake=wake,
            is_over=lambda: self._stopping is not None and self._stopping.expired(),
            interval=commit_interval,
            tracing=tracing,
        )
        self.input_problem: str | None = None
        self.failure: str | None = None

    def stop(self, deadline: Deadline) -> None:
        """Ask `run` to drain the channels, commit and return; any thread."""
        self._stopping = deadline
        self._wake.set()

    @property
    def number(self) -> int:
        """The outbox number of the newest item handed on."""
        return self._commits.number

    @property
    def problem(self) -> str | None:
        """Why the store cannot be written; None when it can."""
        return self._commits.problem

    def resend(self, items: Sequence[Numbered]) -> None:
        """Give the outbox of an earlier run to the exporters; before `run`."""
        self._commits.resend(items)

    def announce(self, announced: Announced) -> None:
        """Put records and documents into the next commit; before `run` or from its thread."""
        self._commits.add(announced.items)
        self._commits.put(announced.documents)

    def open(self, system: str, schema: EventSchema) -> None:
        """Open a system whose schema is known; before `run` or from its thread."""
        running = self._systems[system]
        opened = running.open(schema)
        running.plan, running.state = opened.plan, opened.state
        self._note_failed(running, opened.state)
        starts.begin(running, opened.plan, opened.state, self._inputs, self._wall.now())
        running.skipped = opened.state.skipped
        silence.hand_over(running.unopened, opened.state)
        self.announce(opened.announced)
        for status in running.waiting:
            observe_status(opened.plan, opened.state, status, self._wall.now())
        running.waiting.clear()

    def expect(self) -> None:
        """Count from now the time that sources have to tell what they read; before `run`."""
        for running in self._systems.values():
            if running.plan is not None and running.state is not None:
                starts.begin(running, running.plan, running.state, self._inputs, self._wall.now())

    def run(self) -> None:
        """Work until stopped or done; see the class."""
        try:
            # Whatever comes of the input, the log has under what it was read.
            self._commits.commit()
            while not self._is_done():
                took = self._take_one()
                self._pass_time()
                self._commits.acknowledge()
                if self._commits.is_due():
                    self._commits.commit()
                if not took:
                    self._wake.wait(0.05)
                    self._wake.clear()
            self._commits.commit()
            if self._stopping is None and self.failure is None:
                # The input has ended; if not where it should, somebody must know.
                self.failure = self.input_problem
        except (LayoutError, LoadError, BuildError, PackError) as error:
            # What a person must mend, found when the first event told what the stream holds.
            self.failure = str(error)
        except StoreError as error:
            self._commits.abandon()
            self.failure = str(error)
        except Exception as error:  # noqa: BLE001 - a defect must end the agent loudly
            self._commits.abandon()
            what = kind_and_place(error)
            _log.error("pipeline_failed", error=what, exception=calls(error))
            self.failure = f"the pipeline failed: {what}; please report it"

    def close(self, deadline: Deadline, last: Announced) -> None:
        """After `run`: commit `last`, wait for the required exporters, forget what they have.

        Only once `run` has returned: the state in the middle of a step must not be committed.
        """
        try:
            self._gather(all_of_it=True)
            self.announce(last)
            self._commits.commit()
            self._commits.wait_delivered(deadline)
            self._commits.acknowledge()
            self._commits.commit()
        except StoreError as error:
            self.failure = self.failure or str(error)

    def _gather(self, *, all_of_it: bool = False) -> None:
        """Take what others have to tell the audit log; `all_of_it`: also what could wait."""
        if not self._commits.abandoned:
            self._commits.add(self._quarantine.due(self._clock.now(), all_of_it=all_of_it))
        while self._announced:
            self._commits.add([self._announced.popleft()])
        if self._keeper is not None:
            self._commits.add(self._keeper.told(), then=self._keeper.committed)

    # One turn.

    def _is_done(self) -> bool:
        if self.failure is not None:
            return True
        if self._stopping is not None:
            return self._stopping.expired() or not any(
                i.channel.waiting() for i in self._inputs if not self._is_early(i)
            )
        return bool(self._inputs) and all(s.finished for s in self._systems.values())

    def _is_early(self, source: Input) -> bool:
        running = self._systems[source.system]
        return starts.is_early(running, source, self._inputs, self._wall.now)

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
            running.wait_to_tell(status)
        else:
            observe_status(running.plan, running.state, status, self._wall.now())

    def _ended(self, running: Running, item: EndOfInput) -> None:
        running.ended.add(item.source)
        if running.state is not None:
            running.state.awaited.told(item.source)
        if item.error is not None:
            self.input_problem = f"{item.source}: {item.error}"
            _log.error("input_failed", source=item.source, error=item.error)
            running.failed.add(item.source)
            if running.state is not None:
                self._note_failed(running, running.state)
        if running.ended >= running.sources:
            # What an input broke off in stays open: the next start may find the rest of it.
            if running.plan is not None and running.state is not None and not running.failed:
                self._emit(running, finish(running.plan, running.state, self._wall.now()))
            running.finished = True

    def _note_failed(self, running: Running, state: SystemState) -> None:
        """Let no window pass as complete that closes after a source of events has failed."""
        events = {i.source for i in self._inputs if i.alone is None}
        state.input_failed = bool(running.failed & events)

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
        outcome = take(plan, state, batch, self._wall.now())
        self._commits.read_to(source.source, batch.partition, batch.next_offset)
        absorbed = outcome.absorbed
        if absorbed is not None:
            self._totals["events"] += absorbed.events
            measured.count(self._metrics, source, absorbed)
            self._quarantine.add(
                running.system,
                source.source,
                absorbed.rejected,
                absorbed.quarantined,
                self._clock.now(),
            )
            self._commits.quarantine(absorbed.quarantined)
        self._emit(running, outcome)

    def _emit(self, running: Running, outcome: Outcome) -> None:
        if self._keeper is not None and outcome.samples:
            # Before the commit that makes the reports durable which name them.
            self._keeper.keep(outcome.samples)
        refs: Sequence[TraceRef | None] = [None] * len(outcome.items)
        if self._tracing is None:
            self._commits.add(outcome.items)
        else:
            refs = self._tracing.closed(running.system, outcome)
            self._commits.add_traced(outcome.items, refs)
        if self._programme is not None and outcome.items:
            self._commits.put(self._programme.take(running.system, outcome.items))
        reports = outcome.reports()
        if reports:
            self._metrics.reported(running.system, len(reports))
        for item, ref in zip(outcome.items, refs, strict=True):
            if isinstance(item, Report):
                with in_log_lines(ref):
                    measured.log_window(item)
                self._metrics.window_closed(running.system, item.window.length)

    def _pass_time(self) -> None:
        moment = self._clock.monotonic()
        if moment - self._ticked_at < 1.0:
            return
        self._ticked_at = moment
        for running in self._systems.values():
            if running.finished:
                continue
            if running.plan is None or running.state is None:
                told = running.while_unopened(running.unopened, self._wall.now())
                self._commits.add(told)
                continue
            starts.give_up(running.system, running.state, self._wall.now())
            self._emit(running, tick(running.plan, running.state, self._wall.now()))
            measured.gauge(self._metrics, running.plan, running.state, running.sources)
            measured.log_skipped(running, running.state)
        if self._incidents is not None:
            self.announce(self._incidents.look(self._clock.now()))
        if self._programme is not None:
            self._programme.look(self._clock.now())
        self._gather()
        self._metrics.store_size(self._store.size())
        self._watch_required()

    def _watch_required(self) -> None:
        """Apply `audit_failure` when a required exporter has failed for too long."""
        now = self._clock.monotonic()
        failed = degraded.failed(self._deliveries, self._audit_failure_after, now)
        if failed is not None and self._audit_failure == "stop":
            self.failure = degraded.why_to_stop(failed, self._audit_failure_after)
        degraded.degrade(self._systems.values(), failed)
