"""What a system with labels remembers besides its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from agent.labels.sample import Sample
from agent.labels.table import Key, LabelTable
from agent.labels.texts import Texts

AWAITED_FOR = 300
"""Seconds after a start that maturity waits for a source of labels to be assigned.

As long as a Kafka group gives its members to come back by default; one that was killed counts as
there until then.
"""


class Waiting(msgspec.Struct, array_like=True):
    """A reported window whose labels may still come; what it said is in the table.

    `revision` is the last one reported, `reported_at` its clock time; `touched` says that a label
    came since.  `lost`: its summary was made by another layout and cannot be read any more.
    """

    end: int
    revision: int = 0
    reported_at: float = 0.0
    touched: bool = False
    lost: bool = False


@dataclass
class LabelState:
    """The labels of one system; `number` is its own in the table, `form` what rows are read by.

    `settled_to`: second before which labels that wait for an event have been settled.
    `matured_to`: second up to which windows can be mature; `expired_to`: before it rows are gone.
    `versions` and `touched` are ways into `waiting`, whose earliest end is at least `earliest`;
    `dirty_windows` are those whose document is behind.  `looked_at`: clock time of the last look
    for windows to restate.  `held_open`: no window is mature before the input ends.  `sources`
    are those configured to bring labels alone; `awaited` those of them of which not all
    partitions have been assigned since the start: they hold maturity until `awaited_until` (clock
    time).  `settled`: what has become of labels since they were last counted.
    """

    table: LabelTable
    number: int
    form: list[str | bool] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)
    sample: Sample = field(default_factory=Sample)
    waiting: dict[Key, Waiting] = field(default_factory=dict)
    versions: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)
    earliest: int | None = None
    settled_to: int = 0
    matured_to: int = 0
    expired_to: int = 0
    labels: int = 0
    looked_at: float = 0.0
    held_open: bool = False
    sources: set[str] = field(default_factory=set)
    awaited: set[str] = field(default_factory=set)
    awaited_until: float = 0.0
    settled: Counter[str] = field(default_factory=Counter)
    dirty_windows: set[Key] = field(default_factory=set)
    stored_texts: int = 0
    dirty: bool = False

    def expect(self, sources: Iterable[str], now: float) -> None:
        """Note which sources bring labels alone, when they are about to be read."""
        self.sources = set(sources)
        self.awaited = set(self.sources)
        self.awaited_until = now + AWAITED_FOR

    def touch(self, places: Iterable[tuple[str, int]]) -> None:
        """Note that labels came for windows of these lengths and starts."""
        for place in places:
            for version in self.versions.get(place, ()):
                key = (version, *place)
                if not self.waiting[key].touched:
                    self.waiting[key].touched = True
                    self.touched.add(key)
                    self.dirty_windows.add(key)

    def wait(self, key: Key, waiting: Waiting) -> None:
        """Keep a window in waiting."""
        self.waiting[key] = waiting
        self.versions.setdefault(key[1:], set()).add(key[0])
        if waiting.touched:
            self.touched.add(key)
        else:
            self.touched.discard(key)
        self.dirty_windows.add(key)
        self.earliest = waiting.end if self.earliest is None else min(self.earliest, waiting.end)

    def release(self, key: Key) -> None:
        """Let a window go: it is final."""
        del self.waiting[key]
        self.versions[key[1:]].discard(key[0])
        if not self.versions[key[1:]]:
            del self.versions[key[1:]]
        self.touched.discard(key)
        self.dirty_windows.add(key)
        self.table.drop_held(self.number, key)


def temporary(system: str, pane: int) -> LabelState:
    """Return a state whose tables nobody keeps."""
    table = LabelTable.temporary()
    return LabelState(table, table.system(system), sample=Sample(pane=pane))
