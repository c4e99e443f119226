"""The decoder's contract: what it is given, what it returns, why it rejects a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from collectors.batch import EventBatch, Ints
from collectors.schema import EventSchema

Record = bytes | bytearray | memoryview
"""The raw bytes of one record; a memoryview is contiguous and of bytes."""

MAX_RECORD_BYTES = 10_000_000
"""A longer record is rejected as `too_large`, unread."""

REASONS = (
    "invalid_json",
    "not_an_object",
    "csv_syntax",
    "csv_columns",
    "bad_encoding",
    "too_large",
    "missing_time",
    "unreadable_time",
    "implausible_time",
    "naive_time",
    "missing_id",
    "missing_label",
    "missing_decision",
)
"""Every reason for which a decoder rejects a record; collectors add their own."""


class Decoder(Protocol):
    """Turns records into event batches by one resolved schema.  Used by one thread.

    The same record gives the same event whatever its neighbours and the size of the batch.
    """

    def decode(
        self,
        source: str,
        partition: str,
        records: Sequence[Record],
        offsets: Sequence[int] | Ints,
        next_offset: int,
        first_row: int | None = None,
    ) -> EventBatch:
        """Return the events of `records`, of which `offsets[i]` is where record i stands.

        Never raises for what is in a record: one that cannot become an event is in
        `EventBatch.rejected`, with a reason out of `REASONS`.  A value of the wrong type is missing
        and flagged in `EventBatch.mismatched`, whose keys are the names of `EventBatch`'s fields
        (`prediction`), and `features.<name>` and `audit.<attribute>` for the columns in its maps.
        `first_row` numbers the first record for a `TimeRule`; without it offsets are row numbers.
        """
        ...


class Format(Protocol):
    """A decoder's class: what stands in the table of decoders."""

    def __call__(self, schema: EventSchema, id_key: bytes, header: Sequence[str] = ()) -> Decoder:
        """Return a decoder for a resolved schema.

        `id_key` (1 to 64 bytes) keys the hash of event ids.  `header` names the cells of a record
        where records do not name them themselves (CSV).  Raises `CollectorError` for a schema that
        no record can satisfy.
        """
        ...

    def sample(
        self, records: Sequence[Record], header: Sequence[str] = ()
    ) -> list[Mapping[str, object]]:
        """Return the readable ones of `records` as mappings, for `collectors.infer.resolve`."""
        ...
