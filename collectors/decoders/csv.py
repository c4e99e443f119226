"""CSV records (RFC 4180) to columns.  Each record comes as its own bytes, the header beforehand."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from crc32c import crc32c

from collectors.base import CollectorError
from collectors.batch import EventBatch, Ints
from collectors.decoders.assemble import Assembler
from collectors.decoders.base import MAX_RECORD_BYTES, Record
from collectors.decoders.columns import EVENT_TIME, Column, Role
from collectors.decoders.lenient import TOO_LARGE, Unreadable
from collectors.decoders.values import (
    NAN,
    Mismatch,
    cell_number,
    cell_outcome,
    cell_text,
    cell_value,
)
from collectors.schema import EventSchema

CHUNK = 256
"""Records read at a time; see `collectors.decoders.json.CHUNK`."""

_READERS: dict[Role, Callable[[Any], Any]] = {
    Role.IDENTIFIER: cell_text,
    Role.TEXT: cell_text,
    Role.OUTCOME: cell_outcome,
}
_SEPARATOR = "\x1f"

Row = Sequence[str]


class CsvDecoder:
    """Decodes CSV records; fits `collectors.decoders.base.Decoder`.

    `header` names the cells; a path of the schema is one of these names, literally.  A path that
    is not among them is missing in every record; `CollectorError` if it is that of the time.
    """

    def __init__(
        self, schema: EventSchema, id_key: bytes, header: Sequence[str] = (), delimiter: str = ","
    ) -> None:
        self._assembler = Assembler(schema, id_key, _READERS)
        self._cell_of = [_cell(column, header) for column in self._assembler.columns]
        self._width = len(header)
        self._blank = [""] * self._width
        self._delimiter = delimiter

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
        n = len(records)
        self._assembler.begin(n)
        body = np.zeros(n, np.uint32)
        for start in range(0, n, CHUNK):
            rows = self._rows(records[start : start + CHUNK], start)
            stop = start + len(rows)
            # Of the cells, not of the raw bytes: how a cell is quoted is not its content.
            joined = map(str.encode, map(_SEPARATOR.join, rows))
            body[start:stop] = np.fromiter(map(crc32c, joined), np.uint32, len(rows))
            cells: list[Row] = [*zip(*rows, strict=True), [""] * len(rows)]
            self._assembler.add(start, stop, self._values(cells, start))
        return self._assembler.finish(
            body,
            source=source,
            partition=partition,
            offsets=np.asarray(offsets, dtype=np.int64),
            next_offset=next_offset,
            first_row=first_row,
        )

    @staticmethod
    def sample(
        records: Sequence[Record], header: Sequence[str] = (), delimiter: str = ","
    ) -> list[Mapping[str, object]]:
        """Return the readable ones of `records`, with numbers and booleans as such."""
        rows = (read_row(record, len(header), delimiter) for record in records)
        return [
            dict(zip(header, map(cell_value, row), strict=True))
            for row in rows
            if not isinstance(row, Unreadable)
        ]

    def _rows(self, records: Sequence[Record], start: int) -> list[Row]:
        """Return the cells of every record, blank ones where it is rejected."""
        try:
            if max(map(len, records)) <= MAX_RECORD_BYTES:
                texts = [str(record, "utf-8") for record in records]
                rows: list[Row] = list(csv.reader(texts, delimiter=self._delimiter, strict=True))
                # An open quote runs into the next record, which makes the numbers differ.
                if len(rows) == len(records) and set(map(len, rows)) == {self._width}:
                    return rows
        except (csv.Error, UnicodeDecodeError):
            pass  # one of them; each is read by itself, and the culprit is rejected
        rows = []
        for i, record in enumerate(records):
            row = read_row(record, self._width, self._delimiter)
            if isinstance(row, Unreadable):
                self._assembler.draft.rejected[start + i] = (row.reason, row.detail)
                row = self._blank
            rows.append(row)
        return rows

    def _values(self, cells: Sequence[Row], start: int) -> list[Sequence[Any]]:
        values: list[Sequence[Any]] = []
        for column, at in zip(self._assembler.columns, self._cell_of, strict=True):
            if column.role is Role.NUMBER:
                values.append(self._numbers(column.key, cells[at], start))
            elif column.role is Role.IDENTIFIER:
                values.append(_ids(cells[at]))
            else:
                values.append(cells[at])
        return values

    def _numbers(self, key: str, cells: Row, start: int) -> Sequence[float | None]:
        # float() also takes 1_000 and the digits of other scripts, which no producer means.
        joined = "".join(cells)
        if "_" not in joined and joined.isascii():
            try:
                return list(map(float, cells))
            except ValueError:
                pass  # blank or no number; each is looked at
        read = list(map(cell_number, cells))
        wrong = [row for row, value in enumerate(read) if isinstance(value, Mismatch)]
        self._assembler.draft.flag(key, [start + row for row in wrong])
        return [None if isinstance(value, Mismatch) else value for value in read]


def _ids(cells: Row) -> Row:
    """Return the cells with NaN, which is no id, as blank: else they would repeat each other."""
    return cells if NAN.isdisjoint(cells) else ["" if cell in NAN else cell for cell in cells]


def read_row(record: Record, width: int, delimiter: str) -> Row | Unreadable:
    """Return the cells of one record, or why it has not `width` of them."""
    row = read_cells(record, delimiter)
    if not isinstance(row, Unreadable) and len(row) != width:
        return Unreadable("csv_columns", f"{len(row)} cells, the header has {width}")
    return row


def read_cells(record: Record, delimiter: str) -> Row | Unreadable:
    """Return the cells of one record, or why it cannot be read."""
    if len(record) > MAX_RECORD_BYTES:
        return TOO_LARGE
    try:
        text = str(record, "utf-8")
    except UnicodeDecodeError as error:
        return Unreadable("bad_encoding", f"not UTF-8 at byte {error.start}")
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return Unreadable("csv_syntax", str(error))
    return rows[0] if len(rows) == 1 else []


def _cell(column: Column, header: Sequence[str]) -> int:
    """Return the place of a column's cell, the one after the last if it has none."""
    if column.path in header:
        return list(header).index(column.path)
    if column.key == EVENT_TIME:
        raise CollectorError(
            f"there is no column {column.path!r} in the CSV header, where systems[].event.time "
            f"points to; it has: {', '.join(header)}"
        )
    return len(header)
