"""A system that is not open yet, as nothing has come that its schema could be inferred from."""

from __future__ import annotations

from agent.running import Opened, Running
from collectors.base import SourceStatus
from collectors.schema import EventSchema


def never(schema: EventSchema) -> Opened:
    raise AssertionError(f"nothing has come: {schema}")


def status(source: str, lag: int, **lost: int | None) -> SourceStatus:
    one = frozenset({"p0"})
    return SourceStatus(source, one, 1, one, lag={"p0": lag}, lost=lost)


def test_statuses_of_days_without_an_event_do_not_pile_up_and_no_loss_is_forgotten() -> None:
    running = Running("loans", never)
    running.wait_to_tell(status("events", 0, p0=7))
    for lag in range(1, 1_000):
        running.wait_to_tell(status("events", lag))
        running.wait_to_tell(status("labels", lag))
    assert running.waiting == [
        status("events", 0, p0=7),
        status("events", 999),
        status("labels", 999),
    ]
