"""Windows that were reported and wait for what may still be joined to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from agent.labels.kinds import LABELS, Kind
from agent.labels.table import Key, LabelTable


class Waiting(msgspec.Struct, array_like=True):
    """A reported window to which something may still be joined; what it said is in the table.

    `revision` is the last one reported, `reported_at` its clock time; `touched` says that something
    came since.  `lost`: its summary was made by another layout and cannot be read any more.
    `awaits`: what has not been decided yet.
    """

    end: int
    revision: int = 0
    reported_at: float = 0.0
    touched: bool = False
    lost: bool = False
    awaits: tuple[Kind, ...] = (LABELS,)


@dataclass
class Room:
    """The windows in waiting of one system; `number` is its own in the table.

    `versions` and `touched` are ways into `waiting`; `earliest` is at most the earliest end among
    those that await a kind; `dirty` are those whose document is behind.  `looked_at`: clock time of
    the last look for windows to restate.
    """

    table: LabelTable
    number: int
    waiting: dict[Key, Waiting] = field(default_factory=dict)
    versions: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)
    earliest: dict[Kind, int] = field(default_factory=dict)
    looked_at: float = 0.0
    dirty: set[Key] = field(default_factory=set)

    def touch(self, places: Iterable[tuple[str, int]]) -> None:
        """Note that something came for windows of these lengths and starts."""
        for place in places:
            for version in self.versions.get(place, ()):
                key = (version, *place)
                if not self.waiting[key].touched:
                    self.waiting[key].touched = True
                    self.touched.add(key)
                    self.dirty.add(key)

    def wait(self, key: Key, waiting: Waiting) -> None:
        """Keep a window in waiting."""
        self.waiting[key] = waiting
        self.versions.setdefault(key[1:], set()).add(key[0])
        if waiting.touched:
            self.touched.add(key)
        else:
            self.touched.discard(key)
        self.dirty.add(key)
        for kind in waiting.awaits:
            self.earliest[kind] = min(waiting.end, self.earliest.get(kind, waiting.end))

    def release(self, key: Key) -> None:
        """Let a window go: it is final."""
        del self.waiting[key]
        self.versions[key[1:]].discard(key[0])
        if not self.versions[key[1:]]:
            del self.versions[key[1:]]
        self.touched.discard(key)
        self.dirty.add(key)
        self.table.drop_held(self.number, key)
