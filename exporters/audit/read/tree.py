"""Do an epoch's entries, its tiles and its signed root agree, and if not, which of them is wrong?

Entries are hashed one bundle at a time; memory is 32 bytes for every 256 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from exporters.audit.findings import Findings
from exporters.audit.format import bundle, tiles
from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.merkle import Frontier, leaf_hash
from exporters.audit.format.tiles import WIDTH, Tile
from exporters.audit.read.files import MOST_MISSING, read_tile
from exporters.audit.read.source import Source

MOST_ALTERED = 100_000
"""Altered entries that are remembered, so that their content is not judged besides."""

Advance = Callable[[int], None]


@dataclass(slots=True)
class Tree:
    """What was found.

    `holds`: the signed root is that of the entries, or else that of the tiles.  `roots` has the
    root at each size that was asked for, if it holds.  `altered` are the entries that are not the
    ones that were signed, `unread` the numbers of bundles that are missing or damaged.
    """

    holds: bool = False
    roots: dict[int, bytes] = field(default_factory=dict)
    altered: set[int] = field(default_factory=set)
    unread: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Side:
    """The tree by one of its two tellings: by its entries, or by its level 0 tiles."""

    frontier: Frontier = field(default_factory=Frontier)
    roots: dict[int, bytes] = field(default_factory=dict)
    subtrees: list[bytes] = field(default_factory=list)

    def copy(self) -> _Side:
        edge = Frontier(self.frontier.size, self.frontier.nodes)
        return _Side(edge, dict(self.roots), list(self.subtrees))

    def extend(self, leaves: list[bytes], stops: Iterable[int]) -> None:
        start, done = self.frontier.size, 0
        for stop in stops:
            self.frontier.extend(leaves[done : stop - start])
            self.roots[stop] = self.frontier.root()
            done = stop - start
        self.frontier.extend(leaves[done:])
        if len(leaves) == WIDTH:
            self.subtrees.append(tiles.subtree_of(leaves))


def check_tree(
    source: Source,
    signed: Checkpoint,
    wanted: Iterable[int],
    findings: Findings,
    advance: Advance = lambda count: None,
) -> Tree:
    """Check the tree of `signed.size` entries; also find its roots at the sizes `wanted`.

    `advance` is called with the number of entries done since.  Where `MOST_MISSING` bundles in a
    row are not there, no later one is looked for.  Raises `SourceError`.
    """
    stops = sorted({size for size in wanted if 0 < size <= signed.size})
    walk = _Walk(source, signed, stops, findings)
    for tile in tiles.tiles_at(-1, signed.size):
        walk.take(tile)
        advance(tile.width)
        if walk.missing == MOST_MISSING:
            detail = f"nor are the {MOST_MISSING - 1} before it there; no later one was looked for"
            findings.add("bundle_missing", tile.path, detail, "UNKNOWN")
            break
    return walk.conclude()


class _Walk:
    """Goes through the bundles and the level 0 tiles, then through the tiles above."""

    def __init__(
        self, source: Source, signed: Checkpoint, stops: list[int], findings: Findings
    ) -> None:
        self._source, self._signed, self._findings = source, signed, findings
        self._stops = stops
        self._next_stop = 0
        self._whole = True
        self._by_entries = _Side()
        self._by_tiles: _Side | None = None
        self._differing: list[int] = []
        self._unread: set[int] = set()
        self.missing = 0
        """Bundles in a row that were not there."""

    def take(self, tile: Tile) -> None:
        """Take the next bundle and the level 0 tile that belongs to it."""
        leaves, stored = self._leaves(tile), self._stored(Tile(0, tile.index, tile.width))
        if leaves is None:
            self._unread.add(tile.index)
        hashes = stored if leaves is None else leaves
        if hashes is None or not self._whole:
            self._whole = False
            return
        stops = self._stops_up_to(tile.index * WIDTH + tile.width)
        if stored is not None and hashes != stored:
            self._differ(tile.index * WIDTH, hashes, stored)
            self._by_tiles = self._by_tiles or self._by_entries.copy()
        self._by_entries.extend(hashes, stops)
        if self._by_tiles is not None:
            self._by_tiles.extend(stored or hashes, stops)

    def conclude(self) -> Tree:
        """Compare with the signed root, and say what is wrong."""
        right = self._right_side()
        entries_are_right = right is self._by_entries
        tree = Tree(right is not None, right.roots if right else {}, unread=self._unread)
        for number in self._differing:
            if entries_are_right:
                detail = f"its hash in tile/0/{number // WIDTH:03d} is not that of the entry"
                self._findings.add("tile_altered", f"entry {number}", detail)
            else:
                tree.altered.add(number)
                detail = "it is not the entry that was signed"
                self._findings.add("entry_altered", f"entry {number}", detail)
        if right is not None:
            self._check_upper(right.subtrees)
        elif self._whole:
            detail = f"{self._signed.size} entries have another root than the checkpoint says"
            self._findings.add("root_mismatch", "checkpoint", detail)
        return tree

    def _right_side(self) -> _Side | None:
        if not self._whole:
            return None
        for side in (self._by_entries, self._by_tiles):
            if side is not None and side.frontier.root() == self._signed.root:
                return side
        return None

    def _check_upper(self, subtrees: list[bytes]) -> None:
        for level in range(1, tiles.tile_levels(self._signed.size)):
            above: list[bytes] = []
            for tile in tiles.tiles_at(level, self._signed.size):
                first = tile.index * WIDTH
                hashes = subtrees[first : first + tile.width]
                stored = self._stored(tile)
                if stored is not None and stored != hashes:
                    detail = "it does not hold the hashes of the tiles below it"
                    self._findings.add("tile_altered", tile.path, detail)
                if tile.width == WIDTH:
                    above.append(tiles.subtree_of(hashes))
            subtrees = above

    def _stops_up_to(self, end: int) -> list[int]:
        first = self._next_stop
        while self._next_stop < len(self._stops) and self._stops[self._next_stop] <= end:
            self._next_stop += 1
        return self._stops[first : self._next_stop]

    def _leaves(self, tile: Tile) -> list[bytes] | None:
        content = read_tile(self._source, tile)
        if content is None:
            self._findings.add("bundle_missing", tile.path, "it is not there")
            self.missing += 1
            return None
        self.missing = 0
        try:
            return [leaf_hash(entry) for entry in bundle.unpack(content, tile.width)]
        except bundle.BundleError as error:
            self._findings.add("bundle_damaged", tile.path, str(error))
            return None

    def _stored(self, tile: Tile) -> list[bytes] | None:
        content = read_tile(self._source, tile)
        if content is None:
            self._findings.add("tile_missing", tile.path, "it is not there")
            return None
        try:
            return tiles.unpack(content, tile.width)
        except tiles.TileError as error:
            self._findings.add("tile_altered", tile.path, str(error))
            return None

    def _differ(self, first: int, leaves: list[bytes], stored: list[bytes]) -> None:
        found = [first + i for i, leaf in enumerate(leaves) if leaf != stored[i]]
        self._differing += found[: max(0, MOST_ALTERED - len(self._differing))]
