"""`pantau backtest`: the same pipeline over a finite file, telling what it would have said.

Nothing is stored, exported or alerted.  The clock stands still at the start (contract C12), the end
of the input counts as watermark = infinity (C3), and what is told depends on nothing but the
input's records and the configuration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from agent.clock import FrozenClock, SystemClock
from agent.config.model import Config
from agent.config.resolve import alone_of, event_schema, labels_elsewhere, source_schema
from agent.config.system import System
from agent.dedup import DedupIndex, winners
from agent.labels.kinds import REVIEWS
from agent.labels.state import temporary
from agent.opening import make_plan
from agent.persist import mark_clean
from agent.plan import Plan
from agent.report_order import Tell, Teller
from agent.state import SystemState
from agent.system import Outcome, finish_by_step, skim, take_by_step
from collectors.base import EndOfInput, Item, SchemaResolved
from collectors.batch import EventBatch
from collectors.file import format_by_extension, read_batches
from collectors.file_options import FileOptions
from policies.model import Report, without_withheld

ID_KEY = b"pantau backtest"
"""Key of the id hashes: fixed, since they never leave the memory of one run."""

SEVERITIES = ("never", "breach", "warn", "not_assessable")
"""What `--fail-on` may be; each of the last three includes those before it."""

Progress = Callable[[int], None]
"""Called with the number of records read so far."""


@dataclass
class Result:
    """What a backtest read: `events` counted, the others did not; `rejected` by reason.

    `labels`, `reviews`: what became of them, by `agent.labels.intake.OUTCOMES`.
    """

    plan: Plan | None = None
    notes: tuple[str, ...] = ()
    events: int = 0
    late: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    reviews: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


def replay(
    config: Config,
    system: System,
    source: Path,
    tell: Tell,
    *,
    revisions: bool = False,
    progress: Progress | None = None,
    clock: FrozenClock | None = None,
) -> Result:
    """Run the pipeline over a file.  Raises `CollectorError` if it cannot be read.

    Calls `tell` with each final report in the order of contract C4, as soon as it is certain; with
    `revisions` with those that it replaced as well, but then at the end where labels can come.

    When an id occurs with different bodies, which of them counts must not depend on the order of
    the file, so from where it would the file is read a second time with the winners known (the
    earliest record).  What was told by then is the same again: see ADR 28.
    """
    clock = clock or FrozenClock(SystemClock().now())

    def noting_contests(horizon: int, max_ids: int) -> DedupIndex:
        return DedupIndex(horizon, max_ids, note_contests=True)

    with Teller(tell, revisions=revisions) as teller:
        first = _Pass(config, system, clock, noting_contests, teller)
        first.run(source, progress)
    if first.dedup is None or not first.dedup.undecided:
        return first.result
    canonical = winners(first.dedup.contests, first.horizon)

    def with_winners(horizon: int, max_ids: int) -> DedupIndex:
        index = DedupIndex(horizon, max_ids)
        index.canonical = canonical
        return index

    with Teller(tell, revisions=revisions, skip=teller.told) as rest:
        second = _Pass(config, system, clock, with_winners, rest)
        second.run(source, progress)
    return second.result


def file_collectors(config: Config, system: System) -> list[FileOptions]:
    """Return the options of the file collectors that hold a system's events."""
    return [o for o in _files(config, system) if alone_of(o) is None]


def files_without_events(config: Config, system: System) -> list[FileOptions]:
    """Return the options of the file collectors that hold labels or reviews for a system alone."""
    return [o for o in _files(config, system) if alone_of(o) is not None]


def _files(config: Config, system: System) -> list[FileOptions]:
    return [
        options
        for options in config.collectors
        if isinstance(options, FileOptions) and options.system in (None, system.id)
    ]


def is_finding(report: Report, fail_on: str) -> bool:
    """Tell whether a report has a verdict at or above `fail_on`."""
    states = SEVERITIES[1 : SEVERITIES.index(fail_on) + 1]
    return report.final and any(v.state in states for v in report.verdicts)


