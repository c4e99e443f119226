"""A system on a clock that tests move: push events, let time pass, read the reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.clock import ManualClock
from agent.dedup import DedupIndex
from agent.labels.settings import LabelSettings
from agent.labels.state import temporary
from agent.layout import build_layout
from agent.plan import Plan, TimeSettings
from agent.signals.context import Settings
from agent.state import SystemState
from agent.system import Outcome, finish, observe_status, take, tick
from collectors.base import SourceStatus
from collectors.batch import Rejected
from policies.effective import effective
from policies.load import load_pack
from policies.model import Alert, Outgoing, Report
from tests.support.events import SCHEMA, batch


def label_settings(**changes: Any) -> LabelSettings:
    """Return how labels are joined in windows of a scenario, but for these changes."""
    usual = {"pane": 60, "lateness": 600, "lengths": ("1h", "12h"), "attributes": ()}
    return LabelSettings(**{**usual, "numeric": False, **changes})


class Scenario:
    """One system without a reference, windows `1h` and `12h`, the shipped policy pack.

    The clock stands at `now` (default: three hours after `start`).  `items`: what has gone out
    before the end of the input.
    """

    def __init__(self, start: int, *, now: float | None = None, restate_horizon: int = 0) -> None:
        self.clock = ManualClock(now if now is not None else start + 3 * 3_600)
        self.plan = Plan(
            system="loans",
            time=TimeSettings(restate_horizon=restate_horizon),
            lengths=("1h", "12h"),
            schema=SCHEMA,
            layout=build_layout(SCHEMA, favourable=("1",)),
            reference=None,
            settings=Settings(fairness_window="12h"),
            policy=effective(
                [load_pack("asean-guide")], oversight="human_in_the_loop", maturity="baseline"
            ),
        )
        self.state = SystemState(dedup=DedupIndex(self.plan.time.dedup_horizon, 100_000))
        self.items: list[Outgoing] = []
        self.alerts: list[Alert] = []
        self.label_outcomes: Counter[str] = Counter()
        self.last_status: SourceStatus | None = None
        self._offsets: dict[str, int] = {}

    def with_labels(self, **changes: Any) -> None:
        """Let labels come, and judge small groups; `label_outcomes` counts what becomes of them.

        `changes`: to `label_settings`; the attributes are those of the layout if it names none.
        """
        settings = label_settings(**{"attributes": self.plan.layout.attributes, **changes})
        self.plan = replace(
            self.plan,
            labels=settings,
            settings=replace(self.plan.settings, min_group_n=20),
            policy=effective(
                [load_pack("asean-guide")], oversight="human_in_the_loop", maturity="advanced"
            ),
        )
        self.state.labels = temporary("loans", settings.pane)

    def push(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        source: str = "test",
        partition: str = "0",
        rejected: Sequence[Rejected] = (),
    ) -> list[Report]:
        """Give events to the system; return the reports this brought."""
        made = batch(
            rows,
            source=source,
            partition=partition,
            first_offset=self._offsets.get(source + partition, 0),
            rejected=rejected,
        )
        self._offsets[source + partition] = made.next_offset
        outcome = take(self.plan, self.state, made, self.clock.now())
        self._keep(outcome)
        if outcome.absorbed is not None:
            self.label_outcomes += outcome.absorbed.labels.outcomes
        return outcome.reports()

    def status(
        self,
        *,
        assigned: Sequence[str],
        caught_up: Sequence[str] = (),
        total: int | None = None,
        lost: Mapping[str, int | None] | None = None,
        source: str = "test",
        connected: bool = True,
    ) -> None:
        """Tell what the collector knows of its partitions."""
        self.last_status = SourceStatus(
            source=source,
            assigned=frozenset(assigned),
            total=len(assigned) if total is None else total,
            caught_up=frozenset(caught_up),
            lost=lost or {},
            connected=connected,
        )
        observe_status(self.plan, self.state, self.last_status, self.clock.now())

    def wait(self, seconds: float) -> list[Report]:
        """Let time pass; return the reports this brought."""
        self.clock.advance(seconds)
        outcome = tick(self.plan, self.state, self.clock.now())
        self._keep(outcome)
        return outcome.reports()

    def finish(self) -> list[Report]:
        """End the input; return the reports this brought."""
        return finish(self.plan, self.state, self.clock.now()).reports()

    def _keep(self, outcome: Outcome) -> None:
        self.items += outcome.items
        self.alerts += [item for item in outcome.items if isinstance(item, Alert)]
