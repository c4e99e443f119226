"""Windows that wait for labels while the configuration changes beneath them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.dedup import DedupIndex
from agent.layout import build_layout
from agent.persist import collect, mark_clean, restore
from agent.plan import Plan
from agent.signals.table import label_based
from agent.store import Changes, Store
from policies.model import Report
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_audit_replay import logged, of_replay
from tests.acceptance.test_labels import events, labels, scene
from tests.acceptance.waiting import HORIZON, HOUR, START, move, of_hour


def restarted(scenario: Scenario, store: Store, plan: Plan) -> None:
    """Keep what the scenario knows, and go on from there by another plan."""
    index = DedupIndex(plan.time.dedup_horizon, 100_000)
    scenario.plan = plan
    scenario.state = restore(store, "loans", plan.layout, index, plan.labels)


def committed(scenario: Scenario, store: Store) -> None:
    changes = Changes()
    collect("loans", scenario.plan.layout, scenario.state, changes)
    store.commit(changes)
    mark_clean(scenario.state)


def other_favourable(plan: Plan) -> Plan:
    """Return a plan by which rows of labels read as before."""
    return replace(plan, layout=build_layout(plan.schema, favourable=("0",)))


def other_attributes(plan: Plan) -> Plan:
    """Return a plan by which stored rows of labels cannot be read."""
    layout = build_layout(plan.schema, favourable=("1",), attributes=())
    assert plan.labels is not None
    return replace(plan, layout=layout, labels=replace(plan.labels, attributes=()))


@pytest.mark.parametrize("change", [other_favourable, other_attributes])
def test_a_window_in_waiting_whose_layout_is_gone_says_so_and_keeps_its_signals(
    change: object, tmp_path: Path
) -> None:
    scenario = scene()
    store = Store(tmp_path / "state")
    restarted(scenario, store, scenario.plan)
    scenario.push(events())
    scenario.push(labels())
    first = of_hour(move(scenario, START + HOUR))[0]
    assert first.coverage.complete
    committed(scenario, store)
    assert callable(change)
    restarted(scenario, store, change(scenario.plan))
    # Once more: what is lost stays lost after another restart.
    committed(scenario, store)
    restarted(scenario, store, scenario.plan)
    found = of_hour(move(scenario, START + HORIZON + HOUR))
    assert [(r.revision, r.final) for r in found] == [(1, True)]
    report = found[0]
    assert (report.coverage.complete, report.coverage.incomplete_because) == (False, "state_lost")
    assert {(v.state, v.reason) for v in report.verdicts} == {
        ("not_assessable", "incomplete: state_lost")
    }
    assert beside_labels(report) == beside_labels(first)
    assert {v.rule for v in report.verdicts} == {v.rule for v in first.verdicts}
    # Windows after the change are judged as ever.
    scenario.push(
        later := [
            {
                **e,
                "time": e["time"] + HORIZON + 2 * HOUR,
                "id": f"x{e['id']}",
                "label": e["approve"],
            }
            for e in events()
        ]
    )
    fresh = of_hour(move(scenario, later[-1]["time"] + 2 * HOUR), 50)
    assert [(r.coverage.complete, r.coverage.labelled) for r in fresh] == [(True, 240)]
    committed(scenario, store)
    store.close()


@pytest.mark.parametrize("loses", [True, False], ids=["lost", "kept"])
def test_what_is_left_of_such_a_window_can_be_judged_again(loses: bool, tmp_path: Path) -> None:
    scenario = scene()
    store = Store(tmp_path / "state")
    restarted(scenario, store, scenario.plan)
    reports = scenario.push(events()) + scenario.push(labels()) + move(scenario, START + 12 * HOUR)
    committed(scenario, store)
    restarted(scenario, store, other_favourable(scenario.plan) if loses else scenario.plan)
    reports += move(scenario, START + HORIZON + 12 * HOUR)
    assert ("state_lost" in {r.coverage.incomplete_because for r in reports}) == loses
    assert of_replay(logged(tmp_path, scenario.plan.policy, reports)) == []
    store.close()


def beside_labels(report: Report) -> list[object]:
    return [s for s in report.signals if s.name not in label_based()]
