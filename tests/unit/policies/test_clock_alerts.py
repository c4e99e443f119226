"""The alert of an incident clock: how loud it is when, what it says, and what it never says."""

from __future__ import annotations

import msgspec
import pytest

from policies.alerts import LABELS
from policies.clock_alerts import clock_alert
from policies.clocks import Incident, stage_of, ticking
from policies.effective import effective
from policies.load import load_packs

PACKS = load_packs(["country-vn", "country-sg", "country-my"])
CLOCKS = {
    clock.id: clock
    for clock in effective(PACKS, oversight="human_in_the_loop", maturity="baseline").clocks
}
HOUR = 3_600
DAY = 24 * HOUR
AT = 1_795_334_400
SECRET = "Jane Roe, jane.roe@bank.example"
INCIDENT = Incident(
    id="INC-1",
    system="loan",
    event="ai_incident",
    moments={"confirmed_at": AT},
    by={"confirmed_at": SECRET},
)


def test_a_clock_of_working_days_says_how_they_are_counted() -> None:
    clock = msgspec.structs.replace(CLOCKS["vn-ai-serious-incident"], seconds=5 * DAY)
    says = "It has 5 working days (counted as 120 h, so never too late: weekends and holidays"
    for calendar in (True, False):
        one = ticking([msgspec.structs.replace(clock, calendar=calendar)], INCIDENT, AT)[0]
        found = clock_alert(INCIDENT, one)
        assert found is not None
        assert (says in found.annotations["description"]) is not calendar


def stands(incident: Incident, clock: str, now: float) -> dict[str, str]:
    """Return labels and annotations of the alert that should stand, in one mapping."""
    (one,) = ticking([CLOCKS[clock]], incident, now)
    found = clock_alert(incident, one)
    assert found is not None
    assert tuple(found.labels) == LABELS
    assert found.annotations["principle"] == "P6 Accountability and Integrity"
    return {**found.annotations, **found.labels}


@pytest.mark.parametrize(
    ("hours", "alertname", "state", "severity"),
    [
        (0, "PantauIncidentClock", "running", "ticket"),
        (47.99, "PantauIncidentClock", "running", "ticket"),
        (48, "PantauIncidentClock", "due_soon", "page"),
        (72, "PantauIncidentClock", "due_soon", "page"),
        (72.01, "PantauIncidentOverdue", "overdue", "page"),
    ],
)
def test_viet_nams_clock_is_a_ticket_then_a_page_then_overdue(
    hours: float, alertname: str, state: str, severity: str
) -> None:
    told = stands(INCIDENT, "vn-ai-serious-incident", AT + hours * HOUR)
    assert (told["alertname"], told["state"], told["severity"]) == (alertname, state, severity)
    assert told["rule"] == "vn-ai-serious-incident/INC-1"
    assert told["due"] == "2026-11-25T08:00:00Z"


@pytest.mark.parametrize(
    ("clock", "days", "state"),
    [
        ("my-data-breach-persons", 5.9, "running"),
        ("my-data-breach-persons", 6, "due_soon"),
        ("sg-data-breach-assessment", 28.9, "running"),
        ("sg-data-breach-assessment", 29, "due_soon"),
    ],
)
def test_a_long_clock_pages_on_its_last_day_only(clock: str, days: float, state: str) -> None:
    breach = msgspec.structs.replace(INCIDENT, event="data_breach", moments={"aware_at": AT})
    assert stands(breach, clock, AT + days * DAY)["state"] == state


def test_it_names_the_law_its_confidence_and_the_next_command() -> None:
    told = stands(INCIDENT, "vn-ai-serious-incident", AT)
    assert (told["source"], told["confidence"]) == ("VN-D142:19.3.a", "medium")
    assert (told["incident"], told["event"]) == ("INC-1", "ai_incident")
    closing = (
        "`pantau policy clock close INC-1 --clock vn-ai-serious-incident --by ROLE --reason TEXT "
        "-c FILE`"
    )
    assert closing in told["recommended_action"]
    for part in ("VN-D142:19.3.a", "2026-11-22", "confidence medium", "for a human to decide"):
        assert part in told["description"]


def test_a_clock_that_waits_names_the_moment_that_is_missing_and_how_to_state_it() -> None:
    detected = msgspec.structs.replace(INCIDENT, moments={"detected_at": AT})
    told = stands(detected, "vn-ai-serious-incident", AT + 100 * DAY)
    assert (told["state"], told["severity"]) == ("waiting", "ticket")
    assert "waits for confirmed_at, which nobody has stated" in told["summary"]
    assert (
        "`pantau policy clock state INC-1 --system loan --event ai_incident "
        "--at confirmed_at=TIME --by ROLE -c FILE`"
    ) in told["recommended_action"]
    assert not {"due", "started"} & told.keys()


@pytest.mark.parametrize("hours", [0, 50, 100])
def test_nobody_who_stated_something_is_named(hours: int) -> None:
    told = " ".join(stands(INCIDENT, "vn-ai-serious-incident", AT + hours * HOUR).values())
    assert "Jane" not in told
    assert "@" not in told


def test_a_closed_clock_has_no_alert() -> None:
    closed = msgspec.structs.replace(INCIDENT, closed=AT + 5, closed_by=SECRET, reason="told")
    (one,) = ticking([CLOCKS["vn-ai-serious-incident"]], closed, AT + 100 * HOUR)
    assert stage_of(one) is None
    assert clock_alert(closed, one) is None
