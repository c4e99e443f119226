"""Which keys may sign an epoch's newest checkpoint, and why they are believed.

A key is believed because the auditor brought it; because a believed key's epoch names it as the
next one's; or because a believed key, while it still signed, signed a checkpoint over the record
that names it (`log.key.rotate`).  Without a key from outside, the one that record 0 names is taken:
then only a checkpoint that was kept elsewhere shows that record 0 is the right one.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporters.audit.findings import Findings
from exporters.audit.format import note
from exporters.audit.format.note import Vkey
from exporters.audit.read.epochs import Epoch
from exporters.audit.read.records import Told


def known_keys(epoch: Epoch, told: Told) -> set[Vkey]:
    """Return every key that the epoch's records name."""
    keys = set(epoch.declared_keys())
    for _, rotation in told.rotations:
        keys |= {key for key in map(_readable, (rotation.old, rotation.new)) if key}
    return keys


def signers(signed: bytes, keys: list[Vkey], where: str, findings: Findings) -> set[Vkey] | None:
    """Return the keys that signed a checkpoint; None, and a finding, if one of them did not."""
    try:
        return {verified.key for verified in note.open(signed, keys).verified}
    except note.UnverifiedNote as error:
        findings.add("key_unknown", where, str(error))
    except note.NoteError as error:
        findings.add("signature_invalid", where, str(error))
    return None


def believed_keys(
    told: Told,
    start: Iterable[Vkey],
    seen: dict[int, set[Vkey]],
    findings: Findings,
) -> set[Vkey]:
    """Return the keys that follow from `start` by the epoch's rotations.

    `seen` has the signers of the checkpoints that the log kept, by size.
    """
    believed = set(start)
    for number, rotation in told.rotations:
        if rotation.old is None:
            # The log had no tree before: its first key is named here instead of in record 0.
            continue
        old, new = _readable(rotation.old), _readable(rotation.new)
        if old is None or new is None:
            findings.add("key_unlinked", f"entry {number}", "it names a key that is none")
            continue
        over = any(size > number and old in keys for size, keys in seen.items())
        if old in believed and new not in believed:
            if over:
                believed.add(new)
            else:
                detail = f"no kept checkpoint over it is signed by the old key {old}"
                findings.add("key_unlinked", f"entry {number}", detail)
    return believed


def first_keys(epoch: Epoch, told: Told) -> list[Vkey]:
    """Return the keys that the epoch began with, by its own word."""
    declared = epoch.declared_keys()
    begun = [_readable(r.new) for _, r in told.rotations if r.old is None]
    return declared or [key for key in begun if key]


def next_key(told: Told) -> Vkey | None:
    """Return the key of the next epoch, None unless the last record names one."""
    closed = told.closed
    return _readable(closed.next.vkey) if closed is not None and closed.next is not None else None


def _readable(text: str | None) -> Vkey | None:
    try:
        return None if text is None else note.parse_vkey(text)
    except note.NoteError:
        return None
