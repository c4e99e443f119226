"""Runs one exporter on its own thread: queue, retry with back-off, drop or hold, stop.

Exporters only say how to send; everything that can go wrong around sending is handled here.

| | required | others |
|---|---|---|
| queue | unbounded; `full` asks the caller to wait | `capacity`; the oldest is dropped, counted |
| failure | retried for ever, `failing_since` is set | retried for ever |
| `ExportError(retry=False)` | retried all the same | that one item is skipped and counted |
| an unexpected exception | retried all the same | retried 5 times, then skipped and counted |
| stop | retried until the deadline | one more attempt, then given up and counted |
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from exporters.agent_metrics import AgentMetrics
from exporters.base import Exporter, ExportError, Numbered, Standing
from exporters.deadline import Deadline
from exporters.defects import calls, kind_and_place
from exporters.log import RateLimited, clean_text, get_logger
from exporters.traced import delivering
from exporters.tracing import Tracer
from policies.model import without_withheld

_MAX_UNEXPECTED = 5

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential back-off with full jitter: attempt k waits uniform(0, min(cap, base * 2^k)).

    Full jitter after Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    base: float = 0.5
    cap: float = 30.0

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Return the seconds to wait after failure number `attempt` (from 0)."""
        return rng.uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt, 32)))


class _Failures:
    """One kind of failing (exporting or ticking): since when, how often, and when to try again."""

    def __init__(self, retry: Retry, monotonic: Callable[[], float]) -> None:
        self._retry, self._monotonic = retry, monotonic
        self._rng = random.Random()  # noqa: S311 - jitter is no secret
        self.count = 0
        self.since: float | None = None
        self.error: str | None = None

    def add(self, error: Exception) -> float:
        """Note a failure; return the seconds to wait."""
        delay = self._retry.delay(self.count, self._rng)
        self.count += 1
        if self.since is None:
            self.since = self._monotonic()
        self.error = _message(error)
        return delay

    def clear(self) -> bool:
        """Note a success; tell whether there was anything to clear."""
        was, self.since, self.error, self.count = self.since is not None, None, None, 0
        return was


