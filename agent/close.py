"""Closing panes into windows, and finding the windows that are due for a report.

Pure bookkeeping on the state: what a report says is decided in `agent.report`.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.plan import Plan
from agent.state import NO_VERSION, OpenWindow, PaneKey, SystemState, WindowKey
from agent.summary import Summary, add, empty
from agent.watermark import MICROSECONDS, closing_point
from agent.windows import LENGTHS, containing
from policies.model import ALL_VERSIONS, Window

RESTATE_EVERY = 3_600
"""Seconds between two restatements of one window (contract C9)."""


class Due(NamedTuple):
    """A window to be reported: its fold so far, the revision to give it, whether it is final."""

    version: str
    window: Window
    summary: Summary
    revision: int
    final: bool


def due_by_time(plan: Plan, state: SystemState, now: float) -> list[Due]:
    """Close what the partitions' progress (or the clock, when all are idle) allows."""
    point = closing_point(
        state.partitions.values(),
        now=now,
        idle=plan.time.idle,
        lateness=plan.time.lateness * MICROSECONDS,
    )
    if point is None or state.first is None:
        return []
    newest = max((p.newest for p in state.partitions.values() if p.newest is not None), default=0)
    by_clock = point > newest - plan.time.lateness * MICROSECONDS
    return close_to(plan, state, point // MICROSECONDS, now, by_clock=by_clock)


def due_at_end(plan: Plan, state: SystemState, now: float) -> list[Due]:
    """Close everything: the input has ended, so nothing more can come (watermark = infinity)."""
    if state.newest is None:
        return []
    last = max([state.newest, *(key.start for key in state.panes)])
    end = max(containing(last, length).end for length in plan.lengths)
    due: list[Due] = []
    for length in plan.lengths:
        due += _due(plan, state, length, containing(last, length).end, now, end_of_input=True)
    _move(plan, state, end)
    return in_order(due + _restated(plan, state, now, at_once=True))


def close_to(
    plan: Plan, state: SystemState, second: int, now: float, *, by_clock: bool
) -> list[Due]:
    """Close all panes and windows that end at or before `second`, in report order.

    `by_clock`: no event has come that far; it is the clock that closes.
    """
    target = second - second % plan.time.pane
    _move(plan, state, target)
    closed_to = state.closed_to if state.closed_to is not None else target
    due: list[Due] = []
    for length in plan.lengths:
        due += _due(plan, state, length, closed_to, now, by_clock=by_clock)
    return in_order(due + _restated(plan, state, now, at_once=False))


def in_order(due: list[Due]) -> list[Due]:
    """Sort by window end, length, model version with the pool last, revision (contract C4)."""
    return sorted(
        due,
        key=lambda d: (
            d.window.end,
            LENGTHS[d.window.length],
            d.version == ALL_VERSIONS,
            d.version,
            d.revision,
        ),
    )


def _move(plan: Plan, state: SystemState, target: int) -> None:
    """Advance `closed_to` and fold the panes before it into their windows."""
    if state.closed_to is None or target > state.closed_to:
        state.closed_to = target
        state.dirty.core = True
    state.dedup.forget_before(state.closed_to - plan.time.dedup_horizon)
    for key in sorted(k for k in state.panes if k.start + plan.time.pane <= state.closed_to):
        _fold(plan, state, key, state.panes.pop(key))
        state.dirty.panes.add(key)


def _fold(plan: Plan, state: SystemState, key: PaneKey, pane: Summary) -> None:
    versions = [ALL_VERSIONS] if key.version == NO_VERSION else [ALL_VERSIONS, key.version]
    for length in plan.lengths:
        window = containing(key.start, length)
        for version in versions:
            place = WindowKey(version, length, window.start)
            held = state.windows.get(place)
            if held is None:
                if _is_past(state, length, window.start):
                    # A final window is never reopened; without restatement nothing gets here.
                    continue
                held = state.windows[place] = OpenWindow(empty(plan.layout))
            add(held.summary, pane)
            held.touched = held.revision is not None
            state.dirty.windows.add(place)


def _is_past(state: SystemState, length: str, start: int) -> bool:
    return length in state.next_start and start < state.next_start[length]


def _due(
    plan: Plan,
    state: SystemState,
    length: str,
    closed_to: int,
    now: float,
    *,
    end_of_input: bool = False,
    by_clock: bool = False,
) -> list[Due]:
    """Return the windows of a length that ended at or before `closed_to`, empty ones included."""
    if state.first is None:
        return []
    if end_of_input:
        _fold_all(plan, state)
    seconds = LENGTHS[length]
    start = state.next_start.get(length, containing(state.first, length).start)
    due: list[Due] = []
    while start + seconds <= closed_to:
        start = _past_hole(plan, state, length, start, closed_to, by_clock=by_clock)
        if start + seconds <= closed_to:
            window = Window(start=start, end=start + seconds, length=length)
            due += _report(plan, state, window, now, end_of_input=end_of_input)
            start = window.end
        state.next_start[length] = start
        state.dirty.core = True
    return due


def _fold_all(plan: Plan, state: SystemState) -> None:
    for key in sorted(state.panes):
        _fold(plan, state, key, state.panes.pop(key))
        state.dirty.panes.add(key)


def _past_hole(
    plan: Plan, state: SystemState, length: str, start: int, closed_to: int, *, by_clock: bool
) -> int:
    """Return the window to report next: the one at `start`, or the first one behind a long hole.

    A single absurd timestamp must not produce years of empty reports: of empty windows in a row the
    first `max_empty_windows` are reported.  How far each step goes must not show in that, so they
    are counted from step to step.  By the clock windows come one by one, and all are reported,
    unless it jumps (the agent was down).
    """
    if WindowKey(ALL_VERSIONS, length, start) in state.windows:
        state.empty_run[length] = 0
        return start
    run = state.empty_run.get(length, 0)
    if not by_clock and run < plan.max_empty_windows:
        state.empty_run[length] = run + 1
        return start
    seconds = LENGTHS[length]
    ahead = [k.start for k in state.windows if k.length == length and k.start >= start]
    resume = min([*ahead, closed_to - closed_to % seconds])
    empty_windows = (resume - start) // seconds
    if by_clock and empty_windows <= plan.max_empty_windows:
        return start
    state.skipped += empty_windows
    return resume


def _report(
    plan: Plan, state: SystemState, window: Window, now: float, *, end_of_input: bool
) -> list[Due]:
    final = end_of_input or _is_final(plan, state, window)
    keys = [k for k in state.windows if k.length == window.length and k.start == window.start]
    pooled = WindowKey(ALL_VERSIONS, window.length, window.start)
    if pooled not in keys:
        keys.append(pooled)
        state.windows[pooled] = OpenWindow(empty(plan.layout))
    due = []
    for key in keys:
        held = state.windows[key]
        held.revision, held.touched, held.reported_at = 0, False, now
        due.append(Due(key.version, window, held.summary, 0, final))
        _settle(state, key, final=final)
    return due


def _restated(plan: Plan, state: SystemState, now: float, *, at_once: bool) -> list[Due]:
    """Return reported windows to which something was added, and those that just became final."""
    due = []
    for key, held in list(state.windows.items()):
        if held.revision is None:
            continue
        window = containing(key.start, key.length)
        final = at_once or _is_final(plan, state, window)
        ripe = held.touched and (final or now - held.reported_at >= RESTATE_EVERY)
        if not (ripe or final):
            continue
        held.revision, held.touched, held.reported_at = held.revision + 1, False, now
        due.append(Due(key.version, window, held.summary, held.revision, final))
        _settle(state, key, final=final)
    return due


def _settle(state: SystemState, key: WindowKey, *, final: bool) -> None:
    if final:
        del state.windows[key]
    state.dirty.windows.add(key)


def _is_final(plan: Plan, state: SystemState, window: Window) -> bool:
    """Tell whether no late event can change the window any more.

    That is so when every partition, idle or not, has passed it by `lateness`, or when its
    `restate_horizon` is over.
    """
    closed_to = state.closed_to if state.closed_to is not None else 0
    if closed_to >= window.end + plan.time.restate_horizon:
        return True
    reach = (window.end + plan.time.lateness) * MICROSECONDS
    return all(p.newest is None or p.newest >= reach for p in state.partitions.values())
