"""What the agent judged can be judged again from its log, whatever held its verdicts back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agent.signals.table import label_based
from exporters.audit.findings import REPLAY, Verification
from exporters.audit.read.evidence import Evidence
from exporters.audit.read.sealed import LOCKED, NOWHERE
from exporters.audit.read.unseal import read_keys
from exporters.audit.read.verify import verify_published
from policies.effective import Policy, policy_text
from policies.model import Because, Notice, Report, Verdict
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_labels import events, labels, scene
from tests.acceptance.test_silence import event, pass_minutes, policy_on_silence
from tests.acceptance.waiting import DAY, HORIZON, HOUR, START, move, of_hour
from tests.unit.exporters.audit.logs import NOTHING, number, writer


def logged(
    folder: Path, policy: Policy, reports: Sequence[Report], *, with_key: bool = True
) -> Verification:
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
    keys = read_keys(folder / "audit.state") if with_key else None
    return verify_published(folder / "audit", Evidence(), replay=True, unseal=keys)


def of_replay(found: Verification) -> list[tuple[str, str, str]]:
    """Return what replay found."""
    codes = REPLAY["replay"][1]
    return [(f.code, f.where, f.detail) for f in found.findings if f.code in codes]


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


def test_labels_of_a_few_favourable_predictions_and_of_no_others(tmp_path: Path) -> None:
    scenario = scene()
    reports = scenario.push(events())
    reports += scenario.push([one for one in labels(80) if one["label"] == "1"])
    reports += move(scenario, START + 12 * HOUR + HORIZON + DAY)
    decided = of_hour(reports)[-1]
    selective = {s.name for s in decided.signals if (s.reason or "").startswith("selective")}
    said = [v for v in decided.verdicts if v.because and v.because[0].name in selective]
    assert said
    assert {(v.reason or "").partition(":")[0] for v in said} == {"label_coverage"}
    assert of_replay(logged(tmp_path, scenario.plan.policy, reports)) == []


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


def hour(start: int, groups: str, favourable: dict[str, int]) -> list[dict[str, object]]:
    """Return an hour of decisions, one each 10 s: so many in ten are favourable, by group."""
    seen: Counter[str] = Counter()
    rows: list[dict[str, object]] = []
    for i in range(360):
        group = groups[i % len(groups)]
        seen[group] += 1
        rows.append(
            {
                "time": start + i * 10,
                "id": f"{start}-{i}",
                "approve": str(int(seen[group] % 10 < favourable[group])),
                "gender": group,
            }
        )
    return rows


def test_of_what_began_before_the_log_it_is_said_once_that_it_cannot_be_judged(
    tmp_path: Path,
) -> None:
    policy, reports = silent_reports()
    found = of_replay(logged(tmp_path / "silence", policy, reports[2:]))
    assert {code for code, _, _ in found} <= {"verdict_not_replayed"}
    policy, reports = fair_reports()
    found = of_replay(logged(tmp_path / "fair", policy, reports[6:]))
    assert {code for code, _, _ in found} == {"verdict_not_replayed"}
    before = [detail.partition(" since ")[0] for _, _, detail in found]
    windows = {(r.window.length, r.model_version) for r in reports}
    assert max(Counter(before).values()) <= len(windows)


def test_a_standing_breach_whose_signal_has_gone_is_told_on_from_before_the_log(
    tmp_path: Path,
) -> None:
    policy, reports = fair_reports()
    last = next(r for r in reversed(reports) if r.window.length == "1h")
    (gap,) = on_gaps(last)
    gone = msgspec.structs.replace(
        gap,
        subject={"attribute": "age"},
        state="not_assessable",
        severity="info",
        reason=f"signal_not_available: {gap.because[0].name}",
        because=(),
        since=last.window.start,
    )
    late = msgspec.structs.replace(last, verdicts=(*last.verdicts, gone))
    found = of_replay(logged(tmp_path / "late", policy, [late]))
    assert ("verdict_not_replayed", "it stands from before the records that are here") in {
        (code, detail.rpartition(": ")[2]) for code, _, detail in found
    }
    assert "verdict_missing" not in {code for code, _, _ in found}
    invented = msgspec.structs.replace(gone, reason=None, state="ok")
    wrong = msgspec.structs.replace(last, verdicts=(*last.verdicts, invented))
    found = of_replay(logged(tmp_path / "invented", policy, [wrong]))
    assert "verdict_missing" in {code for code, _, _ in found}


def test_what_is_withheld_stays_in_no_state_of_the_agent() -> None:
    scenario = scene()
    reports = scenario.push(events()) + move(scenario, START + 13 * HOUR)
    assert any(report.withheld for report in reports)
    assert scenario.state.latest
    assert not any(report.withheld for report in scenario.state.latest.values())
    room = scenario.state.room
    assert room is not None
    held = [room.table.held(room.number, key) for key in room.waiting]
    bodies = [msgspec.msgpack.decode(h, type=tuple[bytes, int, bytes])[2] for h in held if h]
    assert bodies
    assert {b'"withheld":[]' in body for body in bodies} == {True}


def fair_reports(small: bool = False) -> tuple[Policy, list[Report]]:
    """Return what is said of 12 hours of two groups, unfair in some; group values are of 12h.

    With a `small` group two people of a third one come in two of the hours.
    """
    scenario = Scenario(START, now=START + 30 * DAY)
    reports: list[Report] = []
    for count in range(13):
        start = START + count * HOUR
        rates = {"m": 7, "f": 7 if count % 3 else 3}
        rows = hour(start, "mf", rates)
        if small and count in (1, 3):
            rows[7]["gender"] = rows[8]["gender"] = "x"
        reports += scenario.push(rows)
    return scenario.plan.policy, reports + scenario.finish()


def on_gaps(report: Report) -> list[Verdict]:
    return [v for v in report.verdicts if v.rule == "FA-1" and set(v.subject) == {"attribute"}]


def test_what_only_one_length_publishes_is_judged_again_with_the_key_of_the_seals(
    tmp_path: Path,
) -> None:
    policy, reports = fair_reports()
    hourly = {v.state for r in reports if r.window.length == "1h" for v in on_gaps(r)}
    assert {"breach", "not_assessable"} <= hourly
    assert of_replay(logged(tmp_path / "with", policy, reports)) == []
    locked = logged(tmp_path / "without", policy, reports, with_key=False)
    assert locked.checks["replay"] == "UNKNOWN"
    assert {code for code, _, _ in of_replay(locked)} == {"verdict_not_replayed"}
    assert {detail.partition(": ")[2] for _, _, detail in of_replay(locked)} == {LOCKED}


@pytest.mark.parametrize("lie", ["ok", "as it would stand for no value"])
def test_a_flipped_verdict_on_sealed_values_is_found_with_the_key_and_never_passes_without(
    tmp_path: Path, lie: str
) -> None:
    policy, reports = fair_reports()
    honest = of_replay(logged(tmp_path / "honest", policy, reports, with_key=False))
    place = next(
        i
        for i, r in enumerate(reports)
        if r.window.length == "1h" and any(v.state == "breach" for v in on_gaps(r))
    )
    flipped = {"state": "ok", "severity": "info"}
    if lie != "ok":
        reason = "suppressed: published_at:12h"
        flipped = {"state": "not_assessable", "severity": "info", "reason": reason}
    report = reports[place]
    (gap,) = on_gaps(report)
    changed = [msgspec.structs.replace(gap, **flipped)]
    if lie != "ok":
        # The pair as well: all that the engine says where it is given no value.
        (pair,) = (
            s for s in report.signals if s.name == gap.because[0].name and "group" in s.subject
        )
        because = (Because(pair.name, pair.subject),)
        changed += [msgspec.structs.replace(changed[0], subject=pair.subject, because=because)]
    verdicts = (*(v for v in report.verdicts if v is not gap), *changed)
    reports[place] = msgspec.structs.replace(report, verdicts=verdicts)
    found = of_replay(logged(tmp_path / "with", policy, reports))
    assert {code for code, _, _ in found} <= {"verdict_differs", "verdict_missing"}
    assert "verdict_differs" in {code for code, _, _ in found}
    assert all("FA-1" in detail for _, _, detail in found)
    locked = logged(tmp_path / "without", policy, reports, with_key=False)
    assert locked.checks["replay"] == "UNKNOWN"
    assert of_replay(locked) == honest


def test_what_no_length_shows_is_not_sealed_either_and_no_failure(tmp_path: Path) -> None:
    """Two people of a third group: the gap of the others would tell how many they are."""
    policy, reports = fair_reports(small=True)
    small = [r for r in reports if any(s.status == "suppressed" for s in r.withheld)]
    assert {r.window.length for r in small} == {"1h", "12h"}
    for report in reports:
        values = {s.subject.get("group", "") for s in report.withheld if s.value is not None}
        assert report not in small or values <= {"m"}
        assert all(s.n is None for s in report.withheld)
    found = of_replay(logged(tmp_path, policy, reports))
    assert {code for code, _, _ in found} == {"verdict_not_replayed"}
    assert {detail.partition(": ")[2] for _, _, detail in found} == {NOWHERE}
    without = logged(tmp_path / "without", policy, reports, with_key=False)
    assert without.checks["replay"] == "UNKNOWN"


def test_labels_give_nothing_to_seal_before_they_are_due() -> None:
    _, reports = labelled_reports()
    names = label_based()
    early = [r for r in reports if not r.final]
    assert early
    assert not any(s.name in names for r in early for s in r.withheld)
    due = [s for r in reports if r.final for s in r.withheld if s.name in names]
    assert any(s.value is not None for s in due)
