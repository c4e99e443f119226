"""Proves from a published log's tiles that one checkpoint continues another."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from exporters.audit.findings import Findings
from exporters.audit.format import merkle
from exporters.audit.format.merkle import ProofError
from exporters.audit.format.note import Vkey
from exporters.audit.format.tiles import TileError
from exporters.audit.read.epochs import Epoch, newest_epoch
from exporters.audit.read.evidence import EvidenceError, Remembered, from_note, read_checkpoint
from exporters.audit.read.files import kept_path
from exporters.audit.read.prove import subtrees
from exporters.audit.read.source import Folder, SourceError
from exporters.audit.read.vouched import Doubtful, keys_of, proven_root, require_signed


def consistency(
    directory: Path, old: Remembered, new: Remembered, keys: Collection[Vkey] = ()
) -> list[bytes]:
    """Return the proof that `new` continues `old`, made from the tiles and checked.

    Raises `ProofError` if it does not, and `Doubtful` if nothing can be concluded: what is signed
    counts only if `keys` signed it, or without any those that the log names itself; the tiles, if
    they are those of its checkpoint.  Raises `SourceError` if the log cannot be read.
    """
    epoch = newest_epoch(Folder(directory), Findings())
    if epoch is None:
        raise SourceError(f"{directory}/checkpoint is missing, or is none")
    _require_of(epoch, (old, new), keys)
    size = epoch.checkpoint.size
    for one in (old, new):
        if one.size > size:
            raise ProofError(f"{one.where} is of {one.size} records; the log has {size}")
    if old.size > new.size:
        text = f"OLD ({old.where}, {old.size} records) is newer than NEW ({new.where}, {new.size})"
        raise ProofError(f"{text}: give them in the other order")
    if old.size == 0:
        raise Doubtful("no_records", f"{old.where} is of no records: anything continues it")
    for one in (old, new):
        if proven_root(epoch, one.size) != one.root:
            raise ProofError(
                f"the log's first {one.size} records have another root than {one.where}"
            )
    path = merkle.prove_consistency(old.size, new.size, subtrees(epoch.source, size))
    try:
        merkle.verify_consistency(old.size, new.size, path, old.root, new.root)
    except (ProofError, TileError) as error:
        raise Doubtful("tile_altered", "the tiles do not give the proof") from error
    return path


def _require_of(epoch: Epoch, given: Collection[Remembered], keys: Collection[Vkey]) -> None:
    """Require that what is signed is of this epoch, and by its keys. Raises `Doubtful`."""
    for one in given:
        if one.origin not in (None, epoch.origin):
            detail = f"{one.where} is of {one.origin}, the log is {epoch.origin}"
            raise Doubtful("wrong_log", detail)
    notes = [(one.where, one.signed) for one in given if one.signed is not None]
    own = (f"{epoch.source.name}/checkpoint", epoch.signed)
    require_signed(epoch, keys_of(epoch, keys), [own, *notes])


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
