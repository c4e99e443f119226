"""Acknowledged records that could not get into the tree of their epoch, for the one after it.

They lie behind damage in the write-ahead log, or their tree could not be signed any more.  Each is
written again there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from exporters.audit import disk, types
from exporters.audit.frames import Good, scan
from exporters.audit.place import Place
from exporters.audit.wal import segments

MARK = "unsettled"


class Unreadable(Exception):
    """Records that are to be taken over cannot be read now."""


def leave(at: Place, epoch: str, first: int) -> None:
    """Note durably that records of `epoch` from number `first` on have to be taken over."""
    folder = at.wal / epoch
    if folder.is_dir():
        disk.write_whole(folder / MARK, str(first).encode(), 0o600)


def unsettled(at: Place) -> list[str]:
    """Return the epochs with records to be taken over, oldest first."""
    return sorted(path.parent.name for path in at.wal.glob(f"*/{MARK}"))


def settle(at: Place, epoch: str) -> None:
    """Note that every record of `epoch` was taken over."""
    (at.wal / epoch / MARK).unlink(missing_ok=True)
    disk.sync_directory(at.wal / epoch)


def left_over(at: Place, epoch: str) -> Iterator[tuple[types.Envelope, bytes]]:
    """Yield the records of `epoch` to be taken over, in order.

    What the log says of itself (heartbeats, resumptions, gaps) belongs to its epoch and stays.
    Raises `Unreadable`.
    """
    try:
        first = int((at.wal / epoch / MARK).read_bytes())
        for envelope, payload in _whole_records(at.wal / epoch, first):
            name = types.record_name(envelope.type)
            if envelope.seq >= first and not name.startswith("log.") and name != "heartbeat":
                yield envelope, payload
    except (OSError, ValueError) as error:
        raise Unreadable(f"epoch {epoch}: {error}") from error


def ids(at: Place, epoch: str) -> set[str]:
    """Return the ids of all records in an epoch's write-ahead log."""
    return {envelope.id for envelope, _ in _whole_records(at.wal / epoch, 0)}


def envelopes(folder: Path) -> Iterator[types.Envelope]:
    """Yield the envelopes of every record that can be read in an epoch's folder."""
    return (envelope for envelope, _ in _whole_records(folder, 0))


def _whole_records(folder: Path, first: int) -> Iterator[tuple[types.Envelope, bytes]]:
    found = segments(folder)
    begins = [number for number, _ in found if number <= first]
    for number, path in found:
        if begins and number < begins[-1]:
            continue
        with path.open("rb") as file:
            for frame in scan(file, path.stat().st_size):
                with suppress(types.SchemaError):
                    if isinstance(frame, Good):
                        yield types.read(frame.payload)[0], frame.payload
