"""Trees, proofs and the formats around them: right ones hold, every changed one is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporters.audit.format import bundle, checkpoint, merkle, note, proof, tiles
from tests.unit.exporters.audit.format.test_note import KEY, LOG

SIZES = st.integers(1, 600) | st.sampled_from([255, 256, 257, 511, 512, 513])
LEAVES = [merkle.leaf_hash(b"entry %d" % number) for number in range(66_000)]


@lru_cache(maxsize=4096)
def mth(start: int, end: int) -> bytes:
    """Return the Merkle tree hash, word for word as RFC 6962 §2.1 defines it."""
    count = end - start
    if count == 0:
        return hashlib.sha256().digest()
    if count == 1:
        return LEAVES[start]
    k = 1
    while k * 2 < count:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def read(level: int, index: int) -> bytes:
    return mth(index << level, (index + 1) << level)


@pytest.mark.parametrize("size", [*range(80), 255, 256, 257, 511, 512, 513, 600])
def test_the_frontier_has_the_root_of_the_definition(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == mth(0, size)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537])
def test_the_frontier_has_the_root_of_the_definition_around_a_full_second_tile(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == mth(0, size)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_a_tree_can_be_continued_from_its_edge_and_by_whole_subtrees(levels: list[int]) -> None:
    grown, size = merkle.Frontier(), 0
    for level in sorted(levels, reverse=True):
        grown.append_subtree(level, read(level, size >> level))
        size += 1 << level
    assert (grown.size, grown.root()) == (size, mth(0, size))
    again = merkle.Frontier(grown.size, grown.nodes)
    again.append(LEAVES[size])
    assert again.root() == mth(0, size + 1)


def test_an_edge_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="1 nodes on its edge"):
        merkle.Frontier(4, [])
    with pytest.raises(ValueError, match="cannot begin at 1"):
        merkle.Frontier(1, [LEAVES[0]]).append_subtree(1, LEAVES[0])


@given(SIZES, st.data())
def test_an_inclusion_proof_holds_and_every_changed_bit_of_it_is_refused(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = merkle.prove_inclusion(index, size, read)
    leaf, top = LEAVES[index], mth(0, size)
    merkle.verify_inclusion(leaf, index, size, path, top)
    for changed in one_bit_changed([leaf, top, *path]):
        assert not included(changed[0], index, size, changed[2:], changed[1])
    for hashes in other_lengths(path):
        assert not included(leaf, index, size, hashes, top)
    for position in {index - 1, index + 1, index ^ 2, -1, size} - {index}:
        assert not included(leaf, position, size, path, top)
    assert not included(leaf, index, 0, path, top)
    assert not included(leaf, index, size * 2, path, top)


@given(SIZES, st.data())
@example(512, None)
def test_a_consistency_proof_holds_and_every_changed_bit_of_it_is_refused(
    new: int, data: st.DataObject | None
) -> None:
    old = 256 if data is None else data.draw(st.integers(1, new))
    path = merkle.prove_consistency(old, new, read)
    before, after = mth(0, old), mth(0, new)
    merkle.verify_consistency(old, new, path, before, after)
    for changed in one_bit_changed([before, after, *path]):
        assert not consistent(old, new, changed[2:], changed[0], changed[1])
    for hashes in other_lengths(path):
        assert not consistent(old, new, hashes, before, after)
    if old != new:
        assert not consistent(new, old, path, after, before)
        assert not consistent(old, new, path, after, before)
        assert not consistent(old - 1, new, path, before, after)
    assert not consistent(0, new, path, mth(0, 0), after)


def test_nothing_is_consistent_with_an_empty_tree() -> None:
    empty = mth(0, 0)
    assert not consistent(0, 0, [], empty, empty)
    with pytest.raises(merkle.ProofError):
        merkle.prove_consistency(0, 5, read)
    with pytest.raises(merkle.ProofError):
        merkle.prove_inclusion(5, 5, read)


def one_bit_changed(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return the hashes with each bit of the first and last byte of each changed, once each."""
    found = []
    for number, value in enumerate(hashes):
        for at in (*range(8), *range(248, 256)):
            changed = bytearray(value)
            changed[at // 8] ^= 1 << at % 8
            found.append([*hashes[:number], bytes(changed), *hashes[number + 1 :]])
    return found


def other_lengths(path: Sequence[bytes]) -> list[list[bytes]]:
    longer = [[*path, LEAVES[0]], [LEAVES[0], *path], [*path, b""], [*path[:-1], b"short"]]
    return [*longer, list(path[:-1]), list(path[1:])] if path else longer


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], top: bytes) -> bool:
    try:
        merkle.verify_inclusion(leaf, index, size, path, top)
    except merkle.ProofError:
        return False
    return True


