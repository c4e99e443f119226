"""A system's state as documents in the store: what changed since the last commit, and back."""

from __future__ import annotations

import msgspec

from agent import persist_labels as labels
from agent.dedup import DedupIndex
from agent.evidence import stored as samples
from agent.labels.kinds import LABELS, REVIEWS, Kind
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState
from agent.layout import Layout
from agent.state import Dirty, OpenWindow, PaneKey, Source, SystemState, WindowKey
from agent.store import Changes, Document, Store
from agent.summary import LOST, Summary, decode, empty, encode
from agent.watermark import Partition
from policies.alerts import Cause
from policies.memory import Memory
from policies.model import Report

_JOIN = "\x1f"


class Core(msgspec.Struct):
    """The small part of the state, written whole with every commit that touches it."""

    layout: str
    partitions: dict[str, Partition]
    sources: dict[str, Source]
    closed_to: int | None
    first: int | None
    newest: int | None
    next_start: dict[str, int]
    history: list[tuple[str, str, list[int]]]
    versions: list[str]
    skipped: int
    empty_run: dict[str, int] = msgspec.field(default_factory=dict)


class WindowHead(msgspec.Struct, array_like=True):
    """What is stored with a window besides its summary."""

    revision: int | None
    touched: bool
    reported_at: float
    summary: bytes


def collect(system: str, layout: Layout, state: SystemState, changes: Changes) -> None:
    """Add everything that changed to `changes`; call `mark_clean` once they are committed."""
    dirty = state.dirty
    for pane in sorted(dirty.panes):
        key = _JOIN.join((pane.version, str(pane.start)))
        summary = state.panes.get(pane)
        _put(changes, system, "pane", key, None if summary is None else encode(summary))
    for window in sorted(dirty.windows):
        key = _JOIN.join((window.version, window.length, str(window.start)))
        held = state.windows.get(window)
        _put(changes, system, "window", key, None if held is None else _head(held))
    for memory in sorted(dirty.memory):
        remembered = state.memory.get(memory)
        body = None if remembered is None else msgspec.json.encode(remembered)
        _put(changes, system, "memory", memory, body)
    for cause in sorted(dirty.causes):
        standing = state.causes.get(cause)
        body = None if standing is None else msgspec.json.encode(standing)
        _put(changes, system, "cause", cause, body)
    for version, length in sorted(dirty.latest):
        report = state.latest.get((version, length))
        body = None if report is None else msgspec.json.encode(report)
        _put(changes, system, "latest", _JOIN.join((version, length)), body)
    ids, newest = state.dedup.take_fresh()
    if ids:
        changes.dedup.append((system, newest, ids))
    if dirty.core or ids:
        changes.dedup_cutoff[system] = state.dedup.cutoff
        _put(changes, system, "core", "", msgspec.json.encode(_core(layout, state)))
    _collect_joins(system, state, changes)
    if state.reservoir is not None:
        samples.collect(system, state.reservoir, changes)


def _collect_joins(system: str, state: SystemState, changes: Changes) -> None:
    for kind, known in _known(state):
        labels.collect(system, kind, known, changes)
    if state.room is not None:
        labels.collect_room(system, state.room, changes)


def _known(state: SystemState) -> list[tuple[Kind, LabelState]]:
    both = ((LABELS, state.labels), (REVIEWS, state.reviews))
    return [(kind, known) for kind, known in both if known is not None]


def mark_clean(state: SystemState) -> None:
    """Forget what was changed: it is durable now."""
    state.dirty = Dirty()
    for _, known in _known(state):
        labels.mark_clean(known)
    if state.reservoir is not None:
        state.reservoir.dirty.clear()


def restore(
    store: Store,
    system: str,
    layout: Layout,
    dedup: DedupIndex,
    label_settings: LabelSettings | None = None,
    review_settings: LabelSettings | None = None,
) -> SystemState:
    """Return the state as of the last commit; a fresh one for a system never seen.

    Summaries made with another layout (another reference, other features) cannot be read with this
    one: their windows start again, marked as having lost records.  `label_settings` None: no label
    can come; `review_settings` None: no human decision can come later.
    """
    state = SystemState(dedup=dedup)
    found = store.documents(system, "core")
    core = msgspec.json.decode(found[""], type=Core) if found else None
    wanted = [one for one in (label_settings, review_settings) if one is not None]
    if wanted:
        same = core is None or core.layout == layout.digest
        room = labels.restore_room(store, system, [one.kind for one in wanted], same=same)
        known = {one.kind: labels.restore(store, system, one, room) for one in wanted}
        state.labels, state.reviews = known.get(LABELS), known.get(REVIEWS)
    if core is None:
        return state
    _restore_core(state, core)
    dedup.restore(store.dedup(system))
    same = core.layout == layout.digest
    # From the right: a version comes from the stream and may hold anything, the separator too.
    for name, body in store.documents(system, "pane").items():
        version, start = name.rsplit(_JOIN, 1)
        state.panes[PaneKey(version, int(start))] = (
            decode(layout, body) if same else _emptied(layout)
        )
    for name, body in store.documents(system, "window").items():
        version, length, start = name.rsplit(_JOIN, 2)
        state.windows[WindowKey(version, length, int(start))] = _window(layout, body, same=same)
    for key, body in store.documents(system, "memory").items():
        state.memory[key] = msgspec.json.decode(body, type=Memory)
    for key, body in store.documents(system, "cause").items():
        state.causes[key] = msgspec.json.decode(body, type=Cause)
    for name, body in store.documents(system, "latest").items():
        version, length = name.rsplit(_JOIN, 1)
        state.latest[version, length] = msgspec.json.decode(body, type=Report)
    if not same:
        state.dirty.panes.update(state.panes)
        state.dirty.windows.update(state.windows)
        state.dirty.core = True
    return state


def _emptied(layout: Layout) -> Summary:
    """Return an empty summary that says that records of it are lost."""
    summary = empty(layout)
    summary.counts[LOST] = 1
    return summary


def _put(changes: Changes, system: str, kind: str, key: str, body: bytes | None) -> None:
    if body is None:
        changes.delete.append((system, kind, key))
    else:
        changes.put.append(Document(system, kind, key, body))


def _head(held: OpenWindow) -> bytes:
    return msgspec.msgpack.encode(
        WindowHead(held.revision, held.touched, held.reported_at, encode(held.summary))
    )


def _window(layout: Layout, body: bytes, *, same: bool) -> OpenWindow:
    head = msgspec.msgpack.decode(body, type=WindowHead)
    summary = decode(layout, head.summary) if same else _emptied(layout)
    return OpenWindow(summary, head.revision, head.touched, head.reported_at)


def _core(layout: Layout, state: SystemState) -> Core:
    return Core(
        layout=layout.digest,
        partitions=state.partitions,
        sources=state.sources,
        closed_to=state.closed_to,
        first=state.first,
        newest=state.newest,
        next_start=state.next_start,
        history=[(v, length, counts) for (v, length), counts in sorted(state.history.items())],
        versions=sorted(state.versions),
        skipped=state.skipped,
        empty_run=state.empty_run,
    )


def _restore_core(state: SystemState, core: Core) -> None:
    state.partitions = core.partitions
    state.sources = core.sources
    state.closed_to, state.first, state.newest = core.closed_to, core.first, core.newest
    state.next_start = core.next_start
    state.history = {(v, length): counts for v, length, counts in core.history}
    state.versions = set(core.versions)
    state.skipped = core.skipped
    state.empty_run = core.empty_run
