"""A start with several sources: no window closes before all have told what they read."""

from __future__ import annotations

from agent.system import ASSIGNED_WITHIN, expect, observe_status
from collectors.base import EndOfInput, SourceStatus
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_event_time import event, hours
from tests.acceptance.two_sources import HOUR, START, Agent, complete


def scene() -> Scenario:
    """Return a scenario in which a source `labels` holds nothing but labels."""
    scenario = Scenario(START)
    scenario.with_labels()
    assert scenario.state.labels is not None
    scenario.state.labels.sources = {"labels"}
    return scenario


def start(scenario: Scenario, *sources: str) -> Scenario:
    """Let the agent start now with these sources."""
    expect(scenario.state, set(sources), scenario.clock.now())
    return scenario


def test_no_event_closes_a_window_before_every_source_has_been_assigned() -> None:
    scenario = start(scene(), "test", "labels")
    scenario.status(assigned=("0",))
    scenario.status(assigned=(), total=3, source="labels")
    assert scenario.push(HOUR) == []
    scenario.status(assigned=("0", "1", "2"), source="labels")
    reports = scenario.wait(1)
    assert hours(reports) == [(0, 0, 2)]
    assert complete(reports) == [(True, None)]


def test_nor_does_the_clock_when_all_that_is_assigned_is_idle() -> None:
    scenario = scene()
    scenario.push([event(0)])
    scenario.clock.advance(600)
    start(scenario, "test", "labels")
    scenario.status(assigned=("0",), caught_up=("0",))
    scenario.status(assigned=(), total=3, source="labels")
    assert scenario.wait(ASSIGNED_WITHIN - 1) == []
    scenario.status(assigned=("0", "1", "2"), source="labels")
    assert complete(scenario.wait(0)) == [(True, None)] * 3


def test_a_source_that_is_never_assigned_holds_windows_for_a_bounded_time() -> None:
    scenario = start(scene(), "test", "labels")
    scenario.status(assigned=("0",))
    scenario.status(assigned=(), total=3, source="labels")
    scenario.push(HOUR)
    assert scenario.wait(ASSIGNED_WITHIN - 1) == []
    assert complete(scenario.wait(1)) == [(False, "partial_assignment")]


def test_a_topic_that_is_shared_holds_nothing_and_is_not_assessable() -> None:
    scenario = start(Scenario(START), "test")
    scenario.status(assigned=("0",), total=2)
    assert complete(scenario.push(HOUR)) == [(False, "partial_assignment")]


def test_a_source_that_tells_nothing_counts_by_its_first_batch_and_one_without_partitions() -> None:
    scenario = start(Scenario(START), "test", "pushed")
    assert scenario.push(HOUR) == []
    away = SourceStatus("pushed", frozenset(), 0, frozenset(), connected=False)
    for status, closed in ((away, 0), (SourceStatus("pushed", frozenset(), 0, frozenset()), 1)):
        observe_status(scenario.plan, scenario.state, status, scenario.clock.now())
        assert len(scenario.wait(1)) == closed


def test_the_end_of_the_input_closes_everything_whoever_has_told() -> None:
    scenario = start(scene(), "test", "labels")
    scenario.push(HOUR)
    assert hours(scenario.finish()) == [(0, 0, 2), (1, 0, 1)]


def test_what_an_earlier_life_was_assigned_is_not_taken_for_granted() -> None:
    scenario = scene()
    scenario.status(assigned=("0",))
    scenario.status(assigned=("0", "1"), source="labels")
    start(scenario, "test", "labels")
    scenario.status(assigned=("0",))
    scenario.push(HOUR)
    assert complete(scenario.wait(ASSIGNED_WITHIN)) == [(False, "partial_assignment")]


def test_a_source_that_is_configured_no_more_holds_no_window() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0", "1"), source="renamed")
    scenario.push([event(1, 1)], source="renamed")
    # As after a start with another topic: nothing tells of the former partitions any more.
    start(scenario, "test")
    scenario.status(assigned=("0",))
    scenario.push(HOUR)
    reports = scenario.wait(121)
    assert hours(reports) == [(0, 0, 3)]
    assert complete(reports) == [(True, None)]


def test_what_is_read_before_all_are_assigned_waits_in_its_channel(agent: Agent) -> None:
    assert agent.run() == []
    assert (agent.channels["first"].queued(), agent.state.panes) == (6, {})
    agent.bring("second")
    reports = agent.run(1)
    assert hours(reports) == [(0, 0, 8)]
    assert complete(reports) == [(True, None)]


def test_it_waits_for_a_bounded_time_whatever_the_clock_is_set_to(agent: Agent) -> None:
    assert agent.run() == []
    agent.clock.set_by = 7_200
    assert agent.run(ASSIGNED_WITHIN - 1) == []
    assert complete(agent.run(1)) == [(False, "partial_assignment")]


def test_its_time_counts_from_when_the_sources_are_about_to_be_read(agent: Agent) -> None:
    agent.run()
    agent.clock.advance(ASSIGNED_WITHIN)
    agent.pipeline.expect()
    assert agent.run(ASSIGNED_WITHIN - 1) == []


def test_a_source_that_has_ended_is_not_waited_for(agent: Agent) -> None:
    agent.tell("second", EndOfInput("second"))
    assert complete(agent.run()) != []
