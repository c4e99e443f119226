"""Alerts of rules that left the policy, and of model versions that are no longer in service."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from agent.dedup import DedupIndex
from agent.persist import collect, restore
from agent.retire import retire_rules
from agent.store import Changes, Store
from policies.effective import Policy
from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")
HALF_DAY = 12 * 3_600


def unfair(hour: int, *versions: str) -> list[dict[str, Any]]:
    """Return an hour of decisions in which men are approved and women are not."""
    return [
        {
            "time": START + hour * 3_600 + i * 5,
            "id": f"{hour}-{i}",
            "approve": "1" if i % 2 else "0",
            "gender": "m" if i % 2 else "f",
            "version": versions[i // 2 % len(versions)],
        }
        for i in range(700)
    ]


def breached(scenario: Scenario) -> set[str]:
    """Return the model versions whose approval gap stands as an alert."""
    labels = [cause.alert.labels for cause in scenario.state.causes.values()]
    return {one["model_version"] for one in labels if one["rule"] == "FA-1"}


def test_an_alert_of_a_version_out_of_service_is_closed_after_three_longest_windows() -> None:
    scenario = Scenario(START, now=START + 100 * 3_600)
    scenario.push(unfair(0, "v1", "v2"))
    for half_day in (1, 2, 3):
        scenario.push(unfair(half_day * 12, "v2"))
        assert breached(scenario) == {"v1", "v2", "*"}, half_day
    scenario.push(unfair(48, "v2"))
    assert breached(scenario) == {"v2", "*"}
    (closed,) = [
        a
        for a in scenario.alerts
        if a.change == "closed" and (a.labels["rule"], a.labels["model_version"]) == ("FA-1", "v1")
    ]
    assert closed.resolved_at == START + 4 * HALF_DAY
    assert closed.annotations["resolution"] == "no event of this model version for 3 windows of 12h"
    assert scenario.state.versions == {"v2"}
    assert not [key for key in scenario.state.memory if "|v1|" in key]


def test_what_is_forgotten_stays_forgotten_after_a_restart(tmp_path: Path) -> None:
    scenario = Scenario(START, now=START + 100 * 3_600)
    store = Store(tmp_path)

    def commit() -> None:
        changes = Changes()
        collect("loans", scenario.plan.layout, scenario.state, changes)
        store.commit(changes)

    scenario.push(unfair(0, "v1"))
    scenario.push(unfair(13, "v2"))
    commit()
    for half_day in (2, 3, 4, 5):
        scenario.push(unfair(half_day * 12 + 1, "v2"))
    commit()
    back = restore(store, "loans", scenario.plan.layout, DedupIndex(600, 1_000_000))
    assert {version for version, _ in back.latest} == {"v2", "*"}
    assert back.versions == {"v2"}
    assert back.memory == scenario.state.memory
    assert back.causes == scenario.state.causes


def test_an_alert_of_a_rule_that_left_the_policy_is_closed() -> None:
    scenario = Scenario(START, now=START + 100 * 3_600)
    scenario.push(unfair(0, "v1", "v2"))
    scenario.push(unfair(13, "v1", "v2"))
    assert breached(scenario) == {"v1", "v2", "*"}
    kept = scenario.plan.policy
    smaller = _without(kept, "FA-1")
    plan = dataclasses.replace(scenario.plan, policy=smaller)
    closed = retire_rules(plan, scenario.state, START + 200 * 3_600)
    assert [(a.change, a.labels["rule"], a.labels["model_version"]) for a in closed] == [
        ("closed", "FA-1", "*"),
        ("closed", "FA-1", "v1"),
        ("closed", "FA-1", "v2"),
    ]
    assert breached(scenario) == set()
    assert retire_rules(plan, scenario.state, START + 200 * 3_600) == []


def _without(policy: Policy, rule: str) -> Policy:
    return msgspec.structs.replace(policy, rules=tuple(r for r in policy.rules if r.id != rule))
