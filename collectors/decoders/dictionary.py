"""Dictionary coding: a column of values as small integers and the texts they stand for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from collectors.batch import Categorical, Codes
from collectors.decoders.values import Mismatch

MAX_ENTRIES = 20_000
MAX_CHARACTERS = 16_000_000

MISSING = -1


class Dictionary(dict[Any, int]):
    """Gives each value a code; remembered from batch to batch, so a known value costs one look-up.

    `read` returns a value's text, or None if it is missing.  Equal keys must have equal texts:
    a dictionary that sees both 1 and true needs a `read` that makes no difference between them.
    """

    def __init__(self, read: Callable[[Any], str | Mismatch | None]) -> None:
        super().__init__()
        self._read = read
        self._codes: dict[str, int] = {}
        self._texts: tuple[str, ...] = ()
        self._characters = 0

    def __missing__(self, value: object) -> int:
        text = self._read(value)
        code = MISSING
        if isinstance(text, str):
            code = self._codes.setdefault(text, len(self._codes))
            self._characters += len(text)
        if value == value:  # NaN equals no key: remembered, it would be added again and again
            self[value] = code
        return code

    def encode(self, values: Sequence[object]) -> Codes:
        """Return the code of each of `values`."""
        if len(values) < 2:  # of one key, `itemgetter` gives no tuple
            return np.fromiter(map(self.__getitem__, values), np.int32, len(values))
        # A third faster than asking for one value at a time.
        return np.frombuffer(struct.pack(f"{len(values)}i", *itemgetter(*values)(self)), np.int32)

    def column(self, codes: Codes) -> Categorical:
        """Return `codes` with their texts; later calls do not change what was returned."""
        if len(self._texts) != len(self._codes):
            self._texts = tuple(self._codes)
        return Categorical(codes, self._texts)

    def trim(self) -> bool:
        """Forget everything once there is too much of it, and tell; only between batches."""
        if len(self) <= MAX_ENTRIES and self._characters <= MAX_CHARACTERS:
            return False
        self.clear()
        self._codes.clear()
        self._texts, self._characters = (), 0
        return True
