"""Proofs from a published log's tiles, that a record is in it; and what other proofs take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exporters.audit.format import bundle, checkpoint, merkle, note, proof, tiles
from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.merkle import ProofError, ReadSubtree
from exporters.audit.format.tiles import Tile, TileError
from exporters.audit.read.files import entry, read_tile
from exporters.audit.read.source import Folder, Source, SourceError


class Proven(NamedTuple):
    """A proof file, and the record that it is for."""

    file: bytes
    record: bytes


def prove(directory: Path, number: int) -> Proven:
    """Return the proof that record `number` is in the log, under its newest checkpoint.

    Raises `SourceError` if the log cannot be read, `ProofError` if there is no such record or what
    is published does not prove it.
    """
    source = Folder(directory)
    signed, said = newest(source)
    if not 0 <= number < said.size:
        raise ProofError(f"there is no record {number}: the log has {said.size}, from 0")
    try:
        record = entry(source, number, said.size)
        path = merkle.prove_inclusion(number, said.size, subtrees(source, said.size))
    except (bundle.BundleError, TileError) as error:
        raise ProofError(f"the log is damaged ({error}); `audit verify` says more") from error
    if record is None:
        raise ProofError(f"the bundle of record {number} is missing; `audit verify` says more")
    merkle.verify_inclusion(merkle.leaf_hash(record), number, said.size, path, said.root)
    return Proven(proof.encode(proof.Proof(number, tuple(path), signed)), record)


def newest(source: Source) -> tuple[bytes, Checkpoint]:
    """Return the newest checkpoint as it was signed, and what it says. Raises `SourceError`."""
    signed = source.read("checkpoint")
    if signed is None:
        raise SourceError(f"{source.name} has no checkpoint: nothing is published there")
    try:
        return signed, checkpoint.parse(note.split(signed)[0])
    except ValueError as error:
        raise SourceError(f"{source.name}/checkpoint: {error}") from error


def subtrees(source: Source, size: int) -> ReadSubtree:
    """Return a reader of the log's complete subtrees; it raises `TileError`, `SourceError`."""
    return tiles.subtree_reader(size, _tile_reader(source))


def _tile_reader(source: Source) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        content = read_tile(source, tile)
        if content is None:
            raise TileError(f"{tile.path} is missing")
        return content

    return read
