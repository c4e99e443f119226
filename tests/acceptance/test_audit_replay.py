"""What the agent judged can be judged again from its log, whatever held its verdicts back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from agent.signals.table import label_based
from exporters.audit.findings import Verification
from exporters.audit.read.evidence import Evidence
from exporters.audit.read.verify import verify_published
from policies.effective import Policy, policy_text
from policies.model import Notice, Report
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_labels import DAY, HORIZON, HOUR, START, events, labels, move, scene
from tests.acceptance.test_silence import event, pass_minutes, policy_on_silence
from tests.unit.exporters.audit.logs import NOTHING, number, writer


def logged(folder: Path, policy: Policy, reports: Sequence[Report]) -> Verification:
    """Write reports as the agent would, and judge them again from what is in the log."""
    change = Notice(
        name="policy.change",
        id="policy",
        time=START,
        system=reports[0].system,
        data={"digest": policy.digest, "text": policy.text.decode()},
    )
    exporter = writer(folder)
    exporter.start(NOTHING)
    exporter.export(number([change, *reports]))
    exporter.stop(5.0)
    return verify_published(folder / "audit", Evidence(), replay=True)


def of_replay(found: Verification) -> list[tuple[str, str, str]]:
    """Return what replay found, but for values that are published at one length only."""
    return [
        (f.code, f.where, f.detail)
        for f in found.findings
        if f.code.startswith("verdict_") and "published elsewhere" not in f.detail
    ]


def labelled_reports() -> tuple[Policy, list[Report]]:
    """Return all that is said of windows that wait for labels: first, restated, decided."""
    scenario = scene()
    reports = scenario.push(events())
    reports += move(scenario, START + HOUR)
    reports += scenario.push(labels(120))
    reports += scenario.wait(2 * HOUR)
    reports += scenario.push(labels(200))
    for hours in (13, 30):
        reports += move(scenario, START + hours * HOUR)
    reports += move(scenario, START + 12 * HOUR + HORIZON + DAY)
    reports += scenario.finish()
    return scenario.plan.policy, reports


def test_windows_that_waited_for_labels(tmp_path: Path) -> None:
    policy, reports = labelled_reports()
    names = label_based()
    waited = [v for r in reports for v in r.verdicts if v.reason == "provisional"]
    decided = [r for r in reports if r.final and r.revision > 0]
    assert waited
    assert decided
    assert any(s.name in names and s.status == "ok" for r in decided for s in r.signals)
    found = logged(tmp_path, policy, reports)
    assert of_replay(found) == []


def silent_reports() -> tuple[Policy, list[Report]]:
    """Return all that is said of a system that falls silent twice, with looks between windows."""
    scenario = Scenario(START, now=START)
    (rule,) = policy_on_silence(scenario.plan.policy).rules
    text = policy_text({"schema": "pantau.policy/1"}, [rule])
    digest = "sha256:" + hashlib.sha256(text).hexdigest()
    policy = Policy(id="silence", rules=(rule,), digest=digest, text=text)
    scenario.plan = replace(
        scenario.plan,
        policy=policy,
        settings=replace(scenario.plan.settings, silence_window="1h"),
    )
    scenario.state.opened_at = scenario.state.silence_told_at = scenario.clock.now()
    scenario.status(assigned=("0",), caught_up=("0",))
    reports: list[Report] = []
    for count, pause in enumerate((*[5] * 30, 95, *[5] * 30, 130)):
        event(scenario, count)
        reports += pass_minutes(scenario, pause)
    return policy, reports


def test_a_silence_that_was_told_between_two_windows(tmp_path: Path) -> None:
    policy, reports = silent_reports()
    states = {v.state for r in reports for v in r.verdicts}
    assert {"ok", "breach"} <= states
    assert of_replay(logged(tmp_path, policy, reports)) == []


def test_a_verdict_on_labels_that_was_changed_is_found(tmp_path: Path) -> None:
    policy, reports = labelled_reports()
    last = max((r for r in reports if r.final and r.revision), key=lambda r: r.window.end)
    place = reports.index(last)
    verdict = next(v for v in last.verdicts if v.state != "ok" and v.reason != "provisional")
    others = [v for v in last.verdicts if v is not verdict]
    changed = msgspec.structs.replace(verdict, state="ok", reason=None)
    reports[place] = msgspec.structs.replace(last, verdicts=(*others, changed))
    codes = {code for code, _, _ in of_replay(logged(tmp_path, policy, reports))}
    assert "verdict_differs" in codes
