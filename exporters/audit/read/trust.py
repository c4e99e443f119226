"""Which of the epochs that a server shows may be taken over: those that a believed key signed.

Belief goes from the keys that were given, or pinned before, along rotations and from epoch to
epoch.  Only at the first pull, without a key, is the log's own word taken.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from exporters.audit.findings import Findings
from exporters.audit.format import note
from exporters.audit.format.note import NoteError, UnverifiedNote, Vkey
from exporters.audit.read.files import kept_sizes
from exporters.audit.read.keys import believed_keys, first_keys, known_keys, next_key
from exporters.audit.read.source import Folder
from exporters.audit.read.taking import Refused, Taken

_GIVE = "if the operator confirms that it is the log's, give it with --key"


class Believed(NamedTuple):
    """The keys that signed; the epochs before the newest that are refused, and why."""

    signers: set[Vkey]
    refused: list[tuple[Taken, Refused]]


def believe(epochs: Sequence[Taken], roots: Collection[Vkey]) -> Believed:
    """Return whether believed keys signed these epochs, oldest first.

    `roots` are the keys that were given or pinned; without any, the log's own word is taken.
    Raises `Refused` if the newest is refused.
    """
    found: set[Vkey] = set()
    refused: list[tuple[Taken, Refused]] = []
    vouched: Vkey | None = None
    for taken in epochs:
        newest = taken is epochs[-1]
        try:
            start = [key for key in {*roots, vouched} if key and key.name == taken.epoch.origin]
            own = not start
            start = start or _own_word(taken, roots, newest=newest)
            found |= signers(taken, start)
        except Refused as error:
            if newest:
                raise
            refused.append((taken, error))
            vouched = None
            continue
        # Whoever is believed by its own word vouches for nobody whose key could be known.
        vouched = None if own and roots else next_key(taken.told)
    return Believed(found, refused)


def _own_word(taken: Taken, roots: Collection[Vkey], *, newest: bool) -> list[Vkey]:
    """Return the keys that an epoch names itself, where that is enough. Raises `Refused`.

    It is before all those whose keys are known: a later one's first record names its root.
    """
    origin = taken.epoch.origin
    log = origin.rpartition("/")[0]
    earlier = all(key.name > origin for key in roots if key.name.rpartition("/")[0] == log)
    start = first_keys(taken.epoch, taken.told) if not roots or (earlier and not newest) else []
    if not start:
        detail = f"no key that is believed names the key of {origin}; {_GIVE}"
        raise Refused("key_unknown", _where(taken), detail)
    return start


def signers(taken: Taken, start: Sequence[Vkey]) -> set[Vkey]:
    """Return the believed keys that signed an epoch's checkpoint. Raises `Refused`."""
    epoch, told = taken.epoch, taken.told
    try:
        known = sorted({*known_keys(epoch, told), *start})
        signed = {verified.key for verified in note.open(epoch.signed, known).verified}
        seen = kept_signers(taken, known) if told.rotations else {}
        seen[epoch.checkpoint.size] = signed
        believed = believed_keys(told, start, seen, Findings())
    except UnverifiedNote as error:
        raise Refused("key_unknown", _where(taken), f"{error}; {_GIVE}") from error
    except NoteError as error:
        raise Refused("signature_invalid", _where(taken), str(error)) from error
    if not signed & believed:
        who = ", ".join(str(key) for key in sorted(signed))
        detail = f"it is signed by {who}, which nothing vouches for; {_GIVE}"
        raise Refused("key_unknown", _where(taken), detail)
    return signed & believed


def kept_signers(taken: Taken, known: Sequence[Vkey]) -> dict[int, set[Vkey]]:
    """Return who signed which of the checkpoints that were kept and are of this tree."""
    sizes = {size for folder in taken.folders for size in kept_sizes(Folder(folder))}
    seen: dict[int, set[Vkey]] = {}
    for size in sizes & taken.roots.keys():
        content = taken.kept(size)
        if content is not None:
            try:
                seen[size] = {found.key for found in note.open(content, known).verified}
            except NoteError:
                continue
    return seen


def _where(taken: Taken) -> str:
    return f"{taken.epoch.place}checkpoint"
