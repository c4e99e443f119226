"""One budget of time that several steps share, on a clock that never steps."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A point in monotonic time; each step of a stop gets what the steps before it left."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, never negative."""
        return max(0.0, self._end - self._clock())

    def expired(self) -> bool:
        """Tell whether nothing is left."""
        return self.remaining() <= 0.0
