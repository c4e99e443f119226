"""How long findings stand: since they were raised, as far as windows tell, by the window's end."""

from __future__ import annotations

import pytest

from agent.layout import build_layout
from agent.signals.card import Correction, Waiting
from agent.signals.context import Settings, SignalContext
from agent.signals.resolution import oldest_finding_hours, uncorrected_days
from agent.summary import empty
from agent.waiting import open_findings, waiting
from collectors.schema import EventSchema
from policies.alerts import Cause
from policies.model import Alert, Signal, State, Threshold, Window
from policies.wording import Kind, Part

HOUR, DAY = 3_600, 86_400


def part(
    newest: int,
    *,
    length: int = HOUR,
    raised: int | None = 0,
    kind: Kind = "breach",
    now: State = "breach",
    signal: str = "drift.psi",
) -> Part:
    """Return a finding raised at `raised` whose newest window that showed it ends at `newest`."""
    return Part(
        kind=kind,
        severity="ticket",
        subject={},
        signal=signal,
        window=Window(newest - length, newest, "1h" if length == HOUR else "1d"),
        since=-length,
        now=now,
        threshold=Threshold(">", 0.1, 0.2),
        raised=raised,
    )


def context(end: int, *parts: Part, corrections: tuple[Correction, ...] = ()) -> SignalContext:
    layout = build_layout(EventSchema(id="id", time="t", features={}))
    return SignalContext(
        layout,
        empty(layout),
        None,
        Window(end - HOUR, end, "1h"),
        Settings(corrections=corrections),
        waiting=tuple(Waiting("DR-1", "", one) for one in parts),
    )


def bounds(found: list[Signal]) -> tuple[float | None, float | None, float | None, int | None]:
    (signal,) = found
    return (signal.low, signal.value, signal.high, signal.n)


def test_without_a_finding_nothing_waits() -> None:
    assert bounds(oldest_finding_hours(context(DAY))) == (0, 0, 0, 0)
    assert bounds(uncorrected_days(context(DAY))) == (0, 0, 0, 0)


def test_a_finding_has_stood_since_it_was_raised_as_far_as_windows_tell() -> None:
    # Raised at 0; the hour from 29 to 30 showed it again; now hour 30 to 31 is judged.
    newest = part(30 * HOUR)
    assert bounds(oldest_finding_hours(context(31 * HOUR, newest))) == (29, 30, 31, 1)
    # The older of two counts, and it is named.
    younger = part(30 * HOUR, raised=10 * HOUR)
    found = oldest_finding_hours(context(31 * HOUR, younger, newest))
    assert bounds(found) == (29, 30, 31, 2)
    assert found[0].method == "bounds, DR-1"


def test_a_long_window_is_given_time_to_show_that_the_finding_is_over() -> None:
    # Raised at the end of a day: no later day has been judged, so nothing is known of it yet.
    fresh = part(0, length=DAY)
    assert bounds(oldest_finding_hours(context(20 * HOUR, fresh))) == (0, 0, 20, 1)
    again = part(DAY, length=DAY)
    assert bounds(oldest_finding_hours(context(2 * DAY, again))) == (0, 24, 48, 1)


def test_what_can_no_longer_be_judged_is_not_resolved_and_what_is_ok_again_waits_no_longer() -> (
    None
):
    lost = part(30 * HOUR, now="not_assessable")
    assert bounds(oldest_finding_hours(context(99 * HOUR, lost))) == (29, 30, 99, 1)
    clearing = part(30 * HOUR, now="ok")
    assert bounds(oldest_finding_hours(context(99 * HOUR, clearing))) == (29, 30, 30, 1)


def test_a_finding_of_a_store_without_its_raising_counts_from_its_first_window() -> None:
    old = part(30 * HOUR, raised=None)
    assert bounds(oldest_finding_hours(context(31 * HOUR, old))) == (29, 30, 31, 1)


def test_a_correction_in_effect_starts_the_days_anew() -> None:
    stood = part(40 * DAY, length=DAY)

    def days(*corrections: Correction) -> tuple[float | None, ...]:
        return bounds(uncorrected_days(context(41 * DAY, stood, corrections=corrections)))[:3]

    assert days() == (39, 40, 41)
    assert days(Correction("DR-1", None, 30 * DAY)) == (9, 10, 11)
    # One before the finding, of another rule, of an attribute, or still to come, corrects nothing.
    for other in (
        Correction("DR-1", None, -DAY),
        Correction("DR-3", None, 30 * DAY),
        Correction("DR-1", "sex", 30 * DAY),
        Correction("DR-1", None, 41 * DAY),
    ):
        assert days(other) == (39, 40, 41)
    both = (Correction("DR-1", None, 35 * DAY), Correction("DR-1", None, 20 * DAY))
    assert days(*both) == (4, 5, 6)


def test_a_warning_needs_no_correction() -> None:
    warned = context(41 * DAY, part(40 * DAY, kind="warn", now="warn"))
    assert bounds(uncorrected_days(warned)) == (0, 0, 0, 0)


def cause(signal: str, alertname: str = "PantauBreach") -> Cause:
    labels = {"alertname": alertname, "rule": "R", "attribute": "sex"}
    alert = Alert(labels=labels, annotations={}, starts_at=0)
    return Cause(alert=alert, parts={"1h|{}": part(HOUR, signal=signal)})


@pytest.mark.parametrize(
    ("of", "counts"),
    [
        (cause("drift.psi"), True),
        (cause("fairness.statistical_parity_difference"), True),
        (cause("drift.psi", "PantauNotAssessable"), False),
        (cause("governance.oldest_finding_hours"), False),
        (cause("fairness.equal_opportunity_difference"), False),
        (cause("anomaly.silence"), False),
    ],
)
def test_only_findings_that_every_run_shares_are_timed(of: Cause, counts: bool) -> None:
    found = [Waiting("R", "sex", one) for one in of.parts.values()] if counts else []
    assert waiting({"k": of}) == tuple(found)


def test_the_alert_that_nobody_owns_findings_is_no_finding_to_own() -> None:
    nobody = cause("governance.open_without_owner")
    assert open_findings({"a": cause("drift.psi"), "b": nobody}) == 1
    assert open_findings({"b": nobody}) == 0
