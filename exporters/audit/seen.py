"""Which record ids are in the log already, in little memory."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections import deque

CHUNK = 8_192


class Seen:
    """Remembers the last `capacity` ids or a little more, in 8 bytes each.

    The outbox sends again only what was not acknowledged, so far fewer would do.  Two ids agree in
    their 64-bit hash with a chance below 1e-9 among 200,000.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self._chunks: deque[array[int]] = deque(maxlen=-(-capacity // CHUNK))
        self._recent: set[int] = set()

    def add(self, record_id: str) -> None:
        """Remember an id."""
        self._recent.add(short_hash(record_id))
        if len(self._recent) >= CHUNK:
            self._chunks.append(array("Q", sorted(self._recent)))
            self._recent.clear()

    def __contains__(self, record_id: str) -> bool:
        number = short_hash(record_id)
        if number in self._recent:
            return True
        for chunk in self._chunks:
            place = bisect_left(chunk, number)
            if place < len(chunk) and chunk[place] == number:
                return True
        return False


def short_hash(record_id: str) -> int:
    """Return 64 bits of the id's BLAKE2b hash."""
    return int.from_bytes(hashlib.blake2b(record_id.encode(), digest_size=8).digest(), "big")
