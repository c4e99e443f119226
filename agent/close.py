"""Closing panes into windows, and finding the windows that are due for a report.

Pure bookkeeping on the state: what a report says is decided in `agent.report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agent.joins import Join, joins
from agent.labels.intake import close_panes
from agent.labels.kinds import Kind
from agent.labels.room import Room, Waiting
from agent.labels.table import Key
from agent.plan import Plan
from agent.state import NO_VERSION, OpenWindow, PaneKey, SystemState, WindowKey
from agent.summary import Summary, add, empty
from agent.watermark import MICROSECONDS, closing_point
from agent.windows import LENGTHS, containing
from policies.model import ALL_VERSIONS, Window

RESTATE_EVERY = 3_600
"""Seconds between two restatements of one window (contract C9)."""

LOOK_EVERY = 30
"""Seconds between two looks for windows that labels have changed."""


class Due(NamedTuple):
    """A window to be reported: its fold so far, the revision to give it, whether it is final.

    `summary` None: the window waits for labels or reviews, and what it said before is in their
    table.  `mature` tells of which of them none counts any more.
    """

    version: str
    window: Window
    summary: Summary | None
    revision: int
    final: bool
    mature: frozenset[Kind] = frozenset()


def due_by_time(plan: Plan, state: SystemState, now: float) -> list[Due]:
    """Close what the partitions' progress (or the clock, when all are idle) allows.

    After a start that is nothing until every source has told what it reads (`agent.awaited`).
    """
    if state.awaited.holds(now):
        return []
    point = closing_point(
        state.partitions_of_events(),
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
    _settle_joins(plan, state, end, end_of_input=True)
    due += _restated(plan, state, now, at_once=True)
    return in_order(due + joins_due(plan, state, now, at_once=True))


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
    due += _restated(plan, state, now, at_once=False)
    return in_order(due + joins_due(plan, state, now, at_once=False))


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
    _settle_joins(plan, state, state.closed_to)


def _settle_joins(
    plan: Plan, state: SystemState, closed_to: int, *, end_of_input: bool = False
) -> None:
    if state.first is None or state.newest is None:
        return
    span = (state.first, state.newest)
    for join in joins(plan, state):
        join.state.settled += close_panes(
            join.settings, join.state, closed_to, span, end_of_input=end_of_input
        )


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
        due.append(_due_now(plan, state, key, held, final=final, end_of_input=end_of_input))
    return due


def _due_now(
    plan: Plan,
    state: SystemState,
    key: WindowKey,
    held: OpenWindow,
    *,
    final: bool,
    end_of_input: bool,
) -> Due:
    """Return a window as due; one that no event can change any more leaves the open ones.

    Where something can come later it then waits for that, on disk.
    """
    window = containing(key.start, key.length)
    revision = held.revision or 0
    kinds = tuple(join.kind for join in joins(plan, state))
    waits = bool(kinds) and not end_of_input
    if waits and state.room is not None:
        state.room.wait(key, Waiting(window.end, revision, held.reported_at, awaits=kinds))
    _settle(state, key, final=final)
    mature = frozenset(kinds) if end_of_input else frozenset[Kind]()
    return Due(key.version, window, held.summary, revision, final and not waits, mature)


def _restated(plan: Plan, state: SystemState, now: float, *, at_once: bool) -> list[Due]:
    """Return reported windows to which something was added, and those that just became final."""
    due = []
    for key, held in list(state.windows.items()):
        if held.revision is None:
            continue
        window = containing(key.start, key.length)
        final = at_once or _is_final(plan, state, window)
        ripe = held.touched and (final or now - held.reported_at >= RESTATE_EVERY)
        if not ripe and final and state.room is not None and not at_once:
            # It is not final yet: something may still be joined to it.
            _settle(state, key, final=True)
        elif ripe or final:
            revision = _revision(state, key, held)
            held.revision, held.touched, held.reported_at = revision + 1, False, now
            due.append(_due_now(plan, state, key, held, final=final, end_of_input=at_once))
            if at_once and state.room is not None and key in state.room.waiting:
                state.room.release(key)
    return due


def _revision(state: SystemState, key: WindowKey, held: OpenWindow) -> int:
    """Return the revision last given to a window, which labels may have restated since."""
    waiting = None if state.room is None else state.room.waiting.get(key)
    return (held.revision or 0) if waiting is None else waiting.revision


def joins_due(plan: Plan, state: SystemState, now: float, *, at_once: bool) -> list[Due]:
    """Return the windows in waiting that are mature now, and those that a join has changed.

    They are mature for labels when event time has passed their end by the label horizon, in every
    partition that is read; for reviews likewise by theirs.
    """
    room = state.room
    if room is None:
        return []
    known = joins(plan, state)
    for join in known:
        join.state.matured_to = max(join.state.matured_to, _read_to(state, join, now))
    due, done = _mature(state, room, known, at_once=at_once)
    if now - room.looked_at >= LOOK_EVERY and not at_once:
        room.looked_at = now
        for place in sorted(room.touched - done):
            waiting = room.waiting[place]
            if now - waiting.reported_at >= RESTATE_EVERY:
                due.append(_waiting_due(WindowKey(*place), waiting, frozenset()))
    return due


def _mature(
    state: SystemState, room: Room, known: Sequence[Join], *, at_once: bool
) -> tuple[list[Due], set[Key]]:
    """Return the windows for which a kind is mature now; they are open to no event any more."""
    ripe_to = {j.kind: j.state.matured_to - j.settings.horizon for j in known}
    soon = any(room.earliest[k] <= to for k, to in ripe_to.items() if k in room.earliest)
    if not at_once and not soon:
        return [], set()
    due: list[Due] = []
    done: set[Key] = set()
    left: dict[Kind, int] = {}
    for place, waiting in room.waiting.items():
        ripe = {k for k in waiting.awaits if at_once or waiting.end <= ripe_to.get(k, 0)}
        if ripe:
            due.append(_waiting_due(WindowKey(*place), waiting, frozenset(ripe)))
            done.add(place)
        for kind in set(waiting.awaits) - ripe:
            left[kind] = min(waiting.end, left.get(kind, waiting.end))
    room.earliest = left
    for key in [WindowKey(*place) for place in done if place in state.windows]:
        _settle(state, key, final=True)
    return due, done


def _waiting_due(key: WindowKey, waiting: Waiting, mature: frozenset[Kind]) -> Due:
    window = containing(key.start, key.length)
    final = mature >= set(waiting.awaits)
    return Due(key.version, window, None, waiting.revision + 1, final, mature)


def _read_to(state: SystemState, join: Join, now: float) -> int:
    """Return the event time up to which labels, or reviews, have been read as well."""
    known = join.state
    if known.held_open or known.awaited.holds(now):
        return 0
    least = state.closed_to or 0
    for partition in state.partitions_of(join.kind):
        if not partition.caught_up:
            least = min(least, partition.read_to(join.kind) or 0)
    return least


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
