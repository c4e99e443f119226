"""The audit log's newest checkpoint, for whatever leaves the agent and is remembered elsewhere.

Whoever has once seen `size:root` can show a rollback or a second version of the log, though its
writer's disk was changed: so every copy outside is worth having.
"""

from __future__ import annotations

from typing import NamedTuple


class Checkpoint(NamedTuple):
    """The log `origin` had `size` records and this root (base64)."""

    origin: str
    size: int
    root: str

    def __str__(self) -> str:
        """Return `<origin> <size>:<root>`."""
        return f"{self.origin} {self.size}:{self.root}"


class Published:
    """Holds the newest checkpoint; it may be set and read from any thread."""

    def __init__(self) -> None:
        self._newest: Checkpoint | None = None

    def set(self, checkpoint: Checkpoint) -> None:
        """Take a newer checkpoint."""
        self._newest = checkpoint

    def newest(self) -> Checkpoint | None:
        """Return the newest checkpoint, None before the first."""
        return self._newest
