"""The growing tree against the definition of RFC 6962, around every border between tiles."""

from __future__ import annotations

import hashlib

import pytest

from exporters.audit.format import merkle, tiles
from exporters.audit.frontier import Frontier, Hashes, widths

LEAVES = [merkle.leaf_hash(str(i).encode()) for i in range(70_000)]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def test_the_root_is_that_of_the_definition_at_every_small_size() -> None:
    frontier = Frontier()
    assert frontier.root() == by_definition([])
    for size in range(1, 600):
        frontier.add(LEAVES[size - 1])
        assert frontier.root() == by_definition(LEAVES[:size]), size


def test_tiles_and_root_around_the_third_level() -> None:
    frontier = Frontier()
    written: dict[str, bytes] = {}

    def write(found: Hashes) -> None:
        path = tiles.tile_path(found.level, found.index, len(found.hashes))
        assert written.setdefault(path, b"".join(found.hashes)) == b"".join(found.hashes)

    for size, leaf in enumerate(LEAVES, start=1):
        for full in frontier.add(leaf):
            assert len(full.hashes) == 256
            write(full)
        if size in (1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000):
            assert frontier.root() == by_definition(LEAVES[:size])
            for partial in frontier.partials():
                write(partial)
            for level in range(tiles.tile_levels(size)):
                for tile in tiles.tiles_at(level, size):
                    assert len(written[tile.path]) == 32 * tile.width
    assert tiles.tile_path(2, 0, 1) in written


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_it_goes_on_from_its_unfinished_tiles(size: int) -> None:
    whole = Frontier()
    for leaf in LEAVES[:size]:
        whole.add(leaf)
    rows: list[tuple[bytes, ...]] = [() for _ in widths(size)]
    for partial in whole.partials():
        rows[partial.level] = partial.hashes
    again = Frontier(size, rows)
    for leaf in LEAVES[size : size + 300]:
        assert again.add(leaf) == whole.add(leaf)
    assert again.root() == whole.root() == by_definition(LEAVES[: size + 300])


def test_a_copy_grows_by_itself() -> None:
    one = Frontier()
    one.add(LEAVES[0])
    other = one.copy()
    other.add(LEAVES[1])
    assert (one.size, one.root()) == (1, LEAVES[0])


def test_rows_that_do_not_make_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="do not make a tree of 257 entries"):
        Frontier(257, [LEAVES[:2], LEAVES[:1]])