class Delivery:
    """One exporter with its thread and queue.

    `submit` and the readers may be called from any thread; `start` and `stop` from one.
    `on_delivered` is called on the exporter's thread after each progress and must not block.
    `monotonic` is the clock of `failing_since`.
    """

    def __init__(
        self,
        exporter: Exporter,
        *,
        capacity: int = 10_000,
        metrics: AgentMetrics,
        on_delivered: Callable[[], None] | None = None,
        retry: Retry | None = None,
        batch: int = 500,
        tick_every: float = 1.0,
        tracer: Tracer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity < 1 or batch < 1:
            raise ValueError("capacity and batch must be at least 1")
        self.exporter = exporter
        self.name, self.required = exporter.name, exporter.required
        self._takes_withheld = getattr(exporter, "takes_withheld", False) is True
        self._capacity, self._batch, self._tick_every = capacity, batch, tick_every
        self._metrics, self._on_delivered, self._tracer = metrics, on_delivered, tracer
        self._log = RateLimited(_logger)
        self._condition = threading.Condition()
        self._queue: deque[Numbered] = deque()
        self._flying = 0
        self._submitted = 0
        self._delivered = 0
        self._alone_until = 0
        self._exporting = _Failures(retry or Retry(), monotonic)
        self._ticking = _Failures(retry or Retry(), monotonic)
        self._unexpected = 0
        self._export_at = self._tick_at = 0.0
        self._deadline: Deadline | None = None
        self._failed_while_stopping = self._stop_failed = False
        self._thread: threading.Thread | None = None

    # The owner's side.

    def start(self, standing: Standing, timeout: float = 30.0) -> None:
        """Start the thread and, on it, the exporter; return when the exporter has started.

        Raises `ExportError` with the exporter's own message, or when `timeout` seconds pass.
        """
        if self._thread is not None:
            raise RuntimeError(f"exporter {self.name} was started before")
        done = threading.Event()
        failed: list[ExportError] = []
        self._thread = threading.Thread(
            target=self._run,
            args=(standing, done, failed),
            name=f"exporter-{self.name}",
            daemon=True,
        )
        self._thread.start()
        if not done.wait(timeout):
            self.close(Deadline(0.0))
            raise ExportError(f"exporter {self.name} did not start within {timeout:g} s")
        if failed:
            raise failed[0]

    def submit(self, items: Sequence[Numbered]) -> None:
        """Queue items in the order of their numbers; never blocks.

        Numbers at or below one submitted before are ignored, so a caller may submit again what it
        is not sure of.
        """
        with self._condition:
            for item in items:
                if item.number > self._submitted:
                    self._submitted = item.number
                    self._queue.append(self._for_it(item))
            if not self.required:
                self._drop_oldest()
            self._publish()
            self._condition.notify_all()

    def _for_it(self, item: Numbered) -> Numbered:
        if self._takes_withheld:
            return item
        return item._replace(item=without_withheld(item.item))

    def delivered(self) -> int:
        """Return the highest number up to which everything submitted is done; 0 at first.

        Done means delivered (for a required exporter: durable); for the others also dropped.
        """
        with self._condition:
            return self._delivered

    def wait_delivered(self, number: int, timeout: float) -> bool:
        """Wait until `delivered` reaches `number`; tell whether it did within `timeout` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: self._delivered >= number, timeout)

    def pending(self) -> int:
        """Return how many items are queued or being delivered."""
        with self._condition:
            return len(self._queue)

    def full(self) -> bool:
        """Tell whether `capacity` items wait: the caller of a required exporter should pause."""
        with self._condition:
            return len(self._queue) >= self._capacity

    @property
    def failing_since(self) -> float | None:
        """When on the monotonic clock this run of failures began; None while all is well."""
        with self._condition:
            times = (self._exporting.since, self._ticking.since)
            return min((t for t in times if t is not None), default=None)

    @property
    def last_error(self) -> str | None:
        """The latest failure's message while failing, without credentials."""
        with self._condition:
            return self._exporting.error or self._ticking.error

    def close(self, deadline: Deadline) -> None:
        """Begin to stop, without waiting; what is queued is still delivered, as the table says."""
        with self._condition:
            if self._deadline is None:
                self._deadline = deadline
                self._export_at = 0.0
                self._condition.notify_all()

    def stop(self, deadline: Deadline) -> bool:
        """Deliver what is queued, stop the exporter and join its thread, all by `deadline`.

        Returns whether everything was delivered and the exporter stopped in time.  Safe without
        `start`, and twice.
        """
        self.close(deadline)
        thread = self._thread
        if thread is None:
            return not self._queue
        thread.join(deadline.remaining())
        if thread.is_alive():
            _logger.error("exporter_stop_timed_out", exporter=self.name, pending=self.pending())
            return False
        with self._condition:
            return not self._queue and not self._stop_failed

    # The exporter's thread.

    def _run(self, standing: Standing, done: threading.Event, failed: list[ExportError]) -> None:
        try:
            self.exporter.start(standing)
        except ExportError as error:
            failed.append(error)
        except Exception as error:  # noqa: BLE001 - the caller gets it as a start-up failure
            failed.append(ExportError(f"exporter {self.name} cannot start: {_message(error)}"))
        if failed:
            self._stop_exporter(Deadline(1.0))
            done.set()
            return
        done.set()
        while not self._finished():
            self._wait()
            if self._export_due():
                self._export()
            if self._tick_due():
                self._tick()
        self._give_up()
        self._stop_exporter(self._deadline or Deadline(0.0))

    def _finished(self) -> bool:
        with self._condition:
            if self._deadline is None:
                return False
            hopeless = self._failed_while_stopping and not self.required
            return not self._queue or hopeless or self._deadline.expired()

    def _wait(self) -> None:
        with self._condition:
            due = [self._tick_at, self._export_at] if self._queue else [self._tick_at]
            timeout = min(due) - time.monotonic()
            if self._deadline is not None:
                timeout = min(timeout, self._deadline.remaining())
            if timeout > 0:
                self._condition.wait(timeout)

    def _export_due(self) -> bool:
        with self._condition:
            return bool(self._queue) and time.monotonic() >= self._export_at

    def _tick_due(self) -> bool:
        with self._condition:
            return self._deadline is None and time.monotonic() >= self._tick_at

    def _export(self) -> None:
        with self._condition:
            alone = self._queue[0].number <= self._alone_until
            items = tuple(islice(self._queue, 1 if alone else self._batch))
            self._flying = len(items)
        started = time.monotonic()
        failure: Exception | None = None
        try:
            with delivering(self._tracer, self.name, items) as traced:
                self.exporter.export(traced)
        except Exception as error:  # noqa: BLE001 - counted and retried; the thread must live
            failure = error
        with self._condition:
            self._flying = 0
        if failure is None:
            self._succeeded(items, time.monotonic() - started)
        else:
            self._failed(items, failure)

    def _succeeded(self, items: Sequence[Numbered], seconds: float) -> None:
        self._metrics.exporter_delivered(self.name, len(items), seconds)
        with self._condition:
            # The one kind of failing does not end with the other.
            recovered = self._exporting.clear() and self._ticking.since is None
            self._unexpected = 0
        if recovered:
            self._recovered()
        self._advance(items[-1].number)

    def _failed(self, items: Sequence[Numbered], error: Exception) -> None:
        self._metrics.exporter_failed(self.name)
        if self._give_up_on(error):
            if len(items) == 1:
                self._skip(items[0], error)
            else:
                # One of these is the culprit: send them one by one, so that only it is lost.
                with self._condition:
                    self._alone_until = items[-1].number
            return
        with self._condition:
            delay = self._exporting.add(error)
            self._export_at = time.monotonic() + delay
            self._failed_while_stopping = self._deadline is not None
            self._publish()
        self._report("delivery_failed", error, delay)

    def _give_up_on(self, error: Exception) -> bool:
        if self.required:
            return False
        if isinstance(error, ExportError):
            return not error.retry
        self._unexpected += 1
        return self._unexpected > _MAX_UNEXPECTED

    def _skip(self, item: Numbered, error: Exception) -> None:
        self._metrics.exporter_dropped(self.name, "rejected")
        self._report("delivery_skipped", error, 0.0)
        with self._condition:
            self._exporting.clear()
            self._unexpected = 0
        self._advance(item.number)

    def _advance(self, number: int) -> None:
        with self._condition:
            while self._queue and self._queue[0].number <= number:
                self._queue.popleft()
            self._delivered = number
            self._publish()
            self._condition.notify_all()
        if self._on_delivered is not None:
            try:
                self._on_delivered()
            except Exception as error:  # noqa: BLE001 - a caller's mistake; deliveries go on
                _logger.error(
                    "delivery_callback_failed",
                    exporter=self.name,
                    error=kind_and_place(error),
                    exception=calls(error),
                )

    def _tick(self) -> None:
        delay = self._tick_every
        try:
            self.exporter.tick(time.time())
        except Exception as error:  # noqa: BLE001 - counted and retried; the thread must live
            self._metrics.exporter_failed(self.name)
            with self._condition:
                delay = max(delay, self._ticking.add(error))
            self._report("delivery_failed", error, delay)
        else:
            with self._condition:
                recovered = self._ticking.clear() and self._exporting.since is None
            if recovered:
                self._recovered()
        with self._condition:
            self._tick_at = time.monotonic() + delay
            self._publish()

    def _drop_oldest(self) -> None:
        excess = len(self._queue) - self._capacity
        if excess <= 0:
            return
        # What is being delivered at this moment is not the caller's to take back.
        for _ in range(excess):
            del self._queue[self._flying]
        self._metrics.exporter_dropped(self.name, "queue_full", excess)
        self._log.log("warning", "delivery_dropped", exporter=self.name, items=excess)

    def _give_up(self) -> None:
        with self._condition:
            left = len(self._queue)
        if left == 0:
            return
        if self.required:
            # They stay in the store's outbox and come again at the next start.
            _logger.error("delivery_incomplete", exporter=self.name, items=left)
        else:
            self._metrics.exporter_dropped(self.name, "stopped", left)
            _logger.warning("delivery_given_up", exporter=self.name, items=left)

    def _stop_exporter(self, deadline: Deadline) -> None:
        try:
            self.exporter.stop(deadline.remaining())
        except Exception as error:  # noqa: BLE001 - a failing stop must not hide the others
            with self._condition:
                self._stop_failed = True
            self._metrics.exporter_failed(self.name)
            _logger.error("exporter_stop_failed", exporter=self.name, error=_message(error))

    def _publish(self) -> None:
        failing = self._exporting.since is not None or self._ticking.since is not None
        self._metrics.exporter_state(self.name, waiting=len(self._queue), failing=failing)

    def _report(self, event: str, error: Exception, delay: float) -> None:
        self._log.log(
            "warning",
            event,
            exporter=self.name,
            required=self.required,
            error=_message(error),
            retry_in=round(delay, 2),
        )

    def _recovered(self) -> None:
        self._log.forget("delivery_failed")
        _logger.info("delivery_recovered", exporter=self.name)


def stop_all(deliveries: Iterable[Delivery], deadline: Deadline) -> bool:
    """Stop several deliveries at once under one deadline; tell whether all were in time.

    All begin before any is waited for, so that one whose target is away cannot use up the time of
    the audit log.
    """
    everything = list(deliveries)
    for delivery in everything:
        delivery.close(deadline)
    outcomes = [delivery.stop(deadline) for delivery in everything]
    return all(outcomes)


def _message(error: Exception) -> str:
    return clean_text(str(error)) if isinstance(error, ExportError) else kind_and_place(error)
