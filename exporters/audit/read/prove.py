"""Proofs from a published log's tiles: of one record, and of one checkpoint after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exporters.audit.format import bundle, checkpoint, merkle, note, proof, tiles
from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.merkle import ProofError, ReadSubtree
from exporters.audit.format.tiles import Tile, TileError
from exporters.audit.read.evidence import EvidenceError, Remembered, from_note, read_checkpoint
from exporters.audit.read.files import entry, kept_path, read_tile
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


def root_at(source: Source, size: int, published: int) -> bytes:
    """Return the root over the first `size` of `published` entries, by the tiles alone.

    Raises `TileError`, `SourceError`.
    """
    return merkle.subtree_root(0, size, subtrees(source, published))


def consistency(directory: Path, old: Remembered, new: Remembered) -> list[bytes]:
    """Return the proof that `new` continues `old`, made from the tiles and checked.

    Raises `ProofError` if it does not, `SourceError` if the log cannot be read.
    """
    source = Folder(directory)
    _, said = newest(source)
    for one in (old, new):
        if one.origin not in (None, said.origin):
            raise ProofError(f"{one.where} is of {one.origin}, the log is {said.origin}")
        if one.size > said.size:
            raise ProofError(f"{one.where} is of {one.size} records; the log has {said.size}")
    if old.size > new.size:
        text = f"OLD ({old.where}, {old.size} records) is newer than NEW ({new.where}, {new.size})"
        raise ProofError(f"{text}: give them in the other order")
    try:
        path = merkle.prove_consistency(old.size, new.size, subtrees(source, said.size))
    except TileError as error:
        raise ProofError(f"the log is damaged ({error}); `audit verify` says more") from error
    merkle.verify_consistency(old.size, new.size, path, old.root, new.root)
    return path


def named_checkpoint(directory: Path, text: str) -> Remembered:
    """Return the checkpoint that a size names in the log, or the one that `text` otherwise is.

    Raises `EvidenceError`.
    """
    if not (text.isascii() and text.isdigit()):
        return read_checkpoint(text)
    content = Folder(directory).read(kept_path(int(text)))
    if content is None:
        raise EvidenceError(f"{directory} keeps no checkpoint of size {text}")
    return from_note(content, kept_path(int(text)))


def _tile_reader(source: Source) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        content = read_tile(source, tile)
        if content is None:
            raise TileError(f"{tile.path} is missing")
        return content

    return read
