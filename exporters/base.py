"""The exporter's contract: what it receives, what it promises, what it may raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from exporters.tracing import TraceRef
from policies.model import Alert, Outgoing, Report


class ExportError(Exception):
    """A delivery that failed.  `retry` tells whether the same call may succeed later."""

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.retry = retry


class Numbered(NamedTuple):
    """An outgoing item and its place in the store's outbox; numbers only grow, without reuse.

    `trace` is the span that it came of; None without tracing, and after a restart.
    """

    number: int
    item: Outgoing
    trace: TraceRef | None = None


class Standing(NamedTuple):
    """What stands when the agent starts, restored from the store.

    `reports` are the newest of each (system, model version, window length), `alerts` the firing
    ones.
    """

    reports: Sequence[Report]
    alerts: Sequence[Alert]


class Exporter(Protocol):
    """Sends outgoing items somewhere.  All methods are called by the exporter's own thread.

    An exporter picks what concerns it and ignores the rest.  `export` is at-least-once: after a
    crash the same numbered items come again, and an exporter for which twice matters (the audit
    log) recognises them.
    """

    name: str
    required: bool
    """A required exporter holds the acknowledgement until `export` has returned."""

    # Only an exporter whose `takes_withheld` is True is given what reports withhold (contract C8):
    # the audit log, which seals it.

    def check(self) -> str:
        """Test the connection or target and return one line about it; raise `ExportError`."""
        ...

    def start(self, standing: Standing) -> None:
        """Open files and sockets; restore what stands.  Raises `ExportError` at start-up only."""
        ...

    def export(self, items: Sequence[Numbered]) -> None:
        """Deliver, in order; return when it is done (for `required`: durable).

        Raises `ExportError`; nothing of `items` counts as delivered then, all of it comes again.
        """
        ...

    def tick(self, now: float) -> None:
        """Do periodic work (`now`: epoch seconds); called about once a second between exports."""
        ...

    def stop(self, timeout: float) -> None:
        """Flush and close within `timeout` seconds; safe without `start`, and twice."""
        ...
