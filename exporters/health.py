"""Whether the agent is ready, asked of those who know."""

from __future__ import annotations

import threading
from collections.abc import Callable

Check = Callable[[], str | None]
"""Returns None when ready, else a short reason for a person; no secrets, no personal data."""


class Health:
    """The parts that must be ready before the agent is; thread-safe.

    Not ready until `started` was called, so that an agent half-way through its start never reads
    as ready.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, Check] = {}
        self._started = False

    def require(self, name: str, check: Check) -> None:
        """Add a part, or replace the part of that name.  `check` must be quick: probes wait."""
        with self._lock:
            self._checks[name] = check

    def started(self) -> None:
        """Say that the start is done: from here on only the checks count."""
        with self._lock:
            self._started = True

    def reasons(self) -> dict[str, str]:
        """Return what is not ready and why, by part; empty when the agent is ready."""
        with self._lock:
            checks, started = dict(self._checks), self._started
        found = {} if started else {"agent": "starting"}
        for name, check in sorted(checks.items()):
            reason = _ask(check)
            if reason is not None:
                found[name] = reason
        return found

    def ready(self) -> bool:
        """Tell whether nothing is in the way."""
        return not self.reasons()


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that fails is a part that is not ready
        return f"the check itself failed: {type(error).__name__}"
