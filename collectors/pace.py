"""Replays a file at a multiple of event time."""

from __future__ import annotations

import time
from collections.abc import Callable

from collectors.batch import EventBatch

_STEP = 0.1
"""Seconds: about how much time one batch should span, so that the replay flows evenly."""


class Pace:
    """Says when each batch is due, from the event times of the first one on.

    `speed` is event time per wall time.  `clock` gives monotonic seconds.
    """

    def __init__(
        self, speed: float, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._speed = speed * 1_000_000
        self._most = most
        self._size = 1
        self._clock = clock
        self._start: tuple[float, int] | None = None
        self._latest = 0

    def size(self) -> int:
        """Return how many records the next batch should have."""
        return self._size

    def until_due(self, batch: EventBatch) -> float:
        """Return the seconds to wait until the newest event of `batch` has happened."""
        if batch.n == 0:
            return 0.0
        newest = int(batch.event_time.max())
        if self._start is None:
            self._start = (self._clock(), newest)
            self._latest = newest
        if newest > self._latest:
            self._fit(newest - self._latest, batch.n)
            self._latest = newest
        began, first = self._start
        return began + (newest - first) / self._speed - self._clock()

    def _fit(self, span: int, records: int) -> None:
        """Choose the next size so that a batch spans about `_STEP`."""
        wanted = int(records * _STEP * self._speed / span)
        self._size = max(1, min(wanted, 2 * self._size, self._most))
