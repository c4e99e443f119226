"""The `file` collector: CSV or JSON Lines, plain or gzip, at full speed, at a pace, or followed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import structlog

from collectors import infer
from collectors.base import (
    Channel,
    CollectorError,
    EndOfInput,
    Item,
    Resume,
    SchemaResolved,
    SourceStatus,
)
from collectors.batch import EventBatch, Rejected
from collectors.csv_header import align, read_header
from collectors.decoders.base import Decoder, Format
from collectors.decoders.csv import CsvDecoder
from collectors.decoders.table import load
from collectors.file_bytes import FileBytes
from collectors.file_identity import Sameness, identity_of, sameness
from collectors.file_options import FileOptions
from collectors.file_records import Part, batched, csv_records, line_records
from collectors.pace import Pace
from collectors.schema import EventSchema, TimeRule

_log = structlog.get_logger("collectors.file")

__all__ = ["FileCollector", "FileOptions", "build", "format_by_extension", "read_batches"]

PARTITION = "0"
"""The only partition of a file; a position in it is the number of records already read."""

_STATUS_EVERY = 1.0
_POLL = 0.2

_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def build(options: FileOptions, schema: EventSchema, id_key: bytes) -> FileCollector:
    """Return the collector that `options` describe; nothing is opened yet."""
    return FileCollector(options, schema, id_key)


def read_batches(
    path: str | Path,
    schema: EventSchema,
    id_key: bytes,
    batch_size: int = 5_000,
    options: FileOptions | None = None,
) -> Iterator[Item]:
    """Yield `SchemaResolved`, then the file's batches, then `EndOfInput`.

    `schema` may leave things open.  A file without any record gives `EndOfInput` alone.  `path` and
    `batch_size` count, whatever `options` say of them; its `speed` and `follow` do not.  Raises
    `CollectorError` as `FileCollector.run` does.
    """
    changes = {"path": Path(path), "batch_size": batch_size, "speed": None, "follow": False}
    options = (options or FileOptions(path=Path(path))).model_copy(update=changes)
    return FileCollector(options, schema, id_key).items(Resume())


class _Opened(NamedTuple):
    """A file that is open: its bytes, and its records after the header."""

    file: FileBytes
    header: tuple[str, ...]
    parts: Iterator[Part]


class _Start(NamedTuple):
    """How reading begins: after `skip` records, or `anew` as another file was read before.

    `known`: the store has the identity of the file.  `lost`: it may have had records not yet read.
    """

    skip: int
    known: bool
    anew: bool = False
    lost: bool = False


class FileCollector:
    """Reads a file; see `collectors.base.Collector`.  Offsets are lines, from 1."""

    def __init__(self, options: FileOptions, schema: EventSchema, id_key: bytes) -> None:
        self.name = options.name or f"file:{options.path.name}"
        self._options, self._schema, self._id_key = options, schema, id_key
        self._path = options.path
        self._csv = _format_of(options) == "csv"
        self._stop = threading.Event()
        self._reported = -math.inf

    def check(self) -> str:
        """Open the file, read its first records and resolve the schema; see `Collector.check`."""
        if self._read_schema(Resume()) is None and not self._options.follow:
            raise CollectorError(self._nothing())
        return f"{self._path}: {'CSV' if self._csv else 'JSON Lines'}, {_size(self._path)}"

    def stop(self) -> None:
        """Ask `run` to return; see `Collector.stop`."""
        self._stop.set()

    def run(self, channel: Channel, resume: Resume) -> None:
        """Read the file into the channel; see `Collector.run`."""
        speed = self._options.speed
        pace = None if speed is None else Pace(speed, self._options.batch_size)
        for item in self.items(resume, None if pace is None else pace.size):
            if isinstance(item, EndOfInput):
                channel.put(self._status(caught_up=True))
            if isinstance(item, EventBatch) and pace is not None:
                self._wait_until_due(pace, item, channel)
                if self._stop.is_set():
                    return
            channel.put(item)
            if isinstance(item, SchemaResolved | EventBatch):
                self._report(channel)
            while channel.full() and not self._stop.is_set():
                channel.wait_for_room(_POLL)

    def _wait_until_due(self, pace: Pace, batch: EventBatch, channel: Channel) -> None:
        while (left := pace.until_due(batch)) > 0 and not self._stop.is_set():
            self._stop.wait(min(left, _STATUS_EVERY))
            self._report(channel)

    def _report(self, channel: Channel) -> None:
        """Put a status about once a second."""
        now = time.monotonic()
        if now - self._reported >= _STATUS_EVERY:
            channel.put(self._status(caught_up=False))
            self._reported = now

    def items(self, resume: Resume, size: Callable[[], int] | None = None) -> Iterator[Item]:
        """Yield what `run` puts into its channel, without waiting for a pace or for room.

        `size` gives the records of the next batch; by default it is the configured batch size.
        """
        resolved = self._read_schema(resume)
        if resolved is None and self._options.follow:
            # Nothing is wrong with a file whose first record is still to come.
            yield self._status(caught_up=True)
            resolved = self._await_schema(resume)
        if resolved is None:
            if not self._stop.is_set():
                yield EndOfInput(self.name, self._nothing())
            return
        yield resolved
        opened = self._open(follow=self._options.follow)
        try:
            at = self._goes_on(opened.file, resolved.schema, resume)
            if at.lost:
                yield replace(self._status(caught_up=False), lost={PARTITION: None})
            yield from self._batches(opened, resolved.schema, at, size)
        finally:
            opened.file.close()

    def _goes_on(self, file: FileBytes, schema: EventSchema, resume: Resume) -> _Start:
        """Return where to go on, by whether this is the file that was read before."""
        skip = resume.positions.get(PARTITION, 0)
        identity = resume.identities.get(PARTITION, "")
        found = sameness(file, self._id_key, identity) if skip else Sameness.SAME
        if found is Sameness.SAME:
            return _Start(skip, known=bool(identity))
        if found is Sameness.CUT:
            raise CollectorError(self._cut(skip))
        if isinstance(schema.time, TimeRule):
            raise CollectorError(
                f"{self._path}: is not the file that was read before, and its rows have no time but"
                " by their number: set `event.time.start` to that of the new file, and"
                " `store.path` to another folder"
            )
        # Of a finite file that was read to its end nothing can be missing.
        lost = self._options.follow or PARTITION not in resume.caught_up
        _log.warning("file_replaced", source=self.name, records_before=skip, rest_may_be_lost=lost)
        return _Start(0, known=False, anew=True, lost=lost)

    def _cut(self, skip: int) -> str:
        return (
            f"{self._path}: holds less than was read before ({skip} records): it was cut, and what"
            " to read cannot be told; put it back as it was and append to it, or give the collector"
            " another `name` to read all of it as a new source"
        )

    def _batches(
        self,
        opened: _Opened,
        schema: EventSchema,
        start: _Start,
        size: Callable[[], int] | None,
    ) -> Iterator[Item]:
        decoder = self._decoder(schema, opened.header)
        skip, known, anew = start.skip, start.known, start.anew
        position, line = 0, 0
        batch_size = self._options.batch_size
        for part in batched(opened.parts, size or (lambda: batch_size)):
            if self._stop.is_set():
                return
            if not part.records:
                if position < skip:
                    raise CollectorError(self._cut(skip))
                yield self._status(caught_up=True)
                self._stop.wait(_POLL)
                continue
            before, position, line = position, position + len(part.records), part.lines[-1]
            first = min(max(skip - before, 0), len(part.records))
            # What an earlier version has read has no identity in the store yet.
            if first < len(part.records) or (position >= skip and not known):
                batch = decoder.decode(
                    self.name,
                    PARTITION,
                    part.records[first:],
                    part.lines[first:],
                    position,
                    first_row=before + first,
                )
                identity = identity_of(opened.file, self._id_key)
                yield replace(batch, identity=identity, anew=anew)
                known, anew = True, False
        if self._stop.is_set():
            return
        problem = opened.file.problem
        if problem is not None:
            # One record at least is not whole; what it held is not known.
            empty = decoder.decode(self.name, PARTITION, [], [], position)
            identity = identity_of(opened.file, self._id_key)
            # Where nothing new was read, an earlier start has told of it.
            is_told = 0 < skip == position
            rejected = () if is_told else (Rejected("truncated", line + 1, 0, problem),)
            yield replace(empty, identity=identity, rejected=rejected)
            problem = f"{self._path}: {problem} after {position} records; what was read is counted"
        elif position < skip:
            problem = self._cut(skip)
        yield EndOfInput(self.name, problem)

    def _await_schema(self, resume: Resume) -> SchemaResolved | None:
        """Return the resolved schema; None if the file has no record (`follow` waits for one)."""
        while True:
            resolved = self._read_schema(resume)
            if resolved is not None or not self._options.follow or self._stop.is_set():
                return resolved
            self._stop.wait(_POLL)

    def _read_schema(self, resume: Resume) -> SchemaResolved | None:
        opened = self._open(follow=False)
        try:
            records: list[bytes] = []
            for part in opened.parts:
                records += part.records[: infer.SAMPLE - len(records)]
                if len(records) == infer.SAMPLE:
                    break
        finally:
            opened.file.close()
        if not records:
            return None
        schema, notes = resume.schema or self._schema, tuple[str, ...]()
        if self._csv:
            schema, notes = align(schema, opened.header)
        if resume.schema is None:
            schema, inferred = self._infer(schema, records, opened.header)
            notes += inferred
        self._decoder(schema, opened.header)
        return SchemaResolved(self.name, schema, notes)

    def _infer(
        self, schema: EventSchema, records: list[bytes], header: tuple[str, ...]
    ) -> tuple[EventSchema, tuple[str, ...]]:
        if self._csv:
            sample = CsvDecoder.sample(records, header, self._options.delimiter)
        else:
            sample = self._format().sample(records)
            begins = records[0].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
            if begins == b"[" and not sample and not schema.is_resolved():
                raise CollectorError(
                    f"{self._path}: begins with a list; write one object per line, such as with "
                    "`jq -c '.[]'`"
                )
        try:
            return infer.resolve(schema, sample, flat=self._csv)
        except CollectorError as error:
            raise CollectorError(f"{self._path}: {error}") from error

    def _decoder(self, schema: EventSchema, header: tuple[str, ...]) -> Decoder:
        try:
            if self._csv:
                return CsvDecoder(schema, self._id_key, header, self._options.delimiter)
            return self._format()(schema, self._id_key)
        except CollectorError as error:
            raise CollectorError(f"{self._path}: {error}") from error

    def _format(self) -> Format:
        try:
            return load(self._options.decoder)
        except KeyError as error:
            raise CollectorError(f"collectors[].decoder: {error.args[0]}") from None

    def _open(self, *, follow: bool) -> _Opened:
        file = FileBytes(self._path, follow=follow)
        if not self._csv:
            return _Opened(file, (), line_records(file))
        parts = csv_records(file, self._options.delimiter)
        try:
            return _Opened(file, *read_header(parts, self._path, self._options.delimiter))
        except CollectorError:
            file.close()
            raise

    def _status(self, *, caught_up: bool) -> SourceStatus:
        one = frozenset({PARTITION})
        return SourceStatus(
            source=self.name, assigned=one, total=1, caught_up=one if caught_up else frozenset()
        )

    def _nothing(self) -> str:
        what = "a header at most, and no record" if self._csv else "no record"
        return f"{self._path}: there is {what} in it ({_size(self._path)})"


def format_by_extension(path: Path) -> str | None:
    """Return what a file holds by its name, `csv` or `jsonl`; None if that does not tell."""
    return _FORMATS.get(_suffix(path))


def _suffix(path: Path) -> str:
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower()


def _format_of(options: FileOptions) -> str:
    if options.format != "auto":
        return options.format
    path, suffix = options.path, _suffix(options.path)
    found = format_by_extension(path)
    if found is not None:
        return found
    known = ", ".join(_FORMATS)
    if suffix in {".parquet", ".pq"}:
        raise CollectorError(
            f"{path}: Parquet is not supported yet; convert it to one of {known} (each also .gz)"
        )
    raise CollectorError(
        f"{path}: its extension does not say what it holds; it can be {known} (each also .gz), "
        "or set collectors[].format to csv or jsonl"
    )


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size:,} bytes" if size < 10**6 else f"{size / 1e6:,.1f} MB"
