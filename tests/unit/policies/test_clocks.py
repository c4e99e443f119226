"""Incident clocks start from what a human states, and say where they come from."""

from __future__ import annotations

import msgspec
import pytest

from policies.clocks import Incident, draft, left_words, ticking
from policies.effective import effective
from policies.load import load_packs

POLICY = effective(
    load_packs(["country-vn", "country-sg"]), oversight="human_in_the_loop", maturity="baseline"
)
HOUR = 3_600
AT = 1_800_000_000
INCIDENT = Incident(
    id="INC-1",
    system="loan",
    event="ai_incident",
    moments={"detected_at": AT - HOUR},
    by={"detected_at": "operator"},
)
CONFIRMED = msgspec.structs.replace(
    INCIDENT,
    moments={**INCIDENT.moments, "confirmed_at": AT},
    by={**INCIDENT.by, "confirmed_at": "risk-officer"},
)


def test_viet_nams_clock_waits_for_confirmation_and_not_for_detection() -> None:
    (clock,) = ticking(POLICY.clocks, INCIDENT, AT)
    assert (clock.clock.starts, clock.state, clock.due) == ("confirmed_at", "waiting", None)


@pytest.mark.parametrize(
    ("hours", "state", "left"), [(0, "running", 72), (72, "running", 0), (73, "overdue", -1)]
)
def test_it_runs_72_hours_from_there(hours: int, state: str, left: int) -> None:
    (clock,) = ticking(POLICY.clocks, CONFIRMED, AT + hours * HOUR)
    assert (clock.state, clock.due) == (state, AT + 72 * HOUR)
    assert clock.left == left * HOUR


def test_a_closed_incident_has_no_time_left() -> None:
    closed = msgspec.structs.replace(CONFIRMED, closed=AT + 5, closed_by="x", reason="told")
    (clock,) = ticking(POLICY.clocks, closed, AT + 100 * HOUR)
    assert (clock.state, clock.left) == ("closed", None)


def test_a_breach_has_the_clocks_of_breaches() -> None:
    breach = msgspec.structs.replace(
        CONFIRMED, event="data_breach", moments={"assessed_notifiable_at": AT}
    )
    found = {one.clock.id: one for one in ticking(POLICY.clocks, breach, AT)}
    assert found.keys() == {c.id for c in POLICY.clocks if c.event == "data_breach"}
    singapore = [one for one in found.values() if one.clock.pack == "country-sg"]
    assert [one.due for one in singapore if one.state == "running"] == [AT + 3 * 24 * HOUR]


def test_the_draft_says_what_is_known_and_that_nothing_is_decided() -> None:
    text = draft(CONFIRMED, ticking(POLICY.clocks, CONFIRMED, AT), ["system loan"])
    assert text.startswith("# DRAFT, not sent: ai_incident INC-1 of loan")
    assert "A human decides whether this must be notified" in text
    assert "confirmed_at: 2027-01-15T08:00:00Z, stated by risk-officer" in text
    assert "due 2027-01-18T08:00:00Z" in text
    assert "VN-D142" in text
    assert "confidence medium" in text
    assert draft(CONFIRMED, [], []).count("none in the policy") == 1


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (59, "0 h 0 min left"),
        (0, "0 h 0 min left"),
        (-1, "overdue by 0 h 0 min"),
        (-60, "overdue by 0 h 1 min"),
        (96 * HOUR - 1, "95 h 59 min left"),
        (96 * HOUR, "4 d 0 h left"),
        (-97 * HOUR, "overdue by 4 d 1 h"),
    ],
)
def test_what_is_left_is_told_to_the_minute_and_from_four_days_on_in_days(
    left: float, words: str
) -> None:
    assert left_words(left) == words
