"""C2SP tlog-tiles: where the hashes and entries of a log are, and what a tile holds.

A tile at level `l` holds up to 256 hashes of 32 bytes: hash `i` of tile `n` is the root of the
complete subtree `(8 * l, 256 * n + i)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporters.audit.format.merkle import HASH_SIZE, ReadSubtree, node_hash

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
HEIGHT = 8
MAX_LEVEL = 63

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<groups>(?:x[0-9]{3}/)*)(?P<last>[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile, or an entry bundle where `level` is -1."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """Where it is."""
        if self.level < 0:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


class TileError(ValueError):
    """Bytes that are no tile of the wanted width."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return `tile/<L>/<N>[.p/<W>]`; raises ValueError for what no tile can be."""
    if not 0 <= level <= MAX_LEVEL:
        raise ValueError(f"there is no tile level {level}")
    return f"tile/{level}/{_number(index)}{_partial(width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Return `tile/entries/<N>[.p/<W>]`; raises ValueError for what no bundle can be."""
    return f"tile/entries/{_number(index)}{_partial(width)}"


def parse_path(path: str) -> Tile | None:
    """Return what is at `path`, or None if that is not exactly the path of a tile or bundle."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level = -1 if found["level"] == "entries" else int(found["level"])
    index = int(found["groups"].replace("x", "").replace("/", "") + found["last"])
    tile = Tile(level, index, int(found["width"] or WIDTH))
    fits = level <= MAX_LEVEL and (found["width"] is None or tile.width < WIDTH)
    return tile if fits and tile.path == path else None


def count_at(level: int, size: int) -> int:
    """Return how many hashes a log of `size` entries has at tile level `level`."""
    return size >> HEIGHT * level


def tiles_at(level: int, size: int) -> Iterator[Tile]:
    """Yield the tiles of one level of a log of `size`, in order; -1 yields the entry bundles."""
    count = count_at(max(level, 0), size)
    for index in range(count // WIDTH):
        yield Tile(level, index, WIDTH)
    if count % WIDTH:
        yield Tile(level, count // WIDTH, count % WIDTH)


def tile_levels(size: int) -> int:
    """Return how many tile levels a log of `size` entries has; none if it is empty."""
    return -(-size.bit_length() // HEIGHT)


def unpack(data: bytes, width: int) -> list[bytes]:
    """Return the hashes of a tile; raises TileError if it does not hold exactly `width`."""
    if len(data) != width * HASH_SIZE:
        wanted = f"{width} hashes are {width * HASH_SIZE} bytes"
        raise TileError(f"{len(data)} bytes where {wanted}")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def subtree_of(hashes: list[bytes]) -> bytes:
    """Return the root over `2**k` neighbouring hashes of a tile."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def subtree_reader(size: int, read_tile: Callable[[Tile], bytes]) -> ReadSubtree:
    """Return a reader of complete subtrees of a log of `size` entries, from its tiles.

    The tiles that the last call used are kept, one for each level.  It raises TileError and what
    `read_tile` raises.
    """
    kept: dict[int, tuple[Tile, list[bytes]]] = {}

    def read(level: int, index: int) -> bytes:
        tile_level, rest = divmod(level, HEIGHT)
        first = index << rest
        number = first // WIDTH
        width = min(WIDTH, count_at(tile_level, size) - number * WIDTH)
        tile = Tile(tile_level, number, width)
        offset = first % WIDTH
        if width <= offset or offset + (1 << rest) > width:
            raise TileError(f"a log of {size} entries has no subtree {index} at level {level}")
        if kept.get(tile_level, (None,))[0] != tile:
            kept[tile_level] = (tile, unpack(read_tile(tile), width))
        return subtree_of(kept[tile_level][1][offset : offset + (1 << rest)])

    return read


def _number(index: int) -> str:
    if index < 0:
        raise ValueError(f"there is no tile {index}")
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def _partial(width: int) -> str:
    if not 0 < width <= WIDTH:
        raise ValueError(f"a tile has 1 to {WIDTH} hashes, not {width}")
    return "" if width == WIDTH else f".p/{width}"
