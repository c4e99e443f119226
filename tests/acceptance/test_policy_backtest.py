"""A logged past judged by the policy that it was made under raises what it raised."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.policy_backtest import Compared, Row, compare
from agent.signals.card import Inventory
from exporters.audit.logged import blob_text
from exporters.audit.logged import logged as records_of
from exporters.audit.read.sealed import LOCKED
from exporters.audit.read.unseal import read_keys
from exporters.audit.seal import ReplayKey
from policies.effective import Policy, policy_text
from policies.model import Notice, Threshold
from tests.acceptance.scenario import Scenario
from tests.support.events import seconds
from tests.unit.exporters.audit.logs import NOTHING, number, writer

START = seconds("2026-03-02 00:00")
HOUR, DAY = 3_600, 86_400
HOURS = 62
"""So long that the first model version is forgotten, three windows of 12h after its last event."""


def decisions(hour: int) -> list[dict[str, Any]]:
    """Return an hour of two groups: unfair on the first day, of two versions in the midst of it."""
    versions = ["v1"] if hour < 8 else ["v1", "v2"] if hour < 20 else ["v2"]
    rows: list[dict[str, Any]] = []
    for i in range(160):
        woman = i % 2 == 0
        refused = 6 if woman and (hour < 18 or 40 <= hour < 50) else 2
        rows.append(
            {
                "time": START + hour * HOUR + i * 20,
                "id": f"{hour}-{i}",
                "approve": str(int((i // 2) % 10 >= refused)),
                "gender": "f" if woman else "m",
                "version": versions[(i // 20) % len(versions)],
            }
        )
    return rows


def labels(hour: int, part: range) -> list[dict[str, Any]]:
    """Return some labels of an hour: right for men, mostly wrong for women."""
    told = []
    for i in part:
        right = int((i // 2) % 10 >= 2)
        wrong = i % 2 == 0 and i % 3 != 0
        time = START + (hour + 6) * HOUR
        told.append({"id": f"{hour}-{i}", "label": str(right ^ wrong), "recorded": time})
    return told


@cache
def past(horizon: int) -> Scenario:
    """Return a system that has run: labels in two portions, some events late, windows restated."""
    scenario = Scenario(START, now=START, restate_horizon=6 * HOUR)
    scenario.with_labels(horizon=horizon, min_coverage=0.6)
    late: list[dict[str, Any]] = []
    for hour in range(HOURS):
        rows = decisions(hour)
        scenario.wait(HOUR)
        scenario.push(rows[:-30])
        scenario.push(late)
        late = rows[-30:] if hour % 5 == 0 else []
        if not late:
            scenario.push(rows[-30:])
        for ago, part in ((6, range(80)), (9, range(80, 160))):
            if hour >= ago and hour % 11:
                scenario.push(labels(hour - ago, part))
    return scenario


def write(folder: Path, scenario: Scenario) -> Path:
    """Log what has gone out as the agent would; return the log's folder."""
    policy = scenario.plan.policy
    change = Notice(
        name="policy.change",
        id="policy",
        time=START,
        system="loans",
        data={"digest": policy.digest, "text": policy.text.decode()},
    )
    exporter = writer(folder)
    exporter.start(NOTHING)
    exporter.export(number([change, *scenario.items]))
    exporter.stop(60.0)
    return folder / "audit"


def judged_by(
    folder: Path, policy: Policy, keys: Mapping[str, ReplayKey] | None = None
) -> Compared:
    return compare(
        records_of(folder),
        {"loans": policy},
        inventories={"loans": Inventory()},
        blob_text=partial(blob_text, folder),
        keys=keys,
    )


def differing(compared: Compared) -> list[Row]:
    return [row for row in compared.rows if row.fired != row.would_fire]


def changed(policy: Policy, rule: str, threshold: Threshold) -> Policy:
    """Return the policy with other limits of a rule."""
    rules = [
        msgspec.structs.replace(r, threshold=threshold) if r.id == rule else r for r in policy.rules
    ]
    text = policy_text({"schema": "pantau.policy/1"}, rules)
    digest = "sha256:" + hashlib.sha256(text).hexdigest()
    return msgspec.structs.replace(policy, rules=tuple(rules), text=text, digest=digest)


@pytest.mark.parametrize(
    "horizon",
    [pytest.param(36 * HOUR, id="36h"), pytest.param(30 * DAY, id="30d", marks=pytest.mark.slow)],
)
def test_under_the_same_policy_everything_is_the_same(tmp_path: Path, horizon: int) -> None:
    scenario = past(horizon)
    policy = scenario.plan.policy
    raised = {a.labels["rule"] for a in scenario.alerts if a.change == "raised"}
    versions = {a.labels["model_version"] for a in scenario.alerts}
    assert {"FA-1", "FA-2"} <= raised
    assert {"*", "v1", "v2"} <= versions
    assert any(
        "no event of this model" in a.annotations.get("resolution", "") for a in scenario.alerts
    )
    assert ("FA-3" in raised or "FA-4" in raised) == (horizon < 30 * DAY), raised
    folder = write(tmp_path, scenario)

    again = judged_by(folder, policy, read_keys(tmp_path / "audit.state"))
    assert differing(again) == []
    assert sum(row.fired for row in again.rows) == len(
        [a for a in scenario.alerts if a.change == "raised"]
    )
    assert {row.rule for row in again.rows if row.why} == set()
    assert [s.rule for s in again.states if s.logged != s.new] == []
    assert (again.windows == again.not_final) == (horizon == 30 * DAY)
    assert again.left_out == []

    locked = judged_by(folder, policy)
    assert differing(locked) == []
    assert {row.rule for row in locked.rows if row.why} >= {"FA-1", "FA-2"}
    assert all(LOCKED in one.why for one in locked.left_out)


def test_what_cannot_be_seen_is_never_said_to_be_the_same(tmp_path: Path) -> None:
    scenario = past(36 * HOUR)
    folder = write(tmp_path, scenario)
    wider = changed(scenario.plan.policy, "FA-1", Threshold("abs>", 0.8, 0.9))
    locked = judged_by(folder, wider)
    assert {row.would_fire for row in locked.rows if row.rule == "FA-1"} == {None}
    assert {row.rule for row in differing(locked)} == {"FA-1"}
    opened = judged_by(folder, wider, read_keys(tmp_path / "audit.state"))
    assert {row.would_fire for row in opened.rows if row.rule == "FA-1"} == {0}
    assert {row.rule for row in differing(opened)} == {"FA-1"}


def test_both_sides_count_the_verdicts_of_the_same_windows(tmp_path: Path) -> None:
    scenario = past(36 * HOUR)
    folder = write(tmp_path, scenario)
    wider = changed(scenario.plan.policy, "FA-1", Threshold("abs>", 0.8, 0.9))
    compared = judged_by(folder, wider, read_keys(tmp_path / "audit.state"))
    left_out = {one.rule for one in compared.left_out}
    assert {"AC-1", "HO-2"} <= left_out
    for states in compared.states:
        assert sum(states.logged.values()) == sum(states.new.values()), states
