"""What the log says although nothing happened: heartbeats, and steps of the wall clock."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.audit.record import Draft
from exporters.context import Context

CLOCK_STEP_SECONDS = 2.0


@dataclass(slots=True)
class _Since:
    """What was written since the last heartbeat."""

    monotonic: float
    events: int | None
    records: int = 0
    reports: int = 0
    alerts: int = 0


class Liveness:
    """Says when a heartbeat is due (every `interval` seconds) and when the clock stepped."""

    def __init__(self, context: Context, interval: float) -> None:
        self._context, self._interval = context, interval
        self._since = _Since(self._monotonic(), self._events())
        self._offset = context.clock() - self._monotonic()

    def restart(self) -> None:
        """Count from here on: a heartbeat speaks of its own epoch alone."""
        self._since = _Since(self._monotonic(), self._events())

    def note(self, draft: Draft) -> None:
        """Count a record that was written."""
        if draft.name == "heartbeat":
            # What was written at once with it, before it, is of the time that it speaks of.
            self._since.records = self._since.reports = self._since.alerts = 0
        self._since.records += 1
        self._since.reports += draft.name.startswith("window.") and draft.data["part"]["i"] == 1
        self._since.alerts += draft.name.startswith("alert.")

    def due(self) -> list[Draft]:
        """Return the records that are due now; each is returned once."""
        steps = self._clock_step()
        return [*steps, *self._heartbeat(before=len(steps))]

    def _heartbeat(self, before: int) -> list[Draft]:
        """Return the heartbeat; `before` records are written just before it and count, too."""
        now, since, events = self._monotonic(), self._since, self._events()
        if now - since.monotonic < self._interval:
            return []
        self._since = _Since(now, events)
        told = events is not None and since.events is not None
        data = {
            "interval_seconds": round(now - since.monotonic, 3),
            "records": since.records + before,
            "reports": since.reports,
            "alerts": since.alerts,
            "events": (events or 0) - (since.events or 0) if told else None,
        }
        return [Draft(name="heartbeat", id=None, data=data)]

    def _clock_step(self) -> list[Draft]:
        offset = self._context.clock() - self._monotonic()
        step, self._offset = offset - self._offset, offset
        if abs(step) <= CLOCK_STEP_SECONDS:
            return []
        data = {"step_ms": round(step * 1000)}
        return [Draft(name="clock.step", id=None, data=data, sev="warning")]

    def _events(self) -> int | None:
        return self._context.counters().get("events")

    def _monotonic(self) -> float:
        return self._context.monotonic_ns() / 1e9
