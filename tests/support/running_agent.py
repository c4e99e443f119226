"""The whole agent inside this process, on a clock that the test may step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config.load import load
from agent.run import Parts, assemble, start, stop


@dataclass
class SteppedClock:
    """The machine's clocks, the wall clock set off by `offset` seconds."""

    offset: float = 0.0

    def now(self) -> float:
        """Return wall-clock time in seconds since the Unix epoch."""
        return time.time() + self.offset

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps."""
        return time.monotonic()


@contextmanager
def running(config: Path, clock: SteppedClock | None = None, *more: Any) -> Iterator[Parts]:
    """Give an agent that runs by a configuration, with `more` exporters; stop it in order."""
    parts = assemble(load(config), clock or SteppedClock(), more)
    try:
        start(parts)
        yield parts
        stop(parts, "test")
    finally:
        parts.store.close()


def eventually(what: Callable[[], Any], timeout: float = 30.0) -> Any:
    """Return the first true result of `what`; fail when time runs out."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout:g} s")
