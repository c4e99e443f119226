"""JSON records to columns: a fast decoder for nearly all of them, a patient one for the rest.

The fast one is compiled where it is installed (see `native`), else msgspec with types made for the
schema; all give the same event for the same record.  The types follow the stream: where many values
of a field are of a kind that the typed decoder refuses, the field's type is widened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from crc32c import crc32c

from collectors.batch import Checksums, EventBatch, Ints
from collectors.decoders.assemble import Assembler
from collectors.decoders.base import MAX_RECORD_BYTES, Record
from collectors.decoders.columns import Role
from collectors.decoders.leaves import Leaf
from collectors.decoders.lenient import Unreadable, parse, without_nan
from collectors.decoders.native import AVAILABLE, NativeReader
from collectors.decoders.structs import build, make_types, order_as, transpose, tree_of, values_at
from collectors.decoders.values import (
    MISMATCH,
    NotUnicodeError,
    identifier,
    number,
    outcome,
    text,
)
from collectors.schema import EventSchema

CHUNK = 256
"""Records decoded at a time: their objects stay in the processor's cache until they are columns."""

WIDEN_AFTER, WIDEN_SHARE = 1_000, 0.02
"""After so many records, a field is widened if more than this share of its values was refused."""

_READERS: dict[Role, Callable[[Any], Any]] = {
    Role.IDENTIFIER: identifier,
    Role.NUMBER: number,
    Role.TEXT: text,
    Role.OUTCOME: outcome,
}


