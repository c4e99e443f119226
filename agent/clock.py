"""The two clocks the agent reads: wall time for people, monotonic time for waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """A source of time; tests give their own."""

    def now(self) -> float:
        """Return wall-clock time in seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Return wall-clock time in seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps."""
        return time.monotonic()


@dataclass
class ManualClock:
    """A clock that moves only when told to."""

    seconds: float = 0.0

    def now(self) -> float:
        """Return the set time."""
        return self.seconds

    def monotonic(self) -> float:
        """Return the set time."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self.seconds += seconds


@dataclass(frozen=True)
class FrozenClock:
    """A clock that stands still: `backtest` takes the time at its start (contract C12)."""

    seconds: float

    def now(self) -> float:
        """Return the frozen time."""
        return self.seconds

    def monotonic(self) -> float:
        """Return the frozen time."""
        return self.seconds