class _Pass:
    """The pipeline over the whole file, once."""

    def __init__(
        self,
        config: Config,
        system: System,
        clock: FrozenClock,
        make_index: Callable[[int, int], DedupIndex],
        teller: Teller,
    ) -> None:
        self._config, self._system, self._clock = config, system, clock
        self._make_index, self._teller = make_index, teller
        self._state: SystemState | None = None
        self.result = Result()
        self.dedup: DedupIndex | None = None
        self.horizon = 0
        self._has_events = False

    def run(self, source: Path, progress: Progress | None) -> None:
        result = self.result
        items = _items(self._config, self._system, source)
        try:
            for item in chain(items, _joined(self._config, self._system, lambda: result.plan)):
                if isinstance(item, SchemaResolved) and not item.schema.labels_only:
                    self._resolve(item)
                elif isinstance(item, EventBatch) and result.plan is not None:
                    self._take(result.plan, item)
                    if progress is not None:
                        progress(item.next_offset)
                elif isinstance(item, EndOfInput):
                    self._ended(item)
            self._end()
        finally:
            if self._state is not None and self._state.room is not None:
                self._state.room.table.close()

    def _resolve(self, resolved: SchemaResolved) -> None:
        plan = make_plan(self._config, self._system, resolved.schema)
        self.result.plan, self.result.notes = plan, resolved.notes
        self.horizon = plan.time.dedup_horizon
        self.dedup = self._make_index(self.horizon, self._config.store.dedup_max_ids)
        self._state = _fresh(plan, self.dedup)

    def _take(self, plan: Plan, batch: EventBatch) -> None:
        state = self._state
        if state is None:
            return
        if state.dedup.undecided:
            skim(plan, state, batch, self._clock.now())
        else:
            self._judge(plan, state, batch)
        mark_clean(state)
        state.dedup.take_fresh()

    def _judge(self, plan: Plan, state: SystemState, batch: EventBatch) -> None:
        for step in take_by_step(plan, state, batch, self._clock.now()):
            self._note(step)
            if state.dedup.undecided:
                # Judged again by the second reading; this one goes on for the other contests.
                self._teller.drop()
            elif state.closed_to is not None:
                # No event that is still to come is a repeat of one in these windows.
                self._teller.release(state.closed_to - self.horizon)

    def _ended(self, item: EndOfInput) -> None:
        if item.error is not None:
            self.result.errors.append(item.error)
            if self._state is not None and not self._has_events:
                # The windows that are open now it may have cut.
                self._state.input_failed = True
        self._has_events = True

    def _end(self) -> None:
        plan, state, result = self.result.plan, self._state, self.result
        if plan is None or state is None or state.dedup.undecided:
            return
        for step in finish_by_step(plan, state, self._clock.now()):
            self._note(step)
            self._teller.release(None)
        self._teller.finish()
        if state.skipped:
            left_out = f"{state.skipped} empty windows were left out"
            why = "a hole in event time holds more than max_empty_windows"
            result.notes = (*result.notes, f"{left_out}: {why}")
        if state.labels is not None:
            result.labels += state.labels.settled
        if state.reviews is not None:
            result.reviews += state.reviews.settled

    def _note(self, step: Outcome) -> None:
        for item in map(without_withheld, step.items):
            if isinstance(item, Report):
                self._teller.take(item)
        if step.absorbed is None:
            return
        self.result.events += step.absorbed.events
        self.result.late += step.absorbed.late
        self.result.duplicates += step.absorbed.duplicates
        self.result.labels += step.absorbed.labels.outcomes
        self.result.reviews += step.absorbed.reviews.outcomes
        for reason, amount in step.absorbed.rejected.items():
            self.result.rejected[reason] = self.result.rejected.get(reason, 0) + amount


def _fresh(plan: Plan, dedup: DedupIndex) -> SystemState:
    state = SystemState(dedup=dedup)
    # Labels and reviews may come at the end of the input, or in another file.
    if plan.labels is not None:
        state.labels = temporary(plan.system, plan.labels.pane)
        state.labels.held_open = True
    if plan.reviews is not None:
        pane = plan.reviews.pane
        state.reviews = temporary(plan.system, pane, kind=REVIEWS, room=state.room)
        state.reviews.held_open = True
    return state


def _items(config: Config, system: System, source: Path) -> Iterator[Item]:
    """Read the file as the system's file collector says; another one goes by its extension."""
    files = file_collectors(config, system)
    options = next((o for o in files if o.path == source), None)
    if options is None:
        options = (files or [FileOptions(path=source)])[0]
        if format_by_extension(source) is not None:
            options = options.model_copy(update={"format": "auto"})
    schema = event_schema(system, apart=labels_elsewhere(config, system))
    return read_batches(source, schema, ID_KEY, options.batch_size, options)


def _joined(config: Config, system: System, plan: Callable[[], Plan | None]) -> Iterator[Item]:
    """Read the files that hold labels or reviews alone; `plan` is called after the events."""
    for options in files_without_events(config, system):
        known = plan()
        schema = source_schema(system, options, None if known is None else known.schema.task)
        yield from read_batches(options.path, schema, ID_KEY, options.batch_size, options)
