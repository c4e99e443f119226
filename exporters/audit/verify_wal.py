"""Checks an audit log from its files alone: framing, numbers, ids, content, references.

Reads from end to end, one record at a time; memory is 8 bytes per record, for the uniqueness of
ids.  Nothing is changed, and no lock is taken: a log may be verified while it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from exporters.audit import blobs, place, types
from exporters.audit.findings import Findings, Verification
from exporters.audit.frames import HEADER_SIZE, Bad, Good, decode_header, origin_hash, scan
from exporters.audit.jcs import is_canonical
from exporters.audit.read.content import ContentChecks
from exporters.audit.wal import segments

Progress = Callable[[int, int], None]
"""Called now and then with the bytes read so far and in all."""


class NotALog(Exception):
    """There is no such directory."""


class _Seq(msgspec.Struct):
    seq: int


def verify(directory: Path, *, progress: Progress | None = None) -> Verification:
    """Verify the log in `directory`, its published or its private part, all epochs.

    Raises `NotALog` if there is no such directory, OSError if it cannot be read.
    """
    if not directory.is_dir():
        raise NotALog(f"there is no directory {directory}")
    findings = Findings()
    verifier = _Verifier(place.find(directory), findings, progress)
    origin, size = verifier.run()
    return findings.conclude(origin, size)


class _Verifier:
    """Goes through the epochs; what one record says about earlier ones is kept here."""

    def __init__(self, at: place.Place, findings: Findings, progress: Progress | None) -> None:
        self._at, self._findings, self._progress = at, findings, progress
        self._content = ContentChecks(findings, lambda digest: blobs.problem(at.public, digest))
        self._read = self._total = 0
        self._epoch = ""
        self._origin: str | None = None
        self._expected = 0
        self._damaged = False

    def run(self) -> tuple[str | None, int]:
        """Return the newest epoch's origin and number of records."""
        head = place.read_note(self._at)
        epochs = [
            (epoch, [(n, path, path.stat().st_size) for n, path in segments(self._at.wal / epoch)])
            for epoch in place.epochs(self._at)
        ]
        self._total = sum(size for _, found in epochs for _, _, size in found)
        for number, (epoch, found) in enumerate(epochs):
            self._verify_epoch(epoch, found, newest=number == len(epochs) - 1)
        if not epochs or not self._content.records:
            detail = f"no records for this log are in {self._at.wal}"
            self._findings.add("no_records", str(self._at.public), detail)
        if head is not None and (not epochs or head.epoch == self._epoch):
            self._compare_size(head)
        self._content.conclude()
        return self._origin, self._expected

    def _compare_size(self, head: place.Noted) -> None:
        if head.size > self._expected:
            detail = f"records {self._expected} to {head.size - 1} were written and are not there"
            self._findings.add("record_missing", "the end of the log", detail)

    # Frames and numbers.

    def _verify_epoch(
        self, epoch: str, found: list[tuple[int, Path, int]], *, newest: bool
    ) -> None:
        before = self._origin
        self._epoch, self._origin, self._expected, self._damaged = epoch, None, 0, False
        self._content.begin(epoch)
        for number, (first, path, size) in enumerate(found):
            last = newest and number == len(found) - 1
            self._verify_segment(first, path, size, before, last=last)
            self._read += size
            self._report(self._read)

    def _verify_segment(
        self, first: int, path: Path, size: int, before: str | None, *, last: bool
    ) -> None:
        name = f"{self._epoch}/{path.name}"
        with path.open("rb") as file:
            header = decode_header(file.read(HEADER_SIZE))
            if header is None:
                short = last and size < HEADER_SIZE
                detail = f"its {size} bytes do not begin with the header of a segment"
                self._findings.add(
                    "torn_tail" if short else "segment_header",
                    name,
                    detail,
                    "UNKNOWN" if short else "FAIL",
                )
                return
            if header.first != first:
                detail = f"it says that it begins with record {header.first}"
                self._findings.add("segment_header", name, detail)
            if first > self._expected and not self._damaged:
                detail = f"records {self._expected} to {first - 1} are missing before it"
                self._findings.add("record_missing", name, detail)
            self._expected = max(self._expected, first)
            for found in scan(file, size):
                where = f"{name} offset {found.offset}"
                if isinstance(found, Bad):
                    self._bad(found, where, last=last)
                else:
                    self._good(found, where, before)
                    if self._expected % 1000 == 0:
                        self._report(self._read + found.offset)
        if self._origin is not None and header.origin_hash != origin_hash(self._origin):
            self._findings.add("wrong_origin", name, f"its header is not of {self._origin}")

    def _bad(self, bad: Bad, where: str, *, last: bool) -> None:
        amount = bad.end - bad.offset
        if bad.last and last:
            detail = f"{bad.reason}; {amount} bytes of an unfinished write, or of a cut record"
            self._findings.add("torn_tail", where, detail, "UNKNOWN")
        else:
            self._findings.add("frame_damaged", where, f"{bad.reason}; {amount} bytes skipped")
            self._damaged = True

    def _good(self, good: Good, where: str, before: str | None) -> None:
        try:
            envelope, data = types.read(good.payload)
        except types.SchemaError as error:
            self._findings.add("schema_violation", where, str(error))
            self._count(_loose_seq(good.payload, self._expected), where)
            self._content.pass_over()
            return
        where = f"record {envelope.seq} ({where})"
        if self._origin is None:
            self._first(envelope, data, where, before)
        self._count(envelope.seq, where)
        if not is_canonical(good.payload):
            self._findings.add("not_canonical", where, "the bytes are not canonical JSON")
        if envelope.source != self._origin:
            detail = f"it is of {envelope.source}, the log is of {self._origin}"
            self._findings.add("wrong_origin", where, detail)
        self._content.take(envelope, data, where)

    def _count(self, seq: int, where: str) -> None:
        expected = self._expected
        if seq < expected:
            detail = f"record {expected} should be here"
            self._findings.add("record_repeated", where, detail)
        else:
            if seq > expected and not self._damaged:
                gone = (
                    f"record {expected} is"
                    if seq == expected + 1
                    else (f"records {expected} to {seq - 1} are")
                )
                self._findings.add("record_missing", where, f"{gone} missing before it")
            self._expected = seq + 1
        self._damaged = False

    # What the records say.

    def _first(self, envelope: types.Envelope, data: Any, where: str, before: str | None) -> None:
        self._origin = envelope.source
        genesis = isinstance(data, types.GenesisData) and data.origin == envelope.source
        if envelope.seq != 0 or not genesis:
            self._findings.add("genesis_missing", where, "the log does not begin with its genesis")
        elif before is not None and (data.previous is None or data.previous.origin != before):
            self._findings.add("epoch_unlinked", where, f"it does not name {before} before it")

    def _report(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self._total)


def _loose_seq(payload: bytes, otherwise: int) -> int:
    """Return the number that an unreadable record gives itself, if that much can be read."""
    try:
        return msgspec.json.decode(payload, type=_Seq).seq
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return otherwise
