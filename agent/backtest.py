"""`pantau backtest`: the same pipeline over a finite file, printing what it would have said.

Nothing is stored, exported or alerted.  The clock stands still at the start (contract C12), the end
of the input counts as watermark = infinity (C3), and the output depends on nothing but the input's
records and the configuration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from agent.clock import FrozenClock, SystemClock
from agent.config.model import Config
from agent.config.resolve import event_schema, source_schema
from agent.config.system import System
from agent.dedup import DedupIndex, winners
from agent.labels.state import temporary
from agent.opening import make_plan
from agent.persist import mark_clean
from agent.plan import Plan
from agent.state import SystemState
from agent.system import Outcome, finish, take
from agent.windows import LENGTHS
from collectors.base import EndOfInput, Item, SchemaResolved
from collectors.batch import EventBatch
from collectors.file import format_by_extension, read_batches
from collectors.file_options import FileOptions
from policies.model import ALL_VERSIONS, Report, without_withheld

ID_KEY = b"pantau backtest"
"""Key of the id hashes: fixed, since they never leave the memory of one run."""

SEVERITIES = ("never", "breach", "warn", "not_assessable")
"""What `--fail-on` may be; each of the last three includes those before it."""

Progress = Callable[[int], None]
"""Called with the number of records read so far."""


@dataclass
class Result:
    """What a backtest found.  `reports` in the order of contract C4, every revision.

    `labels`: what became of labels, by `agent.labels.intake.OUTCOMES`.
    """

    plan: Plan | None = None
    reports: list[Report] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    events: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def last_revisions(self) -> list[Report]:
        """Return the reports that hold: the highest revision of each window."""
        newest: dict[tuple[str, str, int], Report] = {}
        for report in self.reports:
            newest[report.model_version, report.window.length, report.window.start] = report
        return [r for r in self.reports if newest[_identity(r)] is r]


def replay(
    config: Config,
    system: System,
    source: Path,
    *,
    progress: Progress | None = None,
    clock: FrozenClock | None = None,
) -> Result:
    """Run the pipeline over a file.  Raises `CollectorError` if it cannot be read.

    When an id occurs with different bodies, which of them counts must not depend on the order of
    the file, so the file is read a second time with the winners known (the earliest record).
    """
    clock = clock or FrozenClock(SystemClock().now())

    def noting_contests(horizon: int, max_ids: int) -> DedupIndex:
        return DedupIndex(horizon, max_ids, note_contests=True)

    first = _pass(config, system, source, clock, progress, noting_contests)
    if first.dedup is None or first.result.plan is None:
        return first.result
    canonical = winners(first.dedup.contests, first.result.plan.time.dedup_horizon)
    if not canonical:
        return first.result

    def with_winners(horizon: int, max_ids: int) -> DedupIndex:
        index = DedupIndex(horizon, max_ids)
        index.canonical = canonical
        return index

    return _pass(config, system, source, clock, progress, with_winners).result


def file_collectors(config: Config, system: System) -> list[FileOptions]:
    """Return the options of the file collectors that hold a system's events."""
    return [o for o in _files(config, system) if o.labels is None]


def label_files(config: Config, system: System) -> list[FileOptions]:
    """Return the options of the file collectors that hold nothing but labels for a system."""
    return [o for o in _files(config, system) if o.labels is not None]


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


@dataclass
class _Pass:
    result: Result
    dedup: DedupIndex | None = None


def _pass(
    config: Config,
    system: System,
    source: Path,
    clock: FrozenClock,
    progress: Progress | None,
    make_index: Callable[[int, int], DedupIndex],
) -> _Pass:
    result = Result()
    run = _Pass(result)
    state: SystemState | None = None
    for item in chain(_items(config, system, source), _labels(config, system, lambda: result.plan)):
        if isinstance(item, SchemaResolved) and not item.schema.labels_only:
            result.plan = make_plan(config, system, item.schema)
            result.notes = item.notes
            run.dedup = make_index(result.plan.time.dedup_horizon, config.store.dedup_max_ids)
            state = _fresh(result.plan, run.dedup)
        elif isinstance(item, EventBatch) and result.plan is not None and state is not None:
            _note(result, take(result.plan, state, item, clock.now()))
            mark_clean(state)
            state.dedup.take_fresh()
            if progress is not None:
                progress(item.next_offset)
        elif isinstance(item, EndOfInput) and item.error is not None:
            result.errors.append(item.error)
    if result.plan is not None and state is not None:
        _end(result, result.plan, state, clock)
    result.reports.sort(key=_order)
    return run


def _fresh(plan: Plan, dedup: DedupIndex) -> SystemState:
    state = SystemState(dedup=dedup)
    if plan.labels is not None:
        state.labels = temporary(plan.system, plan.labels.pane)
        # Labels may come at the end of the input, or in another file.
        state.labels.held_open = True
    return state


def _end(result: Result, plan: Plan, state: SystemState, clock: FrozenClock) -> None:
    _note(result, finish(plan, state, clock.now()))
    if state.skipped:
        left_out = f"{state.skipped} empty windows were left out"
        why = "a hole in event time holds more than max_empty_windows"
        result.notes = (*result.notes, f"{left_out}: {why}")
    if state.labels is not None:
        result.labels += state.labels.settled
        state.labels.table.close()


def _items(config: Config, system: System, source: Path) -> Iterator[Item]:
    """Read the file as the system's file collector says; another one goes by its extension."""
    files = file_collectors(config, system)
    options = next((o for o in files if o.path == source), None)
    if options is None:
        options = (files or [FileOptions(path=source)])[0]
        if format_by_extension(source) is not None:
            options = options.model_copy(update={"format": "auto"})
    return read_batches(source, event_schema(system), ID_KEY, options.batch_size, options)


def _labels(config: Config, system: System, plan: Callable[[], Plan | None]) -> Iterator[Item]:
    """Read the files that hold nothing but labels; `plan` is called when the events are read."""
    for options in label_files(config, system):
        known = plan()
        schema = source_schema(system, options, None if known is None else known.schema.task)
        yield from read_batches(options.path, schema, ID_KEY, options.batch_size, options)


def _note(result: Result, outcome: Outcome) -> None:
    told = map(without_withheld, outcome.items)
    result.reports += [one for one in told if isinstance(one, Report)]
    if outcome.absorbed is not None:
        result.events += outcome.absorbed.events
        result.labels += outcome.absorbed.labels.outcomes
        for reason, amount in outcome.absorbed.rejected.items():
            result.rejected[reason] = result.rejected.get(reason, 0) + amount


def _identity(report: Report) -> tuple[str, str, int]:
    return (report.model_version, report.window.length, report.window.start)


def _order(report: Report) -> tuple[int, int, str, bool, str, int]:
    return (
        report.window.end,
        LENGTHS[report.window.length],
        report.system,
        report.model_version == ALL_VERSIONS,
        report.model_version,
        report.revision,
    )
