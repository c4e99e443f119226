"""One epoch's tree: entries go in, files and a root come out."""

from __future__ import annotations

from collections.abc import Iterable

from exporters.audit.format import merkle
from exporters.audit.format.tiles import WIDTH
from exporters.audit.frontier import Frontier, Hashes
from exporters.audit.tree_files import TreeFiles


class LogTree:
    """A tree of `size` entries whose files are all there.

    `grow` gives a new one and leaves this one as it is, so what fails half-way is simply done
    again: files are written once, and the same content again is fine.
    """

    def __init__(self, files: TreeFiles, frontier: Frontier, unfinished: list[bytes]) -> None:
        """`unfinished` are the entries of the bundle at the right edge that is not full yet."""
        self._files, self._frontier, self._unfinished = files, frontier, unfinished
        self.size, self.root = frontier.size, frontier.root()
        self.completed: tuple[Hashes, ...] = ()
        """The tiles that the last growth completed."""

    @classmethod
    def load(cls, files: TreeFiles, size: int) -> LogTree:
        """Return the tree of `size` entries from its files.  Raises `TreeDamaged`, OSError."""
        files.require_whole(size)
        frontier = files.frontier(size)
        return cls(files, frontier, files.unfinished_bundle(frontier))

    def grow(self, entries: Iterable[bytes]) -> LogTree:
        """Write the files that `entries` add, durably, and return the tree with them.

        Raises `disk.Differs` if a file is there with other content, or OSError.
        """
        frontier, unfinished = self._frontier.copy(), list(self._unfinished)
        completed: list[Hashes] = []
        for entry in entries:
            unfinished.append(entry)
            full = frontier.add(merkle.leaf_hash(entry))
            if full:
                self._files.put_bundle(full[0].index, unfinished)
                unfinished = []
            for tile in full:
                self._files.put_tile(tile)
            completed += full
        if unfinished:
            self._files.put_bundle(frontier.size // WIDTH, unfinished)
        for tile in frontier.partials():
            self._files.put_tile(tile)
        self._files.settle()
        grown = LogTree(self._files, frontier, unfinished)
        grown.completed = tuple(completed)
        return grown

    def tidy(self) -> None:
        """Remove partial files that are not needed any more: call it once this size is exposed."""
        for tile in self.completed:
            self._files.drop_partials(tile)
        if self._unfinished:
            self._files.drop_superseded(self.size // WIDTH, len(self._unfinished))
