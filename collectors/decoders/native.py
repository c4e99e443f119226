"""Reading usual JSON records with the compiled reader (crate `native/`), where there is one.

What it refuses, and everything where it is missing, is read by Python: the results are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import structlog
from crc32c import crc32c

from collectors.batch import Checksums, Codes, Floats
from collectors.decoders.base import MAX_RECORD_BYTES, Record
from collectors.decoders.columns import Column, Role
from collectors.decoders.dictionary import Dictionary

try:
    from collectors.decoders._columns import Reader
except ImportError:
    Reader = None  # type: ignore[assignment, misc]

_log = structlog.get_logger(__name__)

AVAILABLE = Reader is not None

GIVE_UP_AFTER, GIVE_UP_SHARE = 1_000, 0.1
"""After so many records, the reader is dropped if it refused more than this share of them."""


Leaf = tuple[list[str], list[int], list[int], list[int], list[int]]
"""Keys from the root, and columns among the numbers, texts, outcomes and gathered values."""

Raw = tuple[bytearray, bytearray, list[list[object]], bytearray, list[int]]
"""Numbers, codes, gathered values, checksums, refused rows."""

_NUMBERS, _CODES, _GATHERED = range(3)
_PLACE: dict[Role, tuple[int, int]] = {
    Role.NUMBER: (1, _NUMBERS),
    Role.TEXT: (2, _CODES),
    Role.OUTCOME: (3, _CODES),
    Role.TIME: (4, _GATHERED),
    Role.IDENTIFIER: (4, _GATHERED),
}
"""Where a role's columns stand in a leaf, and with which others they are numbered."""


class Read(NamedTuple):
    """`numbers` float64[r, n], `codes` int32[d, n]: rows as the columns of that role come.

    `gathered` holds the values of times and ids.  The cells of the rows in `refused` hold anything.
    """

    numbers: Floats
    codes: Codes
    gathered: list[list[object]]
    bodies: Checksums
    refused: list[int]


class NativeReader:
    """Reads batches for the columns of a schema; `dictionaries` are those of its text columns."""

    def __init__(self, columns: Sequence[Column], dictionaries: Sequence[Dictionary]) -> None:
        self._reader = Reader(_leaves(columns), list(dictionaries), MAX_RECORD_BYTES)
        numbers = sum(column.role is Role.NUMBER for column in columns)
        self._shape = numbers, len(dictionaries), len(columns) - numbers - len(dictionaries)
        self._records = self._refused = 0

    @property
    def worthwhile(self) -> bool:
        """Whether the stream is such that this saves time."""
        return self._refused <= GIVE_UP_SHARE * max(self._records, GIVE_UP_AFTER)

    def read(self, records: Sequence[Record]) -> Read:
        """Read `n` records."""
        n = len(records)
        whole = [record if type(record) is bytes else bytes(record) for record in records]
        numbers, codes, gathered, bodies, refused = self._read(whole)
        self._records += n
        self._refused += len(refused)
        return Read(
            np.frombuffer(numbers, np.float64).reshape(self._shape[0], n),
            np.frombuffer(codes, np.int32).reshape(self._shape[1], n),
            gathered,
            np.frombuffer(bodies, np.uint32),
            refused,
        )

    def _read(self, records: list[bytes]) -> Raw:
        try:
            return self._reader.read(records)
        except BaseException as error:
            # How a defect in compiled code shows; it is no `Exception`, and would end the thread.
            if type(error).__name__ != "PanicException":
                raise
            _log.error("json_reader_failed", records=len(records))
            self._refused = GIVE_UP_AFTER + self._records
            return self._nothing(records)

    def _nothing(self, records: list[bytes]) -> Raw:
        """Return what a reader gives that refused every record."""
        n = len(records)
        numbers, codes, gathered = self._shape
        bodies = np.fromiter(map(crc32c, records), np.uint32, n)
        return (
            bytearray(8 * numbers * n),
            bytearray(4 * codes * n),
            [[None] * n for _ in range(gathered)],
            bytearray(bodies.tobytes()),
            list(range(n)),
        )

    def forget(self) -> None:
        """Forget all codes, because a dictionary has forgotten its own."""
        self._reader.forget()


def _leaves(columns: Sequence[Column]) -> list[Leaf]:
    """Return a leaf for each path, with the columns that its value goes to."""
    leaves: dict[str, Leaf] = {}
    used: dict[int, int] = {}
    for column in columns:
        leaf = leaves.setdefault(column.path, (column.path.split("."), [], [], [], []))
        target, group = _PLACE[column.role]
        places: list[int] = leaf[target]  # type: ignore[assignment]
        places.append(used.get(group, 0))
        used[group] = used.get(group, 0) + 1
    return list(leaves.values())
