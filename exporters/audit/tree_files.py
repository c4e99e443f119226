"""The files of one epoch's tree in a published directory (c2sp.org/tlog-tiles).

    <root>/checkpoint  checkpoints/<size, 20 digits>  tile/<L>/<N>[.p/<W>]  tile/entries/<N>[.p/<W>]

All but `checkpoint` are written once.  Nothing here knows what is signed, or when.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from exporters.audit import disk
from exporters.audit.format import bundle, checkpoint, merkle, note, tiles
from exporters.audit.format.tiles import WIDTH
from exporters.audit.frontier import Frontier, Hashes, widths

CHECKPOINT = "checkpoint"
CHECKPOINTS = "checkpoints"
TILES = "tile"
SUPERSEDED_SECONDS = 600.0
"""How long a partial bundle stays after a wider one has taken its place, for slow readers."""


class TreeDamaged(Exception):
    """The published files are not those of the tree that was signed; the message says which."""


class TreeFiles:
    """Writes and reads a tree's files under `root`; `settle` makes new entries durable."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._unsettled: set[Path] = set()

    # Writing.

    def put_bundle(self, index: int, entries: Sequence[bytes]) -> None:
        """Write bundle `index`, full or partial.  Raises `disk.Differs` or OSError."""
        self._put(tiles.entries_path(index, len(entries)), bundle.pack(entries))

    def put_tile(self, tile: Hashes) -> None:
        """Write a tile, full or partial.  Raises `disk.Differs` or OSError."""
        path = tiles.tile_path(tile.level, tile.index, len(tile.hashes))
        self._put(path, b"".join(tile.hashes))

    def put_checkpoint(self, size: int, content: bytes) -> bytes:
        """Keep a signed checkpoint under its size and return what is kept there.

        One that was kept before stays, if it is for the same root: cosignatures may differ.
        Raises `TreeDamaged` if it is for another root, or OSError.
        """
        path = f"{CHECKPOINTS}/{size:020d}"
        with suppress(FileNotFoundError):
            kept = (self.root / path).read_bytes()
            if said(kept) != said(content):
                raise TreeDamaged(f"{path} was signed before, for another root")
            self._unsettled.add((self.root / path).parent)
            self.settle()
            return kept
        self._put(path, content)
        self.settle()
        return content

    def expose(self, content: bytes) -> None:
        """Let `checkpoint` be this one, durably."""
        disk.write_whole(self.root / CHECKPOINT, content)

    def settle(self) -> None:
        """Make every file put so far findable after a power cut.  Raises OSError."""
        for directory in sorted(self._unsettled):
            if directory.is_dir():
                disk.sync_directory(directory)
        self._unsettled.clear()

    def _put(self, name: str, content: bytes) -> None:
        path = self.root / name
        try:
            disk.make_directory(path.parent)
        except OSError:
            # Made but not known to be durable: the next `settle` that succeeds sees to it.
            self._unsettled |= {p for p in path.parents if p.is_relative_to(self.root)}
            raise
        disk.create(path, content)
        self._unsettled.add(path.parent)

    # Removing what a wider file holds too.

    def drop_partials(self, tile: Hashes) -> None:
        """Remove the partial files of a full tile, and of its bundle; failing to is no harm."""
        names = [tiles.tile_path(tile.level, tile.index, WIDTH)]
        if tile.level == 0:
            names.append(tiles.entries_path(tile.index, WIDTH))
        for name in names:
            shutil.rmtree(self.root / f"{name}.p", ignore_errors=True)

    def drop_superseded(self, index: int, width: int) -> None:
        """Remove the narrower partial files of bundle `index` that are some minutes old."""
        folder = (self.root / tiles.entries_path(index, width)).parent
        with suppress(OSError):
            for path in sorted(folder.iterdir())[:1000]:
                if path.name == str(width) or not path.name.isdigit():
                    continue
                # Files carry the machine's own time, whatever clock the agent runs by.
                if time.time() - path.stat().st_mtime > SUPERSEDED_SECONDS:
                    path.unlink()

    def sweep(self) -> None:
        """Remove what a killed writer had not finished; call it while nobody writes."""
        for path in list(self.root.rglob(".*.tmp")):
            with suppress(OSError):
                path.unlink()

    # Reading.

    def checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint, None if there is none."""
        with suppress(FileNotFoundError):
            return (self.root / CHECKPOINT).read_bytes()
        return None

    def tile(self, tile: tiles.Tile) -> bytes:
        """Return the bytes of a tile.  Raises `TreeDamaged`, OSError."""
        return self._read(tile.path)

    def frontier(self, size: int) -> Frontier:
        """Return the right edge of the tree of `size` entries.  Raises `TreeDamaged`, OSError."""
        levels: list[list[bytes]] = []
        for level, width in enumerate(widths(size)):
            index = size >> 8 * (level + 1)
            levels.append(self._hashes(level, index, width) if width else [])
        return Frontier(size, levels)

    def unfinished_bundle(self, frontier: Frontier) -> list[bytes]:
        """Return the entries of the partial bundle at the right edge, as the tree has them."""
        width = frontier.size % WIDTH
        if width == 0:
            return []
        name = tiles.entries_path(frontier.size // WIDTH, width)
        try:
            entries = bundle.unpack(self._read(name), width)
        except bundle.BundleError as error:
            raise TreeDamaged(f"{name}: {error}") from error
        leaves = tuple(merkle.leaf_hash(entry) for entry in entries)
        if leaves != frontier.partials()[0].hashes:
            raise TreeDamaged(f"{name} does not hold the entries of its tile")
        return entries

    def newest_entries(self, size: int, bundles: int) -> Iterator[bytes]:
        """Yield the entries of the last `bundles` bundles of the tree of `size` entries.

        A bundle that cannot be read is left out.
        """
        newest = -(-size // WIDTH)
        for index in range(max(0, newest - bundles), newest):
            width = min(WIDTH, size - index * WIDTH)
            with suppress(TreeDamaged, bundle.BundleError, OSError):
                yield from bundle.unpack(self._read(tiles.entries_path(index, width)), width)

    def require_whole(self, size: int) -> None:
        """Raise `TreeDamaged` if a full tile or bundle of the tree of `size` entries is missing.

        Their names are looked at, not their content: `verify` reads that.
        """
        for name in _full_names(size):
            if not (self.root / name).is_file():
                raise TreeDamaged(f"{name} is missing")

    def require_right_edge(self, size: int) -> None:
        """Raise `TreeDamaged` if what the tree of `size` entries goes on from was taken away.

        A few names are looked at; `require_whole` looks at all.
        """
        full = size // WIDTH
        name = tiles.entries_path(full - 1, WIDTH) if full else TILES
        if size and not (self.root / name).exists():
            raise TreeDamaged(f"{name} is missing")

    def _hashes(self, level: int, index: int, width: int) -> list[bytes]:
        name = tiles.tile_path(level, index, width)
        try:
            return tiles.unpack(self._read(name), width)
        except tiles.TileError as error:
            raise TreeDamaged(f"{name}: {error}") from error

    def _read(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError as error:
            raise TreeDamaged(f"{name} is missing") from error


def _full_names(size: int) -> Iterator[str]:
    for index in range(size // WIDTH):
        yield tiles.entries_path(index, WIDTH)
    level = 0
    while size >= WIDTH:
        size //= WIDTH
        for index in range(size):
            yield tiles.tile_path(level, index, WIDTH)
        level += 1


def said(content: bytes) -> checkpoint.Checkpoint:
    """Return what a signed checkpoint says; its signatures are not looked at.

    Raises `TreeDamaged` if it is no checkpoint.
    """
    try:
        return checkpoint.parse(note.split(content)[0])
    except ValueError as error:
        raise TreeDamaged(f"a checkpoint cannot be read: {error}") from error
