"""What an open log needs now and then: another key, another epoch, old epochs deleted."""

from __future__ import annotations

from exporters.audit import epoch_folders, place, retention, unnamed
from exporters.audit.closing import close_draft, key_draft
from exporters.audit.opening import KEY, Opened
from exporters.audit.options import AuditOptions
from exporters.audit.place import Place
from exporters.audit.signer import Signer, rotation_done, rotation_requested
from exporters.audit.types import NextEpoch
from exporters.audit.writer import LogWriter
from exporters.log import get_logger

_log = get_logger(__name__)


def replace_key(at: Place, options: AuditOptions, writer: LogWriter, now: float) -> bool:
    """Make a new signing key if one is asked for or due, and record it; tell whether keys changed.

    A key that the log does not name yet, because a write failed, is recorded first.  Raises
    OSError or WalError.
    """
    log = writer.opened()
    due = options.key_max_age is not None and now - log.signer.created >= options.key_max_age
    asked = rotation_requested(at.state)
    if not asked and not due and log.digests.get(KEY) == log.signer.vkeys[0]:
        return False
    if log.digests.get(KEY) == log.signer.vkeys[0]:
        log.signer.rotate(now, options.key_overlap)
    reason = "asked for" if asked else "its time was over"
    writer.add([key_draft(log.digests.get(KEY), log.signer.vkeys[0], reason)])
    rotation_done(at.state)
    _log.info("audit_key_replaced", key=log.signer.vkeys[0])
    return True


def forget_old_keys(log: Opened, published: int, now: float) -> bool:
    """Delete keys whose overlap is over, once both have signed all there is; tell whether."""
    return published == log.wal.size and log.signer.forget_old(now)


def end_epoch(at: Place, writer: LogWriter, now: float, reason: str) -> None:
    """Write the last record of the epoch: it names the next one and its key."""
    log = writer.opened()
    prefix, epoch = log.origin.rpartition("/")[0], place.new_epoch(now, [log.epoch])
    signer = Signer.create(at.state, f"{prefix}/{epoch}", now)
    following = NextEpoch(origin=f"{prefix}/{epoch}", vkey=signer.vkeys[0])
    writer.add([close_draft(reason, log.wal.size, following)])


def is_epoch_over(log: Opened, options: AuditOptions, now: float) -> bool:
    """Tell whether the epoch is as old as epochs may become."""
    return now - place.began(log.epoch) >= options.epoch_length


def delete_expired(at: Place, options: AuditOptions, writer: LogWriter, now: float) -> None:
    """Delete the epochs that were kept as long as was promised; each is recorded before."""
    log, days = writer.opened(), options.retention // retention.DAY
    epoch_folders.delete_hidden(at)
    for one in retention.expired(at, log.epoch, now, days):
        draft = retention.draft(at, one, log.origin.rpartition("/")[0], days)
        if draft.id is not None and draft.id not in writer.seen:
            writer.add([draft])
        unnamed.look_for(at, one.ended)
        retention.delete(at, one.epoch)
        _log.info("audit_epoch_expired", epoch=one.epoch)
