"""What an auditor has besides the log: its public key, and checkpoints that were kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from exporters.audit.format import checkpoint, note
from exporters.audit.format.checkpoint import Checkpoint, CheckpointError
from exporters.audit.format.note import Vkey
from exporters.audit.place import NOTE_BYTES

VKEYS = "vkeys"
"""The file of the keys that `pull` pinned, among the checkpoints that it saw."""

_SHORT = re.compile(r"(?P<size>[0-9]+):(?P<root>[A-Za-z0-9+/]{43}=)")


class EvidenceError(Exception):
    """A key or a checkpoint that was given cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A checkpoint that was kept outside the log.

    `signed` is the note it was read from.  A `size:root`, as alerts and metrics carry it, names no
    origin and has no signature.  `pulled`: by an earlier pull, which kept it.
    """

    where: str
    origin: str | None
    size: int
    root: bytes
    signed: bytes | None = None
    pulled: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the log is held against; `pinned` are the keys of which earlier pulls saw signatures."""

    keys: tuple[Vkey, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    pinned: tuple[Vkey, ...] = ()


def read_key(text: str) -> Vkey:
    """Return the key that a verifier key is, or that the file of this name holds.

    Raises `EvidenceError`.
    """
    path = Path(text)
    try:
        if "+" not in text or path.is_file():
            text = path.read_text(encoding="utf-8")
        return note.parse_vkey(text)
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceError(
            f"{text}: neither a key of the form <name>+<id>+<base64> nor a file of one"
        ) from error
    except note.NoteError as error:
        raise EvidenceError(str(error)) from error


def read_checkpoint(text: str) -> Remembered:
    """Return the checkpoint in the file of this name, or the one that `<size>:<root>` says.

    Raises `EvidenceError`.
    """
    short = _SHORT.fullmatch(text)
    if short is not None:
        return Remembered(text, None, int(short["size"]), _root(short["root"]))
    try:
        with Path(text).open("rb") as file:
            content = file.read(NOTE_BYTES + 1)
    except OSError as error:
        raise EvidenceError(
            f"{text}: neither a readable file nor <size>:<root> ({error.strerror})"
        ) from error
    return from_note(content, text)


def from_note(content: bytes, where: str) -> Remembered:
    """Return the checkpoint of a signed note. Raises `EvidenceError`."""
    said = parse(content, where)
    return Remembered(where, said.origin, said.size, said.root, content)


def parse(content: bytes, where: str) -> Checkpoint:
    """Return what a signed checkpoint says; its signatures are not looked at.

    Raises `EvidenceError`.
    """
    try:
        return checkpoint.parse(note.split(content)[0])
    except (note.NoteError, CheckpointError) as error:
        raise EvidenceError(f"{where} is no checkpoint: {error}") from error


def memory_of(copy: Path) -> Path:
    """Return where `pull` keeps the checkpoints that it saw, beside the copy."""
    return copy.with_name(f"{copy.name}.seen")


def recall(folder: Path) -> Iterable[Remembered]:
    """Yield the checkpoints that earlier pulls saw. Raises `EvidenceError`."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.name != VKEYS:
            yield replace(read_checkpoint(str(path)), pulled=True)


def pinned_in(folder: Path) -> tuple[Vkey, ...] | None:
    """Return the keys that earlier pulls pinned, None if none did. Raises `EvidenceError`."""
    path = folder / VKEYS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(note.parse_vkey(line) for line in lines)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path} holds no keys: {error}") from error


def with_memory(evidence: Evidence, copy: Path) -> Evidence:
    """Return the evidence, and what earlier pulls of this copy saw. Raises `EvidenceError`."""
    folder = memory_of(copy.absolute())
    remembered = (*evidence.remembered, *recall(folder))
    return Evidence(evidence.keys, remembered, pinned_in(folder) or ())


def trusted(keys: tuple[Vkey, ...], copy: Path) -> tuple[Vkey, ...]:
    """Return the keys that were given; if none was, those that earlier pulls of a copy pinned.

    Raises `EvidenceError`.
    """
    return keys or pinned_in(memory_of(copy.absolute())) or ()


def signed_by(content: bytes, keys: Collection[Vkey]) -> bool:
    """Tell whether one of the keys signed a checkpoint, and none of them wrongly."""
    try:
        return bool(note.open(content, list(keys)).verified)
    except note.NoteError:
        return False


def _root(text: str) -> bytes:
    try:
        return checkpoint.decode_hash(text)
    except CheckpointError as error:
        raise EvidenceError(str(error)) from error
