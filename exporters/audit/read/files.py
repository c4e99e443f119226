"""The tree files of one epoch, as a reader wants them: entries by number, tiles, kept checkpoints.

A partial file that a wider one has replaced is taken from the wider one: a log may grow while it
is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from exporters.audit.format import bundle, tiles
from exporters.audit.format.merkle import HASH_SIZE
from exporters.audit.format.tiles import WIDTH, Tile
from exporters.audit.read.source import Folder, Part, Source

MOST_MISSING = 1_000
"""Missing bundles in a row after which no later one is looked for: a checkpoint can claim any size,
and whoever has a hole of 256,000 records has a log that fails anyway."""

_SIZE = re.compile(r"[0-9]{20}")


def read_tile(source: Source, tile: Tile) -> bytes | None:
    """Return the bytes of a tile or bundle, None if it is not there.

    From a wider file, a tile is cut to its width, and a bundle if it can be read at all.
    """
    exact = source.read(tile.path)
    if exact is not None or tile.width == WIDTH:
        return exact
    for width in _wider(source, tile):
        found = source.read(Tile(tile.level, tile.index, width).path)
        if found is not None:
            return _first(found, tile)
    return None


def read_entries(source: Source, tile: Tile) -> list[bytes] | None:
    """Return the entries of a bundle, None if it is not there. Raises `bundle.BundleError`."""
    content = read_tile(source, tile)
    return None if content is None else bundle.unpack(content, tile.width)


def entry(source: Source, number: int, size: int) -> bytes | None:
    """Return one entry of a log of `size`, None if its bundle is not there.

    Raises `bundle.BundleError`.
    """
    index = number // WIDTH
    entries = read_entries(source, Tile(-1, index, min(WIDTH, size - index * WIDTH)))
    return None if entries is None else entries[number % WIDTH]


def entries(source: Source, size: int) -> Iterator[tuple[int, list[bytes] | None]]:
    """Yield the number of the first entry and the entries of each bundle; None if unreadable.

    Ends early where `MOST_MISSING` bundles in a row are not there.
    """
    missing = 0
    for tile in tiles.tiles_at(-1, size):
        try:
            found = read_entries(source, tile)
        except bundle.BundleError:
            yield tile.index * WIDTH, None
            missing = 0
            continue
        yield tile.index * WIDTH, found
        missing = 0 if found is not None else missing + 1
        if missing == MOST_MISSING:
            return


def kept_sizes(source: Source) -> list[int]:
    """Return the sizes of the checkpoints that a folder keeps; an address cannot be listed."""
    folder = folder_of(source)
    if folder is None or not (folder / "checkpoints").is_dir():
        return []
    names = (path.name for path in (folder / "checkpoints").iterdir())
    return sorted(int(name) for name in names if _SIZE.fullmatch(name))


def kept_path(size: int) -> str:
    """Return where the log keeps its checkpoint of a size."""
    return f"checkpoints/{size:020d}"


def folder_of(source: Source) -> Path | None:
    """Return where the files lie, None if they are not on this machine."""
    if isinstance(source, Part):
        whole = folder_of(source.whole)
        return None if whole is None else whole / source.prefix
    return source.root if isinstance(source, Folder) else None


def _wider(source: Source, tile: Tile) -> Iterator[int]:
    """Yield the widths under which the same tile may lie, narrow ones first."""
    folder = folder_of(source)
    if folder is not None:
        parent = (folder / tile.path).parent
        names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        found = sorted(int(name) for name in names if name.isascii() and name.isdigit())
        yield from (width for width in found if tile.width < width < WIDTH)
    yield WIDTH


def _first(content: bytes, tile: Tile) -> bytes:
    if tile.level >= 0:
        return content[: tile.width * HASH_SIZE]
    try:
        return bundle.pack(bundle.unpack(content)[: tile.width])
    except bundle.BundleError:
        return content
