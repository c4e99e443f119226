"""The public keys that a published log names for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporters.audit.findings import Findings
from exporters.audit.format import note
from exporters.audit.read.epochs import Epoch, find_epochs
from exporters.audit.read.keys import first_keys, known_keys
from exporters.audit.read.records import Told, read_records
from exporters.audit.read.source import Folder, SourceError


class Listed(NamedTuple):
    """A key, the epoch it is of, from which record on, and whether it signed the newest one."""

    epoch: str
    first: int
    signs: str
    vkey: str


def list_keys(directory: Path) -> list[Listed]:
    """Return the keys, oldest first. Raises `SourceError` if there is no log, or no key in it."""
    epochs = find_epochs(Folder(directory), Findings())
    if not epochs:
        raise SourceError(f"{directory} holds no published log")
    listed = [listed for epoch in epochs for listed in _keys(epoch)]
    if not listed:
        raise SourceError(f"{directory} names no key: the records that do cannot be read")
    return listed


def signing_key(directory: Path) -> str:
    """Return the key that signed the newest checkpoint, as `--key` takes it; of two, the newer one.

    Raises `SourceError` if none of the keys that the log names did.
    """
    listed = [note.parse_vkey(one.vkey) for one in list_keys(directory)]
    try:
        signed = note.open(Folder(directory).read("checkpoint") or b"", listed).verified
    except note.NoteError as error:
        raise SourceError(f"{directory}/checkpoint: {error}") from error
    found = {verified.key for verified in signed}
    return str(next(key for key in reversed(listed) if key in found))


def _keys(epoch: Epoch) -> Iterator[Listed]:
    told = read_records(epoch, set(), [], Findings(), lambda count: None)
    name = epoch.origin.rpartition("/")[2]
    signers = {(s.name, s.key_id) for s in note.split(epoch.signed)[1]}
    named = known_keys(epoch, told)
    found = {str(key): 0 for key in first_keys(epoch, Told())}
    found |= {rotation.new: number for number, rotation in told.rotations}
    for key in sorted(named, key=lambda key: found.get(str(key), 0)):
        if str(key) in found:
            signs = "yes" if (key.name, key.key_id) in signers else "no"
            yield Listed(name, found[str(key)], signs, str(key))
