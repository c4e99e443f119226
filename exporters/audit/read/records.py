"""Going through the records of the epochs, each of which is checked by everybody concerned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.format.tiles import WIDTH
from exporters.audit.jcs import is_canonical
from exporters.audit.read import files
from exporters.audit.read.epochs import Epoch
from exporters.audit.read.tree import Advance


class Reader(Protocol):
    """Something that takes the records in order."""

    def take(self, envelope: types.Envelope, data: Any, where: str) -> None:
        """Take the next record."""
        ...

    def interrupt(self) -> None:
        """Go on after a record that could not be read."""
        ...


@dataclass(slots=True)
class Told:
    """What an epoch's records say of keys and of other epochs, with the records' numbers."""

    rotations: list[tuple[int, types.KeyRotateData]] = field(default_factory=list)
    closed: types.CloseData | None = None
    expired: dict[str, types.ExpireData] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)

    def take(self, envelope: types.Envelope, data: Any) -> None:
        """Remember what a record says."""
        if isinstance(data, types.KeyRotateData):
            self.rotations.append((envelope.seq, data))
        elif isinstance(data, types.CloseData):
            self.closed = data
        elif isinstance(data, types.ExpireData):
            self.expired[data.origin] = data
        elif isinstance(data, types.GapData) and data.origin is not None:
            self.gaps.add(data.origin)


def read_records(
    epoch: Epoch, altered: set[int], readers: list[Reader], findings: Findings, advance: Advance
) -> Told:
    """Let the readers take the records of an epoch; return what they say of keys and epochs.

    Entries that are missing, unreadable or `altered` are passed over.  Raises `SourceError`.
    """
    told = Told()
    size = epoch.checkpoint.size
    for first, entries in files.entries(epoch.source, size):
        if entries is None:
            gone = min(WIDTH, size - first)
            for _ in range(gone):
                _interrupt(readers)
            advance(gone)
            continue
        for number, payload in enumerate(entries, start=first):
            if number in altered or not _take(epoch, number, payload, readers, told, findings):
                _interrupt(readers)
        advance(len(entries))
    return told


def _take(
    epoch: Epoch,
    number: int,
    payload: bytes,
    readers: list[Reader],
    told: Told,
    findings: Findings,
) -> bool:
    where = f"entry {number}"
    try:
        envelope, data = types.read(payload)
    except types.SchemaError as error:
        findings.add("schema_violation", where, str(error))
        return False
    if envelope.seq != number:
        findings.add("seq_mismatch", where, f"it says that it is number {envelope.seq}")
    if envelope.source != epoch.origin:
        detail = f"it is of {envelope.source}, the log is of {epoch.origin}"
        findings.add("wrong_origin", where, detail)
    if not is_canonical(payload):
        findings.add("not_canonical", where, "the bytes are not canonical JSON")
    for reader in readers:
        reader.take(envelope, data, where)
    told.take(envelope, data)
    return True


def _interrupt(readers: list[Reader]) -> None:
    for reader in readers:
        reader.interrupt()
