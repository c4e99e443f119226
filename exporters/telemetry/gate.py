"""How much may wait for a slow endpoint, and what became of it, counted."""

from __future__ import annotations

import os
import threading

from exporters.agent_metrics import AgentMetrics
from exporters.log import RateLimited, get_logger

_logger = get_logger(__name__)

QUEUE, BATCH = 2_048, 512
"""Items that may wait, and that are sent at once, unless the environment says otherwise."""


def limits(kind: str) -> tuple[int, int]:
    """Return how many items may wait, and how many are sent at once (never more than may wait).

    `kind` is the middle of `OTEL_<kind>_MAX_QUEUE_SIZE`: `BSP` for spans, `BLRP` for log records.
    """
    queue = int(os.environ.get(f"OTEL_{kind}_MAX_QUEUE_SIZE") or QUEUE)
    batch = int(os.environ.get(f"OTEL_{kind}_MAX_EXPORT_BATCH_SIZE") or BATCH)
    return queue, min(batch, queue)


class Gate:
    """Admits at most `capacity` waiting items of one signal; thread-safe.

    What is refused and what could not be delivered is counted in
    `pantau_telemetry_items_dropped_total`, and told at most once a minute.
    """

    def __init__(
        self, signal: str, capacity: int, metrics: AgentMetrics, batch: int = BATCH
    ) -> None:
        self.signal, self.capacity, self.batch = signal, capacity, min(batch, capacity)
        self._metrics = metrics
        self._log = RateLimited(_logger)
        self._lock = threading.Lock()
        self._waiting = 0
        self._failing = False

    @property
    def waiting(self) -> int:
        """Items admitted and not yet taken for delivery."""
        return self._waiting

    def admit(self) -> bool:
        """Tell whether one more may wait; if not it is counted as dropped."""
        with self._lock:
            if self._waiting < self.capacity:
                self._waiting += 1
                return True
        self._metrics.telemetry_dropped(self.signal, "queue_full")
        return False

    def take(self, items: int) -> None:
        """Note that `items` wait no more: they are being delivered."""
        with self._lock:
            self._waiting = max(0, self._waiting - items)

    def delivered(self, items: int) -> None:
        """Note a success."""
        self._metrics.telemetry_delivered(self.signal, items)
        if self._failing:
            self._failing = False
            self._log.forget("telemetry_failed")
            _logger.info("telemetry_recovered", signal=self.signal)

    def failed(self, items: int) -> None:
        """Note that the endpoint did not take `items`; they are not sent again."""
        self._metrics.telemetry_dropped(self.signal, "failed", items)
        self._failing = True
        self._log.log("warning", "telemetry_failed", signal=self.signal, items=items)
