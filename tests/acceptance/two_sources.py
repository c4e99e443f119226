"""A pipeline with two sources, on a clock that tests move."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.clock import ManualClock
from agent.notices import Announced
from agent.outbox import decode
from agent.pipeline import Pipeline
from agent.running import Input, Opened, Running
from agent.store import Store
from collectors.base import Channel, Item, SchemaResolved, SourceStatus
from exporters.agent_metrics import AgentMetrics
from exporters.deadline import Deadline
from policies.model import Report
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_event_time import event
from tests.support.events import SCHEMA, batch, seconds

START = seconds("2026-03-02 00:00")
HOUR = [event(0), event(30), event(70)]
"""Events that close the first hour, with two of them in it."""


def complete(reports: list[Report]) -> list[tuple[bool, str | None]]:
    """Return of the one-hour reports whether they are complete, or why not."""
    found = [r.coverage for r in reports if r.window.length == "1h"]
    return [(c.complete, c.incomplete_because) for c in found]


class Clock(ManualClock):
    """A manual clock whose wall time may be set, too."""

    set_by: float = 0.0

    def now(self) -> float:
        return self.seconds + self.set_by


class Agent:
    """The pipeline of one system with the sources `first` and `second`, on a clock tests move."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.clock = Clock(START + 3 * 3_600.0)
        scenario = Scenario(START)
        self.state = scenario.state
        self.channels = {name: Channel() for name in ("first", "second")}
        self.pipeline = Pipeline(
            store=self.store,
            systems=[
                Running(
                    system="loans",
                    open=lambda _: Opened(scenario.plan, scenario.state, Announced()),
                    sources=set(self.channels),
                )
            ],
            inputs=[Input(name, "loans", channel) for name, channel in self.channels.items()],
            deliveries=[],
            metrics=AgentMetrics("0"),
            clock=self.clock,
            wake=threading.Event(),
            bootid="boot",
        )
        # All that can be taken from the channels is taken, then `run` returns.
        self.pipeline.stop(Deadline(60))
        self.tell("first", SchemaResolved("first", SCHEMA))

    def tell(self, source: str, item: Item) -> None:
        self.channels[source].put(item)

    def assign(self, source: str, *assigned: str) -> None:
        """Tell what of the two partitions a source has been assigned."""
        self.tell(source, SourceStatus(source, frozenset(assigned), 2, frozenset()))

    def bring(self, source: str) -> None:
        """Assign a source both of its partitions, which hold an hour each."""
        self.assign(source, "0", "1")
        for place in ("0", "1"):
            rows = [{**row, "id": f"{row['id']} {source} {place}"} for row in HOUR]
            self.tell(source, batch(rows, source=source, partition=place))

    def run(self, seconds: float = 0) -> list[Report]:
        """Let time pass and take what has come; return all reports there are by now."""
        self.clock.advance(seconds)
        self.pipeline.run()
        assert self.pipeline.failure is None
        items = [decode(kind, body) for _, kind, body in self.store.outbox()]
        return [item for item in items if isinstance(item, Report)]