def consistent(old: int, new: int, path: Sequence[bytes], before: bytes, after: bytes) -> bool:
    try:
        merkle.verify_consistency(old, new, path, before, after)
    except merkle.ProofError:
        return False
    return True


def tiles_of(size: int) -> dict[tiles.Tile, bytes]:
    found = {}
    for level in range(tiles.tile_levels(size)):
        for tile in tiles.tiles_at(level, size):
            first = tile.index * tiles.WIDTH
            hashes = (read(8 * level, first + i) for i in range(tile.width))
            found[tile] = b"".join(hashes)
    return found


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_537])
def test_proofs_can_be_made_from_tiles_alone(size: int) -> None:
    reader = tiles.subtree_reader(size, tiles_of(size).__getitem__)
    for index in {0, 1, size // 2, size - 1} & set(range(size)):
        path = merkle.prove_inclusion(index, size, reader)
        assert path == merkle.prove_inclusion(index, size, read)
        merkle.verify_inclusion(LEAVES[index], index, size, path, mth(0, size))
    for old in {1, size // 3 + 1, size}:
        path = merkle.prove_consistency(old, size, reader)
        merkle.verify_consistency(old, size, path, mth(0, old), mth(0, size))


def test_a_tile_of_the_wrong_length_is_refused() -> None:
    reader = tiles.subtree_reader(300, lambda tile: tiles_of(300)[tile][:-1])
    with pytest.raises(tiles.TileError, match="bytes where"):
        reader(0, 5)
    with pytest.raises(tiles.TileError, match="no subtree"):
        tiles.subtree_reader(300, tiles_of(300).__getitem__)(3, 37)


@given(st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_every_path_reads_back_as_its_tile(level: int, index: int, width: int) -> None:
    for tile in (tiles.Tile(level, index, width), tiles.Tile(-1, index, width)):
        assert tiles.parse_path(tile.path) == tile


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    assert bundle.unpack(bundle.pack(entries), len(entries)) == entries


@given(st.binary(max_size=400))
def test_no_parser_crashes_and_what_is_read_is_written_back_byte_for_byte(content: bytes) -> None:
    with suppress(bundle.BundleError):
        assert bundle.pack(bundle.unpack(content)) == content
    with suppress(proof.Malformed):
        assert proof.encode(proof.decode(content)) == content
    with suppress(note.NoteError):
        note.split(content)
    with suppress(checkpoint.CheckpointError, UnicodeDecodeError):
        text = content.decode()
        found = checkpoint.parse(text)
        again = checkpoint.text(found.origin, found.size, found.root)
        assert again + "".join(f"{line}\n" for line in found.extensions) == text


PROOF = proof.Proof(
    5,
    tuple(merkle.prove_inclusion(5, 9, read)),
    note.sign(checkpoint.text("bank/loans", 9, mth(0, 9)), [("bank/loans", LOG)]),
)


def test_a_proof_file_holds_by_itself_and_every_changed_bit_of_it_is_refused() -> None:
    content = proof.encode(PROOF)
    assert proof.decode(content) == PROOF
    assert proof.verify(PROOF, b"entry 5", [KEY]).size == 9
    with pytest.raises(merkle.ProofError):
        proof.verify(PROOF, b"entry 6", [KEY])
    for at in range(len(content) * 8):
        changed = bytearray(content)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises((proof.Malformed, note.NoteError, merkle.ProofError)):
            proof.verify(proof.decode(bytes(changed)), b"entry 5", [KEY])


def test_extra_data_of_a_proof_is_kept() -> None:
    with_extra = proof.Proof(PROOF.index, PROOF.hashes, PROOF.checkpoint, b"anything")
    assert proof.decode(proof.encode(with_extra)) == with_extra
    with pytest.raises(proof.Malformed):
        proof.decode(proof.encode(with_extra).replace(b"extra ", b"extra !"))
