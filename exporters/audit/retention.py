"""Keeping whole epochs as long as was promised, and no longer; the newest is never deleted."""

from __future__ import annotations

import shutil
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from exporters.audit import disk, epoch_folders, place, salvage, vault
from exporters.audit.closing import as_published, forget_last_records
from exporters.audit.place import Place
from exporters.audit.record import Draft, expire_id, rfc3339_ms
from exporters.audit.signer import forget_keys

DAY = 86_400


class Expired(NamedTuple):
    """An epoch whose time is over: it ended at `ended` (epoch seconds)."""

    epoch: str
    ended: float


def expired(at: Place, newest: str, now: float, days: int) -> list[Expired]:
    """Return the epochs that ended `days` or longer ago: when the one after them began."""
    order = [*epoch_folders.retired(at), newest]
    waiting = salvage.unsettled(at)
    found = []
    for epoch, following in pairwise(order):
        ended = place.began(following)
        if epoch >= newest or now - ended < days * DAY or epoch in waiting:
            # Never one in the middle: nothing would name those before it any more.
            break
        found.append(Expired(epoch, ended))
    return found


def draft(at: Place, one: Expired, prefix: str, days: int) -> Draft:
    """Return the record to write before an epoch is deleted."""
    origin = f"{prefix}/{one.epoch}"
    known = as_published(at, epoch_folders.files_of(at, one.epoch), one.epoch, origin)
    data = {
        "origin": origin,
        "size": known.size,
        "root": known.root,
        "ended": rfc3339_ms(one.ended),
        "retention_days": days,
    }
    return Draft(name="log.expire", id=expire_id(origin), data=data, sev="notice")


def delete(at: Place, epoch: str) -> None:
    """Delete an epoch: its write-ahead log, its keys, its tree.  Raises OSError.

    The tree goes last, so that what was interrupted is found and finished; and it goes as a whole,
    so that no auditor ever meets half of it.
    """
    with suppress(FileNotFoundError):
        shutil.rmtree(at.wal / epoch)
        disk.sync_directory(at.wal)
    forget_last_records(at, epoch)
    forget_keys(at.state, epoch)
    vault.forget_replay_keys(at.state, epoch)
    epoch_folders.hide(at, epoch)
    epoch_folders.delete_hidden(at)
