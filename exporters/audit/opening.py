"""Opening a log for writing: find where it ends, and what it must say about that first.

A log is continued only if its write-ahead log, its tree and its key are what they were.  If not,
the epoch is closed as far as that can be, and a new one names it and says what is lost.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from exporters.audit import blobs, disk, epoch_folders, place, salvage, types
from exporters.audit.closing import (
    Ended,
    Sealer,
    as_published,
    close,
    close_draft,
    ended_by,
    keep_last_records,
    key_draft,
    last_records,
)
from exporters.audit.liveness import CLOCK_STEP_SECONDS
from exporters.audit.log_tree import LogTree
from exporters.audit.place import Place
from exporters.audit.publishing import encoded
from exporters.audit.record import CHANGES, Draft, RecordRefused, change_id
from exporters.audit.seen import Seen
from exporters.audit.signer import KeyFileDamaged, Signer
from exporters.audit.tree_files import TreeDamaged, TreeFiles, said
from exporters.audit.wal import Recovered, Wal, WalError, recover
from exporters.audit.wal_reader import WalReader

KEY = "log.key"
"""Under which name the newest signing key that a record names stands among the digests."""


SEEN_BUNDLES = 400
"""How much of a published tree is read for the ids in it: some 100,000 records."""


class WrongOrigin(Exception):
    """The directory holds the log of another origin than the configured one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What opening needs to know of the program and its configuration.

    `origin` is the configured prefix (None: `default`), `writer` the program's name and version,
    `now` epoch seconds.  `seal` makes a record's bytes.  `broken` says why the newest epoch must
    not be continued, if the running program found that out.
    """

    origin: str | None
    default: str
    writer: str
    now: float
    segment_bytes: int
    retention_days: int | None
    seal: Sealer
    broken: str | None = None


@dataclass(slots=True)
class Opened:
    """A log ready for appending; `first` are the records to write before anything else."""

    wal: Wal
    files: TreeFiles
    tree: LogTree
    signer: Signer
    origin: str
    epoch: str
    first: list[Draft]
    digests: dict[str, str] = field(default_factory=dict)
    changes: dict[str, types.ChangeData] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """The newest part of an epoch, as read; `tree` None: `broken` says why there is none."""

    epoch: str
    origin: str
    recovered: Recovered
    digests: dict[str, str] = field(default_factory=dict)
    changes: dict[str, types.ChangeData] = field(default_factory=dict)
    last_time: float | None = None
    tree: LogTree | None = None
    broken: str | None = None
    ended: Ended | None = None


def open_log(at: Place, terms: Terms) -> tuple[Opened, Seen]:
    """Return the log at `at`, continued or begun, and the ids of its newest records.

    Raises WrongOrigin, WalError or OSError.
    """
    seen = Seen()
    TreeFiles(at.public).sweep()
    # A writer killed between a rename and its flush leaves keys and texts that only the kernel has.
    # This one takes them as being there, and writes what relies on them.
    for directory in at:
        disk.sync_directory(directory.parent)
        disk.sync_tree(directory)
    top = epoch_folders.at_top(at)
    if top is not None and epoch_folders.is_retired(at, top):
        epoch_folders.retire(at, top)
    found = [_read_epoch(at, epoch, seen) for epoch in _epochs_with_records(at)[-2:]]
    newest = found[-1] if found else _remembered(at)
    if newest is not None:
        prefix = newest.origin.rpartition("/")[0]
        if terms.origin is not None and prefix not in ("", terms.origin):
            raise WrongOrigin(prefix)
        _find_tree(at, newest)
        newest.broken = terms.broken or newest.broken
    lost = _reason_to_begin(at, newest)
    if newest is not None and newest.tree and lost is None and newest.ended is None:
        return _continued(at, newest, newest.tree, terms), seen
    if newest is not None and lost is not None:
        _see_published(at, newest, seen)
    return _begun(at, newest, lost, terms), seen


def digest_key(name: str, system: str | None) -> str:
    """Return under which key the digest of a `<x>.change` stands."""
    return f"{name}/{system or ''}"


# What is there.


def _epochs_with_records(at: Place) -> list[str]:
    """Return the epochs; put away one whose very first record was never wholly written."""
    known = place.epochs(at)
    if known and not place.has_records(at.wal / known[-1]):
        noted, head = place.read_note(at), place.read_head(at)
        sizes = [n.size for n in (noted, head) if n is not None and n.epoch == known[-1]]
        if not any(sizes):
            disk.make_directory(at.quarantine, 0o700)
            kept = sum(1 for p in at.quarantine.iterdir() if p.name.startswith(known[-1]))
            (at.wal / known[-1]).replace(at.quarantine / f"{known[-1]}-unborn-{kept}")
            known.pop()
    return known


def _read_epoch(at: Place, epoch: str, seen: Seen) -> _Found:
    folder = at.wal / epoch
    noted, head = place.read_note(at), place.read_head(at)
    ours = noted if noted is not None and noted.epoch == epoch else None
    first = place.first_record(folder)
    try:
        origin = "" if first is None else types.read(first)[0].source
    except types.SchemaError:
        origin = ""
    if not origin:
        known = [n.origin for n in (ours, head) if n is not None and n.epoch == epoch]
        origin = next((e.source for e in salvage.envelopes(folder)), next(iter(known), ""))
        return _Found(epoch, origin, Recovered(0, 0, "record 0 cannot be read"))
    found = _Found(epoch, origin, Recovered(0, 0, None))
    if ours is not None:
        found.digests, found.changes = dict(ours.digests), dict(ours.changes)

    def visit(number: int, payload: bytes) -> str | None:
        try:
            envelope, data = types.read(payload)
        except types.SchemaError as error:
            return str(error)
        if envelope.seq != number:
            return f"record {number} says that it is {envelope.seq}"
        seen.add(envelope.id)
        _note_change(found, types.record_name(envelope.type), data)
        found.last_time = dt.datetime.fromisoformat(envelope.time).timestamp()
        found.ended = ended_by(envelope.source, number, data)
        return None

    published = head.size if head is not None and head.epoch == epoch else 0
    found.recovered = recover(folder, origin, at.quarantine, visit, published)
    return found


def _see_published(at: Place, found: _Found, seen: Seen) -> None:
    """Remember what is published already, though the write-ahead log cannot tell any more."""
    head = place.read_head(at)
    size = head.size if head is not None and head.epoch == found.epoch else 0
    files = epoch_folders.files_of(at, found.epoch)
    for entry in files.newest_entries(size, SEEN_BUNDLES):
        with suppress(types.SchemaError):
            seen.add(types.read(entry)[0].id)


def _remembered(at: Place) -> _Found | None:
    """Return the epoch whose records are gone altogether, if anything still names it."""
    known: list[object] = [n.origin for n in (place.read_head(at), place.read_note(at)) if n]
    with suppress(TreeDamaged):
        shown = TreeFiles(at.public).checkpoint()
        known += [] if shown is None else [said(shown).origin]
    known.append(place.read_hint(at.public).get("origin"))
    for origin in known:
        if isinstance(origin, str) and 0 < len(origin) <= 512:
            gone = f"the records of this log are not in {at.state.name}"
            return _Found(origin.rpartition("/")[2], origin, Recovered(0, 0, gone))
    return None


def _note_change(found: _Found, name: str, data: object) -> None:
    """Keep what a record puts in force."""
    if name in CHANGES and isinstance(data, types.ChangeData):
        key = digest_key(name, data.system)
        found.digests[key], found.changes[key] = data.digest, data
    elif isinstance(data, types.GenesisData) and data.vkeys:
        found.digests[KEY] = data.vkeys[0]
    elif isinstance(data, types.KeyRotateData):
        found.digests[KEY] = data.new


def _find_tree(at: Place, found: _Found) -> None:
    """Load the tree that was last signed, and see that it is still what it was."""
    files = epoch_folders.files_of(at, found.epoch)
    try:
        head = place.read_head(at)
        shown = files.checkpoint()
        size = head.size if head is not None and head.epoch == found.epoch else 0
        if shown is not None and said(shown).size > size:
            raise TreeDamaged(
                f"a checkpoint of {said(shown).size} records was published, and {at.state.name} "
                f"knows of {size}: it is an older copy"
            )
        tree = LogTree.load(files, size)
        if size and head is not None and encoded(tree.root) != head.root:
            raise TreeDamaged(f"the tree of {size} records has not the root that was signed")
        if size and Signer.load(at.state, found.origin) is None:
            raise TreeDamaged(f"the key that signs it is not in {at.state.name}")
        found.tree = tree
        if found.ended is None:
            found.ended = _closing(at, found.epoch)
    except (TreeDamaged, KeyFileDamaged) as error:
        found.broken = str(error)


def _closing(at: Place, epoch: str) -> Ended | None:
    """Return how an epoch ends whose closing was begun, None if it was not."""
    for payload in last_records(at, epoch)[-1:]:
        with suppress(types.SchemaError):
            envelope, data = types.read(payload)
            return ended_by(envelope.source, envelope.seq, data)
    return None


# What follows from it.


def _reason_to_begin(at: Place, found: _Found | None) -> types.GapData | None:
    """Return what is lost if the newest epoch cannot be continued, None if it can, or has ended."""
    if found is None:
        return None
    noted = place.read_note(at)
    if found.ended is not None and found.broken is None and found.recovered.corrupt is None:
        return None
    size = found.recovered.size
    lost = noted.size if noted is not None and noted.epoch == found.epoch else 0
    reasons = [r for r in (found.recovered.corrupt, found.broken) if r is not None]
    if lost > size:
        reasons.append(f"records {size} to {lost - 1} are gone")
    if found.tree and found.tree.size > size and not found.ended and not found.recovered.corrupt:
        reasons.append(f"its write-ahead log ends at {size}, its tree at {found.tree.size}")
    if epoch_folders.is_retired(at, found.epoch) and found.ended is None:
        reasons.append("it was put away")
    if not reasons:
        return None
    return types.GapData(
        reason=f"epoch {found.epoch} cannot be continued: {'; '.join(reasons)}"[:4096],
        origin=found.origin or None,
        first=size,
        last=lost - 1 if lost > size else None,
    )


def _begun(at: Place, before: _Found | None, lost: types.GapData | None, terms: Terms) -> Opened:
    """Close the epoch before as far as that can be, put it away, and begin the next one."""
    signer, origin = _next_signer(at, before, terms)
    epoch = origin.rpartition("/")[2]
    previous = None
    if before is not None:
        following = types.NextEpoch(origin=origin, vkey=signer.vkeys[0])
        reason = lost.reason if lost is not None else "its time is over"
        previous, settled = _closed(at, before, reason, following, terms)
        if lost is not None:
            salvage.leave(at, before.epoch, settled)
        epoch_folders.retire(at, before.epoch)
    folder = at.wal / epoch
    disk.make_directory(folder, 0o700)
    genesis = {
        "origin": origin,
        "epoch": epoch,
        "schema": types.SCHEMA_VERSION,
        "created_by": terms.writer,
        "previous": msgspec.to_builtins(previous) if previous and previous.origin else None,
        "vkeys": signer.vkeys,
    }
    if terms.retention_days is not None:
        genesis["retention_days"] = terms.retention_days
    first = [Draft(name="log.genesis", id=None, data=genesis, sev="notice")]
    if lost is not None:
        first.append(Draft(name="log.gap", id=None, data=msgspec.to_builtins(lost), sev="warning"))
    first += _stepped(before, terms)
    # A run that begins says by itself what it puts in force, and more of it.
    going_on = lost is None or terms.broken is not None
    standing = _standing(before) if going_on else {}
    changes = {} if before is None else before.changes
    first += [_said_again(at, epoch, k, d, changes.get(k)) for k, d in standing.items()]
    files = TreeFiles(at.public)
    wal = Wal(folder, origin, 0, terms.segment_bytes)
    tree, known = LogTree.load(files, 0), {KEY: signer.vkeys[0], **standing}
    again = {key: change for key, change in changes.items() if key in standing}
    return Opened(wal, files, tree, signer, origin, epoch, first, known, again)


def _standing(before: _Found | None) -> dict[str, str]:
    """Return the digests of what the epoch before put in force."""
    digests = {} if before is None else before.digests
    return {key: digest for key, digest in digests.items() if key.partition("/")[0] in CHANGES}


def _said_again(
    at: Place, epoch: str, key: str, digest: str, change: types.ChangeData | None
) -> Draft:
    """Return the record that something is still in force, with all that was said of it.

    Each epoch says by what its verdicts were made: those before it are deleted one day.
    """
    name, _, system = key.partition("/")
    known = change is not None and change.digest == digest
    data: dict[str, Any] = msgspec.to_builtins(change) if known else {}
    data = {k: v for k, v in data.items() if v is not None and k not in ("blob", "bytes")}
    data |= {"digest": digest, "old": digest}
    size = blobs.size(at.public, digest)
    if size is not None:
        data |= {"blob": digest, "bytes": size}
    if system:
        data["system"] = system
    record_id = change_id(f"{key}/{digest}/{epoch}", digest)
    return Draft(name=name, id=record_id, data=data, sev="notice", system=system or None)


def _next_signer(at: Place, before: _Found | None, terms: Terms) -> tuple[Signer, str]:
    """Return the key and the origin of the next epoch: the announced one, if its key is there."""
    announced = before.ended.next if before is not None and before.ended is not None else None
    if announced is not None:
        with suppress(KeyFileDamaged):
            known = Signer.load(at.state, announced.origin)
            if known is not None and announced.vkey in known.vkeys:
                return known, announced.origin
    prefix = before.origin.rpartition("/")[0] if before is not None else ""
    others = [before.epoch] if before is not None else []
    epoch = place.new_epoch(
        terms.now, sorted({*place.epochs(at), *epoch_folders.retired(at), *others})
    )
    origin = f"{terms.origin or prefix or terms.default}/{epoch}"
    return Signer.create(at.state, origin, terms.now), origin


def _closed(
    at: Place, found: _Found, reason: str, following: types.NextEpoch, terms: Terms
) -> tuple[types.Previous, int]:
    """Bring what is left of an epoch into its tree, with the record that it ends.

    Return what stands there now, and the number up to which its records are in it.
    """
    files = epoch_folders.files_of(at, found.epoch)
    tree, size = found.tree, found.recovered.size
    if tree is None or found.broken is not None or not found.origin:
        return _unclosed(at, files, found)
    end = max(tree.size, size)
    try:
        signer = Signer.create(at.state, found.origin, terms.now)
        entries = WalReader(at.wal / found.epoch).read(tree.size, end) if size > tree.size else ()
        last = last_records(at, found.epoch)
        if not last and found.ended is None:
            drafts = []
            if KEY not in found.digests and tree.size == 0:
                drafts.append(key_draft(None, signer.vkeys[0], "the log had no key before"))
            drafts.append(close_draft(reason, end + len(drafts), following))
            last = [terms.seal(d, found.origin, end + i) for i, d in enumerate(drafts)]
            keep_last_records(at, found.epoch, last)
        # Those that are in the tree already need not go there again.
        missing = [entry for entry in last if types.read(entry)[0].seq >= end]
        settled = end - (len(last) - len(missing))
        return close(at, files, found.origin, tree, signer, chain(entries, missing)), settled
    except (TreeDamaged, disk.Differs, WalError, KeyFileDamaged, RecordRefused, types.SchemaError):
        return _unclosed(at, files, found)


def _unclosed(at: Place, files: TreeFiles, found: _Found) -> tuple[types.Previous, int]:
    previous = as_published(at, files, found.epoch, found.origin)
    return previous, previous.size or 0


def _stepped(before: _Found | None, terms: Terms) -> list[Draft]:
    """Return the record that the wall clock stands before the last record there is, if it does.

    It moved while nobody watched it: by so much at least.
    """
    last = terms.now if before is None or before.last_time is None else before.last_time
    if terms.now - last >= -CLOCK_STEP_SECONDS:
        return []
    data = {"step_ms": round((terms.now - last) * 1000)}
    return [Draft(name="clock.step", id=None, data=data, sev="warning")]


def _continued(at: Place, found: _Found, tree: LogTree, terms: Terms) -> Opened:
    size, cut = found.recovered.size, found.recovered.cut_bytes
    noted = place.read_note(at)
    known = noted.size if noted is not None and noted.epoch == found.epoch else 0
    clean = noted is not None and noted.clean and known == size and cut == 0
    down = None if found.last_time is None else round(terms.now - found.last_time, 3)
    data = {
        "clean": clean,
        "size": size,
        "replayed": size - known,
        "cut_bytes": cut,
        "downtime_seconds": down,
    }
    signer = Signer.create(at.state, found.origin, terms.now)
    first = [Draft(name="log.resume", id=None, data=data, sev="notice"), *_stepped(found, terms)]
    recorded = found.digests.get(KEY)
    if recorded != signer.vkeys[0]:
        why = "the log had no key before" if recorded is None else "the key was replaced"
        first.append(key_draft(recorded, signer.vkeys[0], why))
        found.digests[KEY] = signer.vkeys[0]
    wal = Wal(at.wal / found.epoch, found.origin, size, terms.segment_bytes)
    files = TreeFiles(at.public)
    return Opened(
        wal, files, tree, signer, found.origin, found.epoch, first, found.digests, found.changes
    )
