"""Opening a log for writing: find where it ends, and what it must say about that first."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from exporters.audit import disk, place, types
from exporters.audit.frames import Good, scan
from exporters.audit.place import Place
from exporters.audit.record import CHANGES, Draft
from exporters.audit.seen import Seen
from exporters.audit.wal import Recovered, Wal, recover, segments


class WrongOrigin(Exception):
    """The directory holds the log of another origin than the configured one."""


@dataclass(slots=True)
class Opened:
    """A log ready for appending; `first` are the records to write before anything else."""

    wal: Wal
    origin: str
    epoch: str
    first: list[Draft]
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """The newest part of an epoch, as read."""

    epoch: str
    origin: str
    recovered: Recovered
    digests: dict[str, str] = field(default_factory=dict)
    last_time: float | None = None


def open_log(
    at: Place, *, origin: str | None, default: str, writer: str, now: float, segment_bytes: int
) -> tuple[Opened, Seen]:
    """Return the log at `at`, continued or begun, and the ids of its newest records.

    `origin` is the configured prefix (None: `default`), `writer` the program's name and version.
    A log that is damaged before its end is not continued: a new epoch begins and says so.
    Raises WrongOrigin, WalError or OSError.
    """
    seen = Seen()
    found = [_read_epoch(at, epoch, seen) for epoch in _epochs_with_records(at)[-2:]]
    known = place.epochs(at)
    if origin is not None and found and found[-1].origin.rpartition("/")[0] not in ("", origin):
        raise WrongOrigin(found[-1].origin.rpartition("/")[0])
    before = _reason_to_begin(at, found[-1] if found else None)
    if found and before is None:
        return _continued(at, found[-1], now, segment_bytes), seen
    epoch = place.new_epoch(now, known)
    prefix = origin or (found[-1].origin.rpartition("/")[0] if found else "") or default
    return _begun(at, f"{prefix}/{epoch}", before, writer, segment_bytes), seen


def digest_key(name: str, system: str | None) -> str:
    """Return under which key the digest of a `<x>.change` stands."""
    return f"{name}/{system or ''}"


def _epochs_with_records(at: Place) -> list[str]:
    """Return the epochs; put away one whose very first record was never wholly written."""
    known = place.epochs(at)
    if known and not place.has_records(at.wal / known[-1]):
        head = place.read_head(at)
        if head is None or head.epoch != known[-1] or head.size == 0:
            disk.make_directory(at.quarantine, 0o700)
            (at.wal / known[-1]).replace(at.quarantine / f"{known[-1]}-unborn")
            known.pop()
    return known


def _read_epoch(at: Place, epoch: str, seen: Seen) -> _Found:
    folder = at.wal / epoch
    head = place.read_head(at)
    ours = head if head is not None and head.epoch == epoch else None
    genesis = place.first_record(folder)
    try:
        origin = "" if genesis is None else types.read(genesis)[0].source
    except types.SchemaError:
        origin = ""
    if not origin:
        origin = _salvage(folder, seen) or (ours.origin if ours else "")
        return _Found(epoch, origin, Recovered(0, 0, "record 0 cannot be read"))
    found = _Found(epoch, origin, Recovered(0, 0, None), dict(ours.digests if ours else {}))

    def visit(number: int, payload: bytes) -> str | None:
        try:
            envelope, data = types.read(payload)
        except types.SchemaError as error:
            return str(error)
        if envelope.seq != number:
            return f"record {number} says that it is {envelope.seq}"
        seen.add(envelope.id)
        name = types.record_name(envelope.type)
        if name in CHANGES:
            found.digests[digest_key(name, data.system)] = data.digest
        found.last_time = dt.datetime.fromisoformat(envelope.time).timestamp()
        return None

    found.recovered = recover(folder, origin, at.quarantine, visit)
    if found.recovered.corrupt:
        _salvage(folder, seen)
    return found


def _salvage(folder: Path, seen: Seen) -> str | None:
    """Remember the ids of what can still be read in a damaged epoch; return its origin.

    So what was written behind the damage is not written again in the next epoch.
    """
    origin = None
    for _, path in segments(folder)[-2:]:
        with path.open("rb") as file:
            for frame in scan(file, path.stat().st_size):
                with suppress(types.SchemaError):
                    if isinstance(frame, Good):
                        envelope, _ = types.read(frame.payload)
                        seen.add(envelope.id)
                        origin = envelope.source
    return origin


def _reason_to_begin(at: Place, found: _Found | None) -> types.GapData | None:
    """Return what is lost if the newest epoch cannot be continued, None if it can."""
    head = place.read_head(at)
    if found is None:
        named = place.read_hint(at.public).get("origin") or (head.origin if head else None)
        if not isinstance(named, str) or not 0 < len(named) <= 512:
            return None
        reason = f"the records of this log are not in {at.state.name}"
        return types.GapData(reason=reason, origin=named, first=0)
    size, corrupt = found.recovered.size, found.recovered.corrupt
    lost = head.size if head is not None and head.epoch == found.epoch else 0
    if corrupt is None and lost <= size:
        return None
    if lost > size:
        corrupt = "; ".join(filter(None, [corrupt, f"records {size} to {lost - 1} are gone"]))
    return types.GapData(
        reason=f"epoch {found.epoch} cannot be continued: {corrupt}"[:4096],
        origin=found.origin or None,
        first=size,
        last=lost - 1 if lost > size else None,
    )


def _begun(
    at: Place, origin: str, lost: types.GapData | None, writer: str, segment_bytes: int
) -> Opened:
    epoch = origin.rpartition("/")[2]
    folder = at.wal / epoch
    disk.make_directory(folder, 0o700)
    previous = None
    if lost is not None and lost.origin is not None:
        size = None if lost.first == 0 else lost.first
        previous = {"origin": lost.origin, "size": size}
    genesis = {
        "origin": origin,
        "epoch": epoch,
        "schema": types.SCHEMA_VERSION,
        "created_by": writer,
        "previous": previous,
    }
    first = [Draft(name="log.genesis", id=None, data=genesis, sev="notice")]
    if lost is not None:
        gap = {f: v for f in lost.__struct_fields__ if (v := getattr(lost, f)) not in (None, {})}
        first.append(Draft(name="log.gap", id=None, data=gap, sev="warning"))
    return Opened(Wal(folder, origin, 0, segment_bytes), origin, epoch, first)


def _continued(at: Place, found: _Found, now: float, segment_bytes: int) -> Opened:
    size, cut = found.recovered.size, found.recovered.cut_bytes
    head = place.read_head(at)
    noted = head.size if head is not None and head.epoch == found.epoch else 0
    clean = head is not None and head.clean and noted == size and cut == 0
    down = None if found.last_time is None else round(now - found.last_time, 3)
    data = {
        "clean": clean,
        "size": size,
        "replayed": size - noted,
        "cut_bytes": cut,
        "downtime_seconds": down,
    }
    wal = Wal(at.wal / found.epoch, found.origin, size, segment_bytes)
    resume = Draft(name="log.resume", id=None, data=data, sev="notice")
    return Opened(wal, found.origin, found.epoch, [resume], found.digests)
