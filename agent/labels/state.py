"""What a system with labels remembers besides its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.awaited import Awaited
from agent.labels.kinds import LABELS, Kind
from agent.labels.room import Room
from agent.labels.sample import Sample
from agent.labels.table import LabelTable
from agent.labels.texts import Texts

AWAITED_FOR = 300
"""Seconds after a start that maturity waits for a source of labels to be assigned.

As long as a Kafka group gives its members to come back by default; one that was killed counts as
there until then.
"""


@dataclass
class LabelState:
    """The labels of one system, or its reviews.

    `number` is its own in the table, `form` what rows are read by.
    `settled_to`: second before which labels that wait for an event have been settled.
    `matured_to`: second up to which windows can be mature; `expired_to`: before it rows are gone.
    `room` holds the windows in waiting, of all kinds of the system.  `held_open`: no window is
    mature before the input ends.  `sources` are those configured to bring labels alone; `awaited`
    those of them of which not all partitions have been assigned since the start: they hold
    maturity.  `settled`: what has become of labels since they were last counted.
    """

    table: LabelTable
    number: int
    room: Room
    form: list[str | bool] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)
    sample: Sample = field(default_factory=Sample)
    settled_to: int = 0
    matured_to: int = 0
    expired_to: int = 0
    labels: int = 0
    held_open: bool = False
    sources: set[str] = field(default_factory=set)
    awaited: Awaited = field(default_factory=Awaited)
    settled: Counter[str] = field(default_factory=Counter)
    stored_texts: int = 0
    dirty: bool = False

    def expect(self, sources: Iterable[str], now: float) -> None:
        """Note which sources bring labels alone, when they are about to be read."""
        self.sources = set(sources)
        self.awaited = Awaited.of(self.sources, now + AWAITED_FOR)


def temporary(
    system: str, pane: int, *, kind: Kind = LABELS, room: Room | None = None
) -> LabelState:
    """Return a state whose tables nobody keeps; `room`: that of another kind of the system."""
    if room is None:
        table = LabelTable.temporary()
        room = Room(table, table.system(system))
    number = room.table.system(name_of(system, kind))
    return LabelState(room.table, number, room, sample=Sample(pane=pane))


def name_of(system: str, kind: Kind) -> str:
    """Return the name in the tables under which a kind of a system's rows are kept."""
    return system if kind == LABELS else f"{system}\x1f{kind}"
