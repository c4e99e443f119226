"""Builds an event batch from columns of values, part by part; every decoder ends here."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from collectors.batch import NO_ID, Checksums, Codes, EventBatch, Floats, Hashes, Ints
from collectors.decoders.columns import (
    DECIDED_AT,
    EVENT_ID,
    EVENT_TIME,
    EXTRAS,
    RECORDED_TIME,
    REVIEW_SECONDS,
    REVIEWER,
    Role,
    columns_of,
)
from collectors.decoders.dictionary import Dictionary
from collectors.decoders.draft import (
    Draft,
    keep_labels_alone,
    row_times,
    spare_label_records,
    to_batch,
)
from collectors.decoders.identity import IdHash
from collectors.decoders.native import NativeReader, Read
from collectors.decoders.times import MISSING, TimeReader
from collectors.decoders.values import MISMATCH
from collectors.schema import EventSchema, TimeRule

Reader = Callable[[Any], Any]
"""One of the functions of `values.py`."""


class Assembler:
    """For one batch at a time: `begin`, then `add` for every part, then `finish`.

    `columns` are the schema's; values are given in their order.  `readers` says how the values of
    texts, outcomes and ids are read.
    """

    def __init__(self, schema: EventSchema, id_key: bytes, readers: Mapping[Role, Reader]) -> None:
        self.columns = columns_of(schema)
        self._schema = schema
        self._read_id = readers[Role.IDENTIFIER]
        self._hash = IdHash(id_key)
        self._clock = TimeReader(schema.timezone)
        self._numbers = [i for i, c in enumerate(self.columns) if c.role is Role.NUMBER]
        self._dictionaries = {
            i: Dictionary(readers[c.role])
            for i, c in enumerate(self.columns)
            if c.role in (Role.TEXT, Role.OUTCOME)
        }
        self._may_lack_time = schema.label is not None and schema.id is not None
        self._bad_times: list[int] = []
        self._gathered: dict[int, list[Any]] = {
            i: [] for i, c in enumerate(self.columns) if c.role in (Role.TIME, Role.IDENTIFIER)
        }
        self._floats: Floats = np.empty((0, 0))
        self._codes: Codes = np.empty((0, 0), np.int32)
        self.draft = _new_draft(0)

    def begin(self, n: int) -> None:
        """Start a batch of `n` records."""
        self.trim()
        self._gathered = {i: [None] * n for i in self._gathered}
        self._floats = np.empty((len(self._numbers), n))
        self._codes = np.empty((len(self._dictionaries), n), np.int32)
        self._bad_times = []
        self.draft = _new_draft(n)

    def native_reader(self) -> NativeReader:
        """Return a compiled reader that shares this assembler's dictionaries."""
        return NativeReader(self.columns, list(self._dictionaries.values()))

    def trim(self) -> bool:
        """Empty dictionaries that have grown too large, and tell; only between batches."""
        return sum(dictionary.trim() for dictionary in self._dictionaries.values()) > 0

    def begin_with(self, read: Read) -> None:
        """Start a batch that was read already, but for the rows in `read.refused`."""
        self._floats, self._codes = read.numbers, read.codes
        self._gathered = dict(zip(self._gathered, read.gathered, strict=True))
        self._bad_times = []
        self.draft = _new_draft(len(read.bodies))

    def forget_texts(self, column: int) -> None:
        """Empty a column's dictionary, because its keys will be of other types from now on."""
        self._dictionaries[column].clear()

    def add(self, start: int, stop: int, values: Sequence[Sequence[Any]]) -> None:
        """Take the next records: `values[i]` are those of column i.

        Numbers are floats or None; texts and outcomes anything their reader takes.
        """
        for row, i in enumerate(self._numbers):
            self._floats[row, start:stop] = _floats(values[i])
        for row, (i, dictionary) in enumerate(self._dictionaries.items()):
            self._codes[row, start:stop] = dictionary.encode(values[i])
        for i, gathered in self._gathered.items():
            gathered[start:stop] = values[i]

    def finish(
        self,
        body: Checksums,
        *,
        source: str,
        partition: str,
        offsets: Ints,
        next_offset: int,
        first_row: int | None,
    ) -> EventBatch:
        """Return the batch; all `n` records have been added."""
        draft = self.draft
        draft.body = body
        if isinstance(self._schema.time, TimeRule):
            draft.event_time = row_times(self._schema.time, draft.n, first_row, offsets)
        for i, values in self._gathered.items():
            self._read_gathered(self.columns[i].key, self.columns[i].path, values)
        self._name_columns()
        if self._schema.labels_only:
            keep_labels_alone(draft)
        elif self._may_lack_time and draft.rejected:
            spare_label_records(draft, self._bad_times)
        return to_batch(
            draft,
            self._schema,
            source=source,
            partition=partition,
            offsets=offsets,
            next_offset=next_offset,
        )

    def _read_gathered(self, key: str, path: str, values: list[Any]) -> None:
        draft = self.draft
        if key == EVENT_ID:
            draft.event_id = self._hashes(key, values)
            return
        if key == EXTRAS + REVIEWER:
            draft.reviewer = self._hashes(key, values)
            return
        times = self._clock.read(values)
        if key == EVENT_TIME:
            draft.event_time = times.microseconds
            self._bad_times = [row for row in times.reasons if row not in draft.rejected]
            for row, reason in times.reasons.items():
                draft.rejected.setdefault(row, (reason, f"field {path}"))
        elif key == RECORDED_TIME:
            draft.recorded_time = times.microseconds
            draft.flag(key, [row for row, why in times.reasons.items() if why != MISSING])
        elif key == EXTRAS + DECIDED_AT:
            draft.decided_at = times.microseconds
            unread = [row for row, why in times.reasons.items() if why != MISSING]
            draft.flag(EXTRAS + REVIEW_SECONDS, unread)

    def _hashes(self, key: str, values: list[Any]) -> Hashes:
        if set(map(type, values)) != {str}:
            values = [self._read_id(value) for value in values]
            self.draft.flag(key, [row for row, text in enumerate(values) if text is MISMATCH])
            values = [text if isinstance(text, str) else "" for text in values]
        return self._hash.hashes(values)

    def _name_columns(self) -> None:
        number_row = {i: row for row, i in enumerate(self._numbers)}
        text_row = {i: row for row, i in enumerate(self._dictionaries)}
        for i, column in enumerate(self.columns):
            if i in number_row:
                self.draft.columns[column.key] = self._floats[number_row[i]]
            elif i in text_row:
                codes = self._codes[text_row[i]]
                self.draft.columns[column.key] = self._dictionaries[i].column(codes)


def _floats(values: Sequence[Any]) -> Floats:
    try:
        # More than twice as fast as asking numpy, which looks at each object's type.
        return np.frombuffer(struct.pack(f"{len(values)}d", *values))
    except struct.error:  # None among them, which numpy takes for NaN
        return np.array(values, dtype=np.float64)


def _new_draft(n: int) -> Draft:
    return Draft(
        n,
        event_time=np.zeros(n, np.int64),
        event_id=np.full(n, NO_ID, np.uint64),
        body=np.zeros(n, np.uint32),
    )
