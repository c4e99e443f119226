"""The right edge of a growing tree: enough to add entries and to know the root; pure.

Level 0 holds the hashes of single entries, level l those of 256^l entries each (C2SP tlog-tiles).
Only the tile that is not full yet is kept at each level: at most 255 hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporters.audit.format import merkle
from exporters.audit.format.tiles import WIDTH, subtree_of


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes `[index * 256, index * 256 + len(hashes))` of a level."""

    level: int
    index: int
    hashes: tuple[bytes, ...]


class Frontier:
    """A tree of `size` entries; `levels[l]` are the hashes of the unfinished tile of level l."""

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        """`levels` must be as long as `widths(size)` says, or this is no such tree (ValueError)."""
        found = [len(hashes) for hashes in levels]
        if found != widths(size):
            raise ValueError(f"{found} hashes by level do not make a tree of {size} entries")
        self.size = size
        self._levels = [list(hashes) for hashes in levels]

    def copy(self) -> Frontier:
        """Return a tree that grows by itself."""
        return Frontier(self.size, self._levels)

    def add(self, leaf: bytes) -> list[Hashes]:
        """Add the hash of one entry; return the tiles that it completed, lowest first."""
        full: list[Hashes] = []
        self.size += 1
        level, carried = 0, leaf
        while True:
            if level == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            row.append(carried)
            if len(row) < WIDTH:
                return full
            full.append(Hashes(level, (self.size >> 8 * (level + 1)) - 1, tuple(row)))
            carried = subtree_of(row)
            row.clear()
            level += 1

    def partials(self) -> list[Hashes]:
        """Return the unfinished tiles; none is empty."""
        return [
            Hashes(level, self.size >> 8 * (level + 1), tuple(row))
            for level, row in enumerate(self._levels)
            if row
        ]

    def root(self) -> bytes:
        """Return the Merkle tree hash of all entries (RFC 6962 §2.1)."""
        if self.size == 0:
            return merkle.root([])
        acc: bytes | None = None
        for row in self._levels:
            end = len(row)
            # The perfect subtrees of a row are its binary digits, the smallest one rightmost.
            while end:
                length = end & -end
                subtree = subtree_of(row[end - length : end])
                acc = subtree if acc is None else merkle.node_hash(subtree, acc)
                end -= length
        if acc is None:  # impossible: a tree with entries has a row that is not empty
            raise ValueError(f"a tree of {self.size} entries without hashes")
        return acc


def widths(size: int) -> list[int]:
    """Return how many hashes the unfinished tile of each level has in a tree of `size` entries."""
    found = []
    while size:
        found.append(size & 0xFF)
        size >>= 8
    return found
