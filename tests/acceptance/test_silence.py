"""Nothing comes: somebody is told in minutes, also when nothing has ever come, and at its end."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from agent.config.model import Config
from agent.opening import unopened
from agent.silence import NAME, hand_over, minutes, shift, watch
from agent.state import SystemState
from agent.system import take
from collectors.batch import Rejected
from policies.effective import Policy
from policies.model import Report, Signal, Threshold
from tests.acceptance.scenario import Scenario
from tests.support.events import batch, seconds
from tests.unit.statistics.events import texts

START = seconds("2026-03-02 00:00")


def policy_on_silence(policy: Policy) -> Policy:
    """Return a policy with one rule: warn from 10 minutes of silence, breach from 30."""
    rule = msgspec.structs.replace(
        next(r for r in policy.rules if r.subjects == ("system",)),
        id="SILENCE",
        signal=NAME,
        threshold=Threshold(op=">", warn=9, breach=29),
        persistence=(1, 1),
        clear_after=2,
    )
    return msgspec.structs.replace(policy, rules=(rule,))


@pytest.fixture
def scenario() -> Scenario:
    """Return a system in a running agent that was opened just now and has read all there is."""
    made = Scenario(START, now=START)
    made.plan = replace(
        made.plan,
        policy=policy_on_silence(made.plan.policy),
        settings=replace(made.plan.settings, silence_window="1h"),
    )
    made.state.opened_at = made.state.silence_told_at = made.clock.now()
    made.status(assigned=("0",), caught_up=("0",))
    return made


def told(scenario: Scenario) -> list[tuple[str, str]]:
    """Return what people were told since the last call: (change, severity)."""
    found: list[tuple[str, str]] = [(a.change, a.labels["severity"]) for a in scenario.alerts]
    assert {a.labels["rule"] for a in scenario.alerts} <= {"SILENCE"}
    scenario.alerts.clear()
    return found


def pass_minutes(scenario: Scenario, count: int) -> list[Report]:
    """Let minutes pass, looking every 20 seconds."""
    return [report for _ in range(3 * count) for report in scenario.wait(20)]


def event(scenario: Scenario, number: int) -> None:
    scenario.push([{"time": scenario.clock.now(), "id": f"e{number}", "approve": "1"}])


def silences(reports: list[Report]) -> list[tuple[str, Signal]]:
    return [(r.window.length, s) for r in reports for s in r.signals if s.name == NAME]


def test_silence_is_told_in_minutes_not_when_the_hour_closes(scenario: Scenario) -> None:
    for number in range(5):
        event(scenario, number)
        pass_minutes(scenario, 1)
    assert told(scenario) == []
    pass_minutes(scenario, 8)
    assert told(scenario) == []
    pass_minutes(scenario, 2)
    (raised,) = scenario.alerts
    assert (raised.change, raised.labels["severity"]) == ("raised", "ticket")
    assert raised.labels["model_version"] == "*"
    scenario.alerts.clear()
    # Thirty minutes are a breach; every minute in between is no news.
    pass_minutes(scenario, 26)
    assert [change for change, _ in told(scenario)] == ["updated"]
    event(scenario, 99)
    pass_minutes(scenario, 4)
    assert [change for change, _ in told(scenario)] == ["closed"]
    assert scenario.state.causes == {}


def test_nothing_ever_coming_is_silence_too(scenario: Scenario) -> None:
    reports = pass_minutes(scenario, 11)
    assert reports == []
    assert [change for change, _ in told(scenario)] == ["raised"]


def test_what_waits_to_be_read_is_no_silence(scenario: Scenario) -> None:
    event(scenario, 1)
    # The agent was away for five hours, and the source has not been read to its end yet.
    scenario.clock.advance(5 * 3_600)
    now = scenario.clock.now()
    scenario.state.opened_at = scenario.state.silence_told_at = now
    scenario.status(assigned=("0",), caught_up=())
    assert minutes(scenario.state, now + 120) == 2
    scenario.status(assigned=("0",), caught_up=("0",))
    # Now it has: nothing came in all that time.
    assert minutes(scenario.state, now + 120) == 302


def test_complaints_do_not_end_the_silence_of_a_service(scenario: Scenario) -> None:
    event(scenario, 1)
    pass_minutes(scenario, 5)
    said = batch([{"time": scenario.clock.now(), "id": "e1"}], first_offset=1)
    complaint = replace(said, extra={"feedback": texts(["complaint"])})
    take(scenario.plan, scenario.state, complaint, scenario.clock.now())
    assert minutes(scenario.state, scenario.clock.now()) == 5
    event(scenario, 2)
    assert minutes(scenario.state, scenario.clock.now()) == 0


def test_an_incomplete_window_stays_told_of_until_a_complete_one_closes(scenario: Scenario) -> None:
    silence = scenario.plan.policy.rules[0]
    other = msgspec.structs.replace(silence, id="VOLUME", signal="anomaly.volume")
    policy = msgspec.structs.replace(scenario.plan.policy, rules=(silence, other))
    # Windows close before the next look: what a look says is of a later time.
    prompt = replace(scenario.plan.time, lateness=20)
    scenario.plan = replace(scenario.plan, policy=policy, time=prompt)
    junk = [Rejected("invalid_json", offset, 1) for offset in range(1, 30)]
    scenario.push([{"time": START, "id": "e0", "approve": "1"}], rejected=junk)
    changes = []
    for step in range(3 * 3 * 60):
        scenario.wait(20)
        event(scenario, 1_000 + step)
        of_coverage = [a for a in scenario.alerts if a.labels["rule"] == "coverage"]
        changes += [(scenario.clock.now(), alert.change) for alert in of_coverage]
        scenario.alerts.clear()
    (raised, first), (over, second) = changes
    assert (first, second) == ("raised", "closed")
    # The window that was whole ends an hour after the one that was not.
    assert over - raised == 3_600


def test_a_step_of_the_clock_is_no_silence(scenario: Scenario) -> None:
    event(scenario, 1)
    now = scenario.clock.now()
    shift(scenario.state, 7_200)
    assert minutes(scenario.state, now + 7_260) == 1


def test_a_report_tells_of_silence_at_the_shortest_window_for_all_versions(
    scenario: Scenario,
) -> None:
    scenario.push(
        [{"time": START + 60 * m, "id": f"e{m}", "approve": "1", "version": "v1"} for m in range(5)]
    )
    scenario.status(assigned=("0",), caught_up=("0",))
    reports = [r for _ in range(13 * 12 + 3) for r in scenario.wait(300)]
    found = silences(reports)
    assert {length for length, _ in found} == {"1h", "12h"}
    assert {s.reason for length, s in found if length == "12h"} >= {"published_at:1h"}
    hourly = [s for r in reports if r.window.length == "1h" for s in r.signals if s.name == NAME]
    values = [s.value for s in hourly if s.value is not None]
    # An hour and ten minutes of lateness after the start of the window, less what was heard.
    assert values[0] == 70.0
    assert values == sorted(values)
    assert {s.reason for s in hourly if s.status != "ok"} == {"published_at:*"}


def test_a_backtest_looks_at_no_clock() -> None:
    scenario = Scenario(START)
    scenario.push([{"time": START, "id": "e", "approve": "1"}])
    assert minutes(scenario.state, scenario.clock.now() + 10**6) is None
    assert {s.reason for _, s in silences(scenario.finish())} == {"only_in_run"}


def test_a_system_whose_fields_are_not_known_yet_can_be_silent() -> None:
    config = Config.model_validate({"systems": [{"id": "loans"}]})
    tell = unopened(config, config.systems[0])
    waiting, state = (Scenario(START).state for _ in range(2))
    assert tell(waiting, START) == []
    assert waiting.opened_at == START
    policy = policy_on_silence(Scenario(START).plan.policy)
    found = [
        alert
        for minute in range(1, 14)
        for alert in watch("loans", policy, "1h", waiting, START + 60 * minute)
    ]
    assert [a.change for a in found] == ["raised"]
    hand_over(waiting, state)
    assert state.causes == waiting.causes != {}
    # From then on the state that is kept clears what was raised before it was there.
    state.opened_at, state.silence_told_at = START + 14 * 60.0, 0.0
    later = [
        alert
        for minute in range(15, 20)
        for alert in watch("loans", policy, "1h", state, START + 60 * minute)
    ]
    assert [a.change for a in later] == ["closed"]


def test_a_policy_without_such_a_rule_tells_nobody(scenario: Scenario) -> None:
    scenario.plan = replace(
        scenario.plan, policy=msgspec.structs.replace(scenario.plan.policy, rules=())
    )
    pass_minutes(scenario, 120)
    assert scenario.alerts == []
    assert isinstance(scenario.state, SystemState)
