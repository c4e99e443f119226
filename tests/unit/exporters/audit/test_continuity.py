"""Heartbeats and clocks of a log, at the limits of what they allow."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.read.continuity import ContinuityChecks
from exporters.audit.record import Author, Draft, seal
from tests.unit.exporters.samples import START

ORIGIN = "bank/loans/01ARZ3NDEKTSV4RRFFQ69G5FAV"
KEY = f"{ORIGIN}+976e33ea+AfbpPPQdXE8P0aRO9uLjMYXhgkVDgZXByzjTt4YWSB5X"
DATA: dict[str, dict[str, Any]] = {
    "agent.start": {},
    "clock.step": {"step_ms": 3_000},
    "log.close": {"reason": "its time was over", "size": 1},
    "log.expire": {
        "origin": ORIGIN,
        "size": None,
        "root": None,
        "ended": "2026-01-01T00:00:00.000Z",
        "retention_days": 400,
    },
    "log.gap": {"reason": "the disk was full"},
    "log.key.rotate": {"old": None, "new": KEY, "reason": "asked for"},
}


class At(NamedTuple):
    """A record, and the seconds since the start by either clock."""

    name: str
    mono: float
    wall: float
    data: dict[str, Any] | None = None
    boot: str = "boot-1"


def beat(at: float, seconds: float, records: int) -> At:
    data = {"interval_seconds": seconds, "records": records, "reports": 0, "alerts": 0}
    return At("heartbeat", at, at, {**data, "events": None})


def codes(*records: At) -> list[str]:
    findings = Findings()
    checks = ContinuityChecks(findings)
    for seq, one in enumerate(records):
        author = Author(ORIGIN, one.boot, "0.1.0", f"sha256:{'c' * 64}")
        draft = Draft(name=one.name, id=None, data=one.data or DATA[one.name])
        mono = round(one.mono * 1e9)
        envelope, data = types.read(seal(draft, author, seq=seq, time=START + one.wall, mono=mono))
        checks.take(envelope, data, f"entry {seq}")
    return [finding.code for finding in findings.conclude(ORIGIN, len(records)).findings]


@pytest.mark.parametrize(
    ("passed", "step", "found"),
    [
        (0.0, 2.5, []),
        (0.0, 2.501, ["clock_unexplained"]),
        (0.0, -2.5, []),
        (0.0, -2.501, ["clock_unexplained"]),
        # A clock that is being slewed gains a second in a thousand.
        (1_000.0, 3.499, []),
        (1_000.0, 3.501, ["clock_unexplained"]),
    ],
)
def test_a_step_of_the_wall_clock_is_one_from_two_and_a_half_seconds(
    passed: float, step: float, found: list[str]
) -> None:
    later = passed + 61
    assert (
        codes(
            At("agent.start", 0, 0),
            At("agent.start", passed, passed + step),
            At("agent.start", later, later + step),
        )
        == found
    )


@pytest.mark.parametrize(("told", "found"), [(60, []), (60.001, ["clock_unexplained"])])
def test_a_step_has_to_be_told_within_a_minute(told: float, found: list[str]) -> None:
    step = At("agent.start", 0, 3)
    assert codes(At("agent.start", 0, 0), step, At("agent.start", told, told + 3)) == found
    assert codes(At("agent.start", 0, 0), step, At("clock.step", 70, 73)) == []


@pytest.mark.parametrize(
    ("since", "found"),
    [(55, []), (54.999, ["heartbeat_missing"]), (65, []), (65.001, ["heartbeat_missing"])],
)
def test_a_heartbeat_comes_within_five_seconds_of_when_it_says(
    since: float, found: list[str]
) -> None:
    start = At("agent.start", 0, 0)
    assert codes(start, beat(60, 60, 1), beat(60 + since, 60, 1)) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("log.close", []),
        ("log.expire", []),
        ("log.gap", []),
        ("log.key.rotate", []),
        ("agent.start", ["count_mismatch"]),
    ],
)
def test_a_heartbeat_need_not_count_what_is_written_around_it(name: str, found: list[str]) -> None:
    first = [At("agent.start", 0, 0), beat(60, 60, 1)]
    assert codes(*first, At(name, 90, 90), beat(120, 60, 1)) == found
    # Only the one interval is passed over.
    assert codes(*first, At(name, 90, 90), beat(120, 60, 2), beat(180, 60, 9)) == ["count_mismatch"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("log.close", []),
        ("log.expire", []),
        ("log.gap", []),
        ("log.key.rotate", []),
        ("agent.start", ["restart_untold"]),
    ],
)
def test_a_run_begins_with_what_it_has_to_say_of_the_log(name: str, found: list[str]) -> None:
    assert codes(At("agent.start", 9, 9), At(name, 0, 0, boot="boot-2")) == found
