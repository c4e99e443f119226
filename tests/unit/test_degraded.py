"""`audit_failure_after` is counted on the clock that never steps."""

from __future__ import annotations

from collections.abc import Sequence

from agent.clock import ManualClock
from agent.degraded import failed
from exporters.agent_metrics import AgentMetrics
from exporters.base import ExportError, Numbered, Standing
from exporters.deadline import Deadline
from exporters.delivery import Delivery
from tests.support.running_agent import eventually
from tests.unit.exporters.samples import report


class Away:
    """A required exporter whose target is away."""

    name, required = "audit", True

    def check(self) -> str:
        return "away"

    def start(self, standing: Standing) -> None:
        """Need nothing."""

    def export(self, items: Sequence[Numbered]) -> None:
        raise ExportError("away")

    def tick(self, now: float) -> None:
        """Do nothing."""

    def stop(self, timeout: float) -> None:
        """Do nothing."""


def test_a_failure_is_as_old_as_the_monotonic_clock_says() -> None:
    clock = ManualClock(100.0)
    delivery = Delivery(Away(), metrics=AgentMetrics("0"), monotonic=clock.monotonic)
    delivery.start(Standing((), ()))
    delivery.submit([Numbered(1, report())])
    eventually(lambda: delivery.failing_since)
    assert delivery.failing_since == 100.0
    clock.advance(59.0)
    assert failed([delivery], 60.0, clock.monotonic()) is None
    clock.advance(1.0)
    assert failed([delivery], 60.0, clock.monotonic()) is delivery
    delivery.stop(Deadline(0.1))
