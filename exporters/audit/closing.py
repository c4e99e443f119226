"""Closing an epoch: its last records go into its tree, and the last one names what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from exporters.audit import disk, place, types
from exporters.audit.format import bundle
from exporters.audit.log_tree import LogTree
from exporters.audit.place import Place
from exporters.audit.publishing import alone, encoded, publish
from exporters.audit.record import Draft
from exporters.audit.signer import Signer
from exporters.audit.tree_files import TreeDamaged, TreeFiles, said

Sealer = Callable[[Draft, str, int], bytes]
"""Makes the bytes of a record, given the log's origin and the record's number."""


class Ended(NamedTuple):
    """An epoch whose last record says that it is the last, and what comes next."""

    origin: str
    next: types.NextEpoch | None


def ended_by(origin: str, number: int, data: object) -> Ended | None:
    """Return what a record says of the end of its epoch, None if it goes on."""
    if isinstance(data, types.CloseData) and data.size == number:
        return Ended(origin, data.next)
    return None


def close_draft(reason: str, size: int, next_epoch: types.NextEpoch) -> Draft:
    """Return the last record of an epoch of `size` records before it."""
    following = {"origin": next_epoch.origin, "vkey": next_epoch.vkey}
    data = {"reason": reason[:4096], "size": size, "next": following}
    return Draft(name="log.close", id=None, data=data, sev="notice")


def key_draft(old: str | None, new: str, reason: str) -> Draft:
    """Return the record that `new` signs from now on."""
    data = {"old": old, "new": new, "reason": reason}
    return Draft(name="log.key.rotate", id=None, data=data, sev="notice")


def last_records(at: Place, epoch: str) -> list[bytes]:
    """Return the last records of an epoch that was being closed, nothing if it was not.

    What was once meant to be the end must stay it: after a crash its files may be there already.
    """
    try:
        return bundle.unpack(_path(at, epoch).read_bytes())
    except (FileNotFoundError, bundle.BundleError):
        return []


def keep_last_records(at: Place, epoch: str, records: Sequence[bytes]) -> None:
    """Note durably what the last records of an epoch are, before they go into its tree."""
    disk.write_whole(_path(at, epoch), bundle.pack(records), 0o600)


def close(
    at: Place,
    files: TreeFiles,
    origin: str,
    tree: LogTree,
    signer: Signer,
    entries: Iterable[bytes],
) -> types.Previous:
    """Put the last entries into the tree of an epoch and publish it.

    Raises `TreeDamaged`, `disk.Differs`, `WalError` or OSError.
    """
    grown = tree.grow(entries)
    publish(at, files, origin, grown, signer, alone)
    return types.Previous(origin=origin, size=grown.size, root=encoded(grown.root))


def forget_last_records(at: Place, epoch: str) -> None:
    """Delete the note of an epoch's last records."""
    _path(at, epoch).unlink(missing_ok=True)


def _path(at: Place, epoch: str) -> Path:
    return at.state / f"closing-{epoch}"


def as_published(at: Place, files: TreeFiles, epoch: str, origin: str) -> types.Previous:
    """Return what is known of an epoch that cannot be closed in order."""
    known = [types.Previous(origin=origin, size=None)]
    head = place.read_head(at)
    if head is not None and head.epoch == epoch:
        known.append(types.Previous(origin=origin, size=head.size, root=head.root))
    with suppress(TreeDamaged):
        shown = files.checkpoint()
        if shown is not None:
            newest = said(shown)
            known.append(types.Previous(origin=origin, size=newest.size, root=encoded(newest.root)))
    return max(known, key=lambda previous: previous.size or 0)
