"""An epoch of a log, with what was found of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.merkle import EMPTY_ROOT
from exporters.audit.format.note import Vkey
from exporters.audit.read.epochs import Epoch
from exporters.audit.read.records import Told
from exporters.audit.read.tree import Tree


@dataclass(slots=True)
class Checked:
    """An epoch with what was found of it."""

    epoch: Epoch
    tree: Tree = field(default_factory=Tree)
    told: Told = field(default_factory=Told)
    kept: list[int] = field(default_factory=list)
    known: list[Vkey] = field(default_factory=list)
    believed: set[Vkey] = field(default_factory=set)
    unshown: Checkpoint | None = None
    """The next checkpoint, which is kept and whose records are here, but which is not exposed."""

    @property
    def size(self) -> int:
        """How many records its checkpoint covers."""
        return self.epoch.checkpoint.size

    def root_at(self, size: int) -> bytes | None:
        """Return the root that the tree had at a size, None if that cannot be known."""
        if size == self.size:
            return self.epoch.checkpoint.root
        if size == 0:
            return EMPTY_ROOT
        return self.tree.roots.get(size) if self.tree.holds else None