class JsonDecoder:
    """Decodes JSON objects; fits `collectors.decoders.base.Decoder`.

    `decoder` is the typed decoder in use, which alone is what decoding cannot be faster than.
    """

    def __init__(self, schema: EventSchema, id_key: bytes, header: Sequence[str] = ()) -> None:
        self._assembler = Assembler(schema, id_key, _READERS)
        columns = self._assembler.columns
        paths = list(dict.fromkeys(column.path for column in columns))
        self._leaf_of = [paths.index(column.path) for column in columns]
        self._leaves = [
            Leaf(path, (column.role for column in columns if column.path == path)) for path in paths
        ]
        self._tree = tree_of(paths)
        self._since_widened = 0
        self._ordered = False
        self._native = self._assembler.native_reader() if AVAILABLE else None
        self.decoder: msgspec.json.Decoder[Any]
        self._use_types()

    def decode(
        self,
        source: str,
        partition: str,
        records: Sequence[Record],
        offsets: Sequence[int] | Ints,
        next_offset: int,
        first_row: int | None = None,
    ) -> EventBatch:
        """Return the events of `records`; see `Decoder.decode`."""
        bodies = (
            self._decode_natively(self._native, records)
            if self._native is not None and self._native.worthwhile
            else self._decode_all(records)
        )
        return self._assembler.finish(
            bodies,
            source=source,
            partition=partition,
            offsets=np.asarray(offsets, dtype=np.int64),
            next_offset=next_offset,
            first_row=first_row,
        )

    @staticmethod
    def sample(records: Sequence[Record], header: Sequence[str] = ()) -> list[Mapping[str, object]]:
        """Return the objects among `records`."""
        return [found for found in map(parse, records) if isinstance(found, dict)]

    def _decode_natively(self, native: NativeReader, records: Sequence[Record]) -> Checksums:
        if self._assembler.trim():
            native.forget()
        read = native.read(records)
        self._assembler.begin_with(read)
        for start, stop in _runs(read.refused):
            self._decode_rows(records, start, stop)
        return read.bodies

    def _decode_all(self, records: Sequence[Record]) -> Checksums:
        self._assembler.begin(len(records))
        self._decode_rows(records, 0, len(records))
        return np.fromiter(map(crc32c, records), np.uint32, len(records))

    def _decode_rows(self, records: Sequence[Record], start: int, stop: int) -> None:
        if start < stop and not self._ordered:
            self._follow_order(records[start])
        self._widen()
        self._since_widened += stop - start
        for first in range(start, stop, CHUNK):
            self._decode_chunk(records[first : min(first + CHUNK, stop)], first)

    def _decode_chunk(self, records: Sequence[Record], start: int) -> None:
        structs = self._structs(records, start)
        of_leaf: list[Sequence[Any]] = [()] * len(self._leaves)
        transpose(self._tree, structs, of_leaf)
        values = [of_leaf[leaf] for leaf in self._leaf_of]
        for i in self._loose:
            values[i] = self._look_at_each(i, values[i], start)
        self._assembler.add(start, start + len(records), values)

    def _structs(self, records: Sequence[Record], start: int) -> list[Any]:
        """Return a struct for every record, an empty one where it is rejected."""
        if max(map(len, records)) > MAX_RECORD_BYTES:
            return [self._patiently(record, start + i) for i, record in enumerate(records)]
        structs: list[Any] = []
        rest = iter(records)
        while True:
            try:
                # What was appended before an exception stays, so the culprit is the next one.
                structs.extend(map(self.decoder.decode, rest))
            except Exception:  # noqa: BLE001 - whatever it is, the patient decoder names it
                i = len(structs)
                structs.append(self._patiently(records[i], start + i))
            else:
                return structs

    def _patiently(self, record: Record, row: int) -> Any:
        if len(record) <= MAX_RECORD_BYTES:
            cleaned = without_nan(record)
            if cleaned is not None:
                try:
                    return self.decoder.decode(cleaned)
                except msgspec.DecodeError:
                    pass  # NaN was not all there is
        found = parse(record)
        if isinstance(found, Unreadable):
            self._assembler.draft.rejected[row] = (found.reason, found.detail)
            return self._tree.empty
        try:
            return build(self._tree, self._read_all(found, row))
        except NotUnicodeError as error:
            self._assembler.draft.rejected[row] = ("bad_encoding", str(error))
            return self._tree.empty

    def _read_all(self, found: Mapping[str, Any], row: int) -> list[Any]:
        """Return the value of each leaf in a form that its present type lets through."""
        values: list[Any] = [None] * len(self._leaves)
        values_at(self._tree, found, values)
        raw = list(values)
        for column, place in zip(self._assembler.columns, self._leaf_of, strict=True):
            if column.role is Role.TIME:
                continue
            leaf = self._leaves[place]
            read = _READERS[column.role](raw[place])
            if not leaf.loose:
                leaf.count(raw[place])
                values[place] = read
                if read is MISMATCH:
                    values[place] = None
                    self._assembler.draft.flag(column.key, [row])
        return values

    def _look_at_each(self, i: int, values: Sequence[Any], start: int) -> Sequence[Any]:
        column = self._assembler.columns[i]
        read = list(map(_READERS[column.role], values))
        wrong = [row for row, value in enumerate(read) if value is MISMATCH]
        for row in wrong:
            read[row] = None
        self._assembler.draft.flag(column.key, [start + row for row in wrong])
        return read

    def _follow_order(self, record: Record) -> None:
        """Make types anew in the order of a record's keys, which halves the time of decoding."""
        found = parse(record)
        if isinstance(found, dict):
            order_as(self._tree, found)
            self._use_types()
            self._ordered = True

    def _widen(self) -> None:
        """Widen the types of fields that are refused often: one slow field slows whole records."""
        if self._since_widened < WIDEN_AFTER:
            return
        often = WIDEN_SHARE * self._since_widened
        wide = [place for place, leaf in enumerate(self._leaves) if leaf.refused > often]
        for place in wide:
            self._leaves[place].widen()
        for i, column in enumerate(self._assembler.columns):
            if self._leaf_of[i] in wide and column.role in (Role.TEXT, Role.OUTCOME):
                self._assembler.forget_texts(i)
        for leaf in self._leaves:
            leaf.refused = 0
        self._since_widened = 0
        if wide:
            self._use_types()

    def _use_types(self) -> None:
        self._loose = [
            i
            for i, column in enumerate(self._assembler.columns)
            if column.role is not Role.TIME and self._leaves[self._leaf_of[i]].loose
        ]
        make_types(self._tree, [leaf.accepted.type for leaf in self._leaves])
        self.decoder = msgspec.json.Decoder(self._tree.type)


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give each run of consecutive rows as [start, stop)."""
    start = stop = -1
    for row in rows:
        if row != stop:
            if stop >= 0:
                yield start, stop
            start = row
        stop = row + 1
    if stop >= 0:
        yield start, stop
