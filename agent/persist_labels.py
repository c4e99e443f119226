"""What a system remembers of labels and reviews as documents in the store, and back.

Rows, labels and reports in waiting are in tables of their own (`agent.labels.table`).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from agent.labels.kinds import LABELS, Kind
from agent.labels.room import Room, Waiting
from agent.labels.sample import Sample, Slice
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState, name_of
from agent.labels.table import Key
from agent.labels.texts import Texts
from agent.store import Changes, Document, Store

_JOIN = "\x1f"
CORE, HOUR, TEXTS, WAITING = "labels", "label_hour", "label_texts", "waiting"


class LabelCore(msgspec.Struct, array_like=True):
    """The small part, written whole.  `form` is what the stored rows are read by."""

    form: list[str | bool]
    cut: int
    day: int | None
    rows: int
    panes: dict[int, tuple[int, list[int]]]
    settled_to: int
    matured_to: int
    expired_to: int


def collect(system: str, kind: Kind, state: LabelState, changes: Changes) -> None:
    """Add everything that changed to `changes`, but for the windows in waiting."""
    sample = state.sample
    if state.dirty:
        core = LabelCore(
            form=state.form,
            cut=sample.cut,
            day=sample.day,
            rows=sample.rows,
            panes={start: (pane.cut, pane.counts) for start, pane in sorted(sample.panes.items())},
            settled_to=state.settled_to,
            matured_to=state.matured_to,
            expired_to=state.expired_to,
        )
        changes.put.append(Document(system, named(CORE, kind), "", msgspec.msgpack.encode(core)))
    for start in sorted(sample.changed):
        hour = sample.hours.get(start)
        parts = (sample.past.get(start), []) if hour is None else (hour.cut, hour.counts)
        body = None if parts[0] is None else msgspec.msgpack.encode(parts)
        _put(changes, system, named(HOUR, kind), str(start), body)
    if len(state.texts.texts) != state.stored_texts:
        body = msgspec.msgpack.encode(state.texts.texts)
        changes.put.append(Document(system, named(TEXTS, kind), "", body))


def collect_room(system: str, room: Room, changes: Changes) -> None:
    """Add the windows in waiting that changed to `changes`."""
    for key in sorted(room.dirty):
        waiting = room.waiting.get(key)
        body = None if waiting is None else msgspec.msgpack.encode(waiting)
        _put(changes, system, WAITING, _JOIN.join((key[0], key[1], str(key[2]))), body)


def mark_clean(state: LabelState) -> None:
    """Forget what was changed: it is durable now."""
    state.dirty = False
    state.sample.changed = set()
    state.stored_texts = len(state.texts.texts)
    state.room.dirty = set()


def named(document: str, kind: Kind) -> str:
    """Return the name of a document of labels for another kind."""
    return document if kind == LABELS else f"{kind}.{document}"


def restore_room(store: Store, system: str, kinds: Collection[Kind], *, same: bool) -> Room:
    """Return the windows in waiting as of the last commit.

    `kinds` are those that can come now; a window that awaits no other is let go, and what it said
    last stands.  `same` false: the layout is another one, so windows in waiting can be judged by
    nothing but what they said.
    """
    room = Room(store.labels, store.labels.system(system))
    for name, body in store.documents(system, WAITING).items():
        version, length, start = name.rsplit(_JOIN, 2)
        key: Key = (version, length, int(start))
        waiting = msgspec.msgpack.decode(body, type=Waiting)
        waiting.lost = waiting.lost or not same
        waiting.awaits = tuple(kind for kind in waiting.awaits if kind in kinds)
        room.wait(key, waiting)
    room.dirty = set() if same else set(room.waiting)
    for key in [key for key, waiting in room.waiting.items() if not waiting.awaits]:
        room.release(key)
    return room


def restore(store: Store, system: str, settings: LabelSettings, room: Room) -> LabelState:
    """Return the state as of the last commit.

    Rows that were stored in another form cannot be read and are removed.
    """
    table, kind = store.labels, settings.kind
    form: list[str | bool] = [*settings.attributes, settings.numeric]
    number = table.system(name_of(system, kind))
    state = LabelState(table, number, room, form=form, sample=Sample(pane=settings.pane))
    body = store.documents(system, named(CORE, kind)).get("")
    if body is None:
        return state
    core = msgspec.msgpack.decode(body, type=LabelCore)
    texts = store.documents(system, named(TEXTS, kind)).get("", msgspec.msgpack.encode([]))
    state.texts = Texts(msgspec.msgpack.decode(texts, type=list[str]))
    state.stored_texts = len(state.texts.texts)
    state.settled_to, state.matured_to = core.settled_to, core.matured_to
    state.expired_to = core.expired_to
    hours = store.documents(system, named(HOUR, kind))
    if core.form != form:
        table.clear(state.number)
        state.sample.changed = {int(start) for start in hours}
        state.dirty = True
        return state
    sample = state.sample
    sample.cut, sample.day, sample.rows = core.cut, core.day, core.rows
    sample.panes = {start: Slice(cut, counts) for start, (cut, counts) in core.panes.items()}
    for start, body in hours.items():
        cut, counts = msgspec.msgpack.decode(body, type=tuple[int, list[int]])
        if counts:
            sample.hours[int(start)] = Slice(cut, counts)
        else:
            sample.past[int(start)] = cut
    state.labels = sum(table.count(name, state.number) for name in ("label", "orphan"))
    return state


def _put(changes: Changes, system: str, kind: str, key: str, body: bytes | None) -> None:
    if body is None:
        changes.delete.append((system, kind, key))
    else:
        changes.put.append(Document(system, kind, key, body))
