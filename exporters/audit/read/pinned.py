"""What earlier pulls saw of a log, beside the copy: its signed checkpoints, and whose they were.

    <copy>.seen/vkeys              the keys that signed what was taken over, one in a line
    <copy>.seen/<log>/<size>       checkpoints

Only a key that was believed and did sign is pinned, and only a checkpoint that such a key signed
is kept: what nobody signed must not count against the log afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path

from exporters.audit.format import note
from exporters.audit.format.note import Vkey
from exporters.audit.read.epochs import EPOCHS, older
from exporters.audit.read.evidence import (
    VKEYS,
    Remembered,
    memory_of,
    pinned_in,
    recall,
    signed_by,
)
from exporters.audit.read.key_list import list_keys
from exporters.audit.read.source import Folder, Part, Source, SourceError
from exporters.audit.read.taking import read_checkpoint, write


def pinned_keys(copy: Path) -> tuple[Vkey, ...]:
    """Return the keys that earlier pulls pinned; if none did, those that the copy names.

    Raises `EvidenceError`.
    """
    pinned = pinned_in(memory_of(copy))
    if pinned is not None:
        return pinned
    try:
        return tuple(note.parse_vkey(listed.vkey) for listed in list_keys(copy))
    except (SourceError, note.NoteError):
        return ()


def pin(copy: Path, keys: Iterable[Vkey]) -> None:
    """Pin these keys and no other. Raises OSError."""
    write(memory_of(copy) / VKEYS, "".join(f"{key}\n" for key in sorted(set(keys))).encode())


def remember(copy: Path, keys: Collection[Vkey]) -> None:
    """Keep the copy's checkpoints beside it, those that these keys signed. Raises OSError."""
    local = Folder(copy)
    parts: list[Source] = [local, *(Part(local, f"{EPOCHS}/{name}/") for name in older(local))]
    for part in parts:
        content = part.read("checkpoint")
        if content is not None and signed_by(content, keys):
            said = read_checkpoint(content, f"{part.name}/checkpoint")
            name = sha256(said.origin.encode()).hexdigest()[:16]
            write(memory_of(copy) / name / f"{said.size:020d}", content)


def memory(copy: Path, keys: Collection[Vkey]) -> list[Remembered]:
    """Return the checkpoints that earlier pulls saw and that these keys signed; without, all."""
    seen = recall(memory_of(copy))
    return [one for one in seen if not keys or signed_by(one.signed or b"", keys)]
