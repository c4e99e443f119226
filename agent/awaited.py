"""Sources that are waited for after a start, and for how long at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Awaited:
    """The `sources` that have not told yet, and the clock time until which that holds things up."""

    sources: set[str] = field(default_factory=set)
    until: float = 0.0

    @classmethod
    def of(cls, sources: Iterable[str], until: float) -> Awaited:
        """Return what waits for all of these sources."""
        return cls(set(sources), until)

    def holds(self, now: float) -> bool:
        """Tell whether there is still something to wait for."""
        return bool(self.sources) and now < self.until

    def told(self, source: str) -> None:
        """Wait for this source no longer."""
        self.sources.discard(source)
