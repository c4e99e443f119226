"""What the agent's own metrics tell of a system."""

from __future__ import annotations

from agent.measured import gauge
from exporters.agent_metrics import AgentMetrics
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_event_time import START, event


def test_the_watermark_is_that_of_the_sources_that_are_read() -> None:
    scenario, metrics = Scenario(START), AgentMetrics("0")
    scenario.push([event(1)], source="renamed")
    scenario.push([event(30)], partition="0")
    scenario.push([event(20, 2)], partition="1")
    gauge(metrics, scenario.plan, scenario.state, {"test"})
    told = metrics.registry.get_sample_value(
        "pantau_watermark_timestamp_seconds", {"system": "loans"}
    )
    assert told == START + 20 * 60
