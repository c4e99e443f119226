"""A finding that nobody ends is told once more, by itself, and only once (rules HO-2, AC-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from agent.signals.card import Correction
from policies.model import ALL_VERSIONS, Alert, Report
from tests.acceptance.scenario import Scenario
from tests.acceptance.unfair_hours import HOUR, START, decisions

DAY = 86_400
UNFAIR_HOURS, HOURS = 120, 180


def decisions_of_two_versions(hour: int) -> list[dict[str, Any]]:
    rows = decisions(hour, UNFAIR_HOURS)
    return [{**row, "version": f"v{1 + (i // 2) % 2}"} for i, row in enumerate(rows)]


def lived(
    *, owned: bool = True, step: int = 1, corrections: tuple[Correction, ...] = ()
) -> tuple[list[Report], list[Alert]]:
    """Return what all hours bring, given to the system `step` hours at a time."""
    scenario = Scenario(START, now=START + (HOURS + 1) * HOUR)
    settings = replace(scenario.plan.settings, owned=owned, corrections=corrections)
    # An hour has too few people to show that a gap is gone.
    scenario.plan = replace(scenario.plan, settings=settings, lengths=("12h",))
    reports: list[Report] = []
    for hour in range(0, HOURS, step):
        hours = range(hour, min(hour + step, HOURS))
        reports += scenario.push([row for one in hours for row in decisions_of_two_versions(one)])
    return reports, scenario.alerts


@pytest.fixture(scope="module")
def life() -> tuple[list[Report], list[Alert]]:
    return lived()


def history(alerts: Sequence[Alert], rule: str) -> list[tuple[str, str, int]]:
    """Return how alerts of a rule were raised and closed, each with its hour."""
    return [
        (
            a.change,
            a.labels["model_version"],
            ((a.resolved_at or a.starts_at) - START) // HOUR,
        )
        for a in alerts
        if a.labels["rule"] == rule and a.change != "updated"
    ]


def values(reports: Sequence[Report], name: str) -> list[tuple[float | None, ...]]:
    return [
        (s.low, s.value, s.high, s.n)
        for report in reports
        for s in report.signals
        if s.name == name and report.model_version == ALL_VERSIONS
    ]


def test_the_oldest_finding_is_told_once_and_is_over_when_the_findings_are(
    life: tuple[list[Report], list[Alert]],
) -> None:
    reports, alerts = life
    gaps = history(alerts, "FA-1")
    assert {hour for change, _, hour in gaps if change == "raised"} == {12}
    assert max(hour for change, _, hour in gaps if change == "closed") == 144
    # The window from 96 to 108 shows that the gap stood for 84 hours, and the next report says so.
    # All three versions have the findings, and one of them is told of.
    assert history(alerts, "HO-2") == [("raised", "*", 120), ("closed", "*", 156)]
    pooled = [v for r in reports if r.model_version == ALL_VERSIONS for v in r.verdicts]
    states = [v.state for v in pooled if v.rule == "HO-2"]
    assert (states[0], states[-1]) == ("ok", "ok")


def test_the_time_is_the_same_however_the_stream_is_cut(
    life: tuple[list[Report], list[Alert]],
) -> None:
    reports, _ = life
    other, _ = lived(step=7)
    name = "governance.oldest_finding_hours"
    assert values(reports, name) == values(other, name)
    assert max(value for _, value, _, _ in values(reports, name) if value is not None) > 100


def test_a_version_leaves_the_time_to_the_system(life: tuple[list[Report], list[Alert]]) -> None:
    reports, _ = life
    found = {
        (report.model_version, signal.reason)
        for report in reports
        for signal in report.signals
        if signal.name == "governance.uncorrected_days"
    }
    assert found == {("*", None), ("v1", "published_at:*"), ("v2", "published_at:*")}


def test_a_correction_on_record_starts_the_days_anew(
    life: tuple[list[Report], list[Alert]],
) -> None:
    name = "governance.uncorrected_days"
    mended, _ = lived(
        corrections=(
            Correction("FA-1", "gender", START + 3 * DAY),
            Correction("FA-2", None, START + 3 * DAY),
        )
    )
    uncorrected, corrected = (
        max(value for _, value, *_ in values(found, name) if value is not None)
        for found in (life[0], mended)
    )
    assert (uncorrected, corrected) == (4.5, 2.0)


def test_the_alert_about_a_missing_owner_does_not_keep_itself_alive() -> None:
    _, alerts = lived(owned=False)
    told = [(change, hour) for change, version, hour in history(alerts, "AC-1") if version == "*"]
    assert told[0] == ("raised", 24)
    assert told[-1] == ("closed", 168)
