"""Heartbeats and clocks of a log, at the limits of what they allow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
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


def codes(
    *records: At,
    text: bytes | None = None,
    ids: Sequence[str | None] = (),
    origins: Sequence[str] = (),
) -> list[str]:
    findings = Findings()
    checks = ContinuityChecks(findings, lambda digest: text)
    for seq, (one, record_id, origin) in enumerate(zip_longest(records, ids, origins)):
        author = Author(origin or ORIGIN, one.boot, "0.1.0", f"sha256:{'c' * 64}")
        draft = Draft(name=one.name, id=record_id, data=one.data or DATA[one.name])
        mono = round(one.mono * 1e9)
        envelope, data = types.read(seal(draft, author, seq=seq, time=START + one.wall, mono=mono))
        checks.take(envelope, data, f"entry {seq}")
    checks.conclude()
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
    shown = codes(
        At("agent.start", 0, 0),
        At("agent.start", passed, passed + step),
        At("agent.start", later, later + step),
    )
    assert [code for code in shown if code != "heartbeat_late"] == found


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


def resume(at: float, size: int, *, clean: bool = True, wall: float | None = None) -> At:
    data = {"clean": clean, "size": size, "replayed": 0, "cut_bytes": 0, "downtime_seconds": 1.0}
    return At("log.resume", at, at if wall is None else wall, data, "boot-2")


EMPTY = At("quarantine.summary", 0, 0, {"total": 0})
BEATS_LEFT_OUT = {"reason": "the disk was full", "counts": {"heartbeat": 2}}


@pytest.mark.parametrize(("last", "found"), [(90, []), (90.001, ["heartbeat_missing"])])
def test_a_run_that_ends_in_order_writes_little_after_a_heartbeat_was_due(
    last: float, found: list[str]
) -> None:
    assert codes(EMPTY, EMPTY._replace(mono=last, wall=last), resume(0, 2, wall=last)) == found


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ([], ["heartbeat_late"]),
        ([resume(200, 2, clean=False)], ["heartbeat_late"]),
        ([At("agent.stop", 200, 200, {"clean": True})], ["heartbeat_missing"]),
        ([At("log.gap", 201, 201, BEATS_LEFT_OUT)], []),
        ([At("log.gap", 201, 201)], ["heartbeat_late"]),
    ],
)
def test_silence_is_unknown_where_a_run_may_have_been_killed(
    end: list[At], found: list[str]
) -> None:
    ids = [f"{one.name}/{one.boot}" for one in end if one.name == "agent.stop"]
    records = [EMPTY, EMPTY._replace(mono=200, wall=200), *end]
    assert codes(*records, ids=[None, None, *ids]) == found


@pytest.mark.parametrize(
    ("interval", "last", "found"),
    [
        (10, 40, []),
        (10, 40.001, ["heartbeat_late"]),
        (600, 900, []),
        (600, 901, ["heartbeat_late"]),
    ],
)
def test_how_often_a_heartbeat_comes_is_what_the_configuration_says(
    interval: float, last: float, found: list[str]
) -> None:
    digest = f"sha256:{'d' * 64}"
    text = json.dumps({"exporters": [{"type": "audit", "heartbeat": interval}]}).encode()
    change = At("config.change", 0, 0, {"digest": digest, "blob": digest})
    there = EMPTY._replace(mono=last, wall=last)
    assert codes(change, there, text=text) == found
    beats = [beat(last, last, 1), beat(last + interval, interval, 1)]
    assert codes(change, *beats, text=text) == found


def test_heartbeats_that_were_left_out_may_be_told_after_the_next_one() -> None:
    late = [EMPTY, beat(60, 60, 1), beat(240, 60, 1)]
    assert codes(*late, beat(300, 60, 1)) == ["heartbeat_missing"]
    assert codes(*late, At("log.gap", 241, 241, BEATS_LEFT_OUT), beat(300, 60, 2)) == []


def test_a_heartbeat_counts_alerts_and_their_deliveries() -> None:
    delivered = {"exporter": "alertmanager", "change": "raised", "outcome": "delivered"}
    told = At("alert.delivered", 1, 1, {**delivered, "labels": {}})
    counted = beat(60, 60, 2)
    assert codes(EMPTY, told, counted) == ["count_mismatch"]
    assert counted.data is not None
    assert codes(EMPTY, told, counted._replace(data={**counted.data, "alerts": 1})) == []


def test_a_stop_that_could_not_be_written_may_come_in_the_next_run() -> None:
    start = At("agent.start", 0, 0)
    stop = At("agent.stop", 3, 3, {"clean": True}, "boot-2")
    assert codes(start, resume(2, 1), ids=["agent.start/boot-1"]) == ["stop_missing"]
    assert codes(start, resume(2, 1, clean=False), ids=["agent.start/boot-1"]) == []
    known = ["agent.start/boot-1", None, "agent.stop/boot-1"]
    assert codes(start, resume(2, 1), stop, ids=known) == []


@pytest.mark.parametrize(("size", "found"), [(1, []), (0, ["count_mismatch"])])
def test_a_restart_and_an_end_say_how_many_records_came_before(size: int, found: list[str]) -> None:
    assert codes(EMPTY, resume(1, size)) == found
    close = {"reason": "its time was over", "size": size}
    assert codes(EMPTY, At("log.close", 1, 1, close)) == found


def test_nothing_comes_after_the_end_of_an_epoch_but_the_next_epoch() -> None:
    close = At("log.close", 0, 0, {"reason": "its time was over", "size": 0})
    assert codes(close, EMPTY) == ["record_after_close"]
    assert codes(close, EMPTY, origins=[ORIGIN, ORIGIN[:-1] + "W"]) == []


@pytest.mark.parametrize(
    ("moved", "told", "found"),
    [
        (-36_000, -36_000, []),
        (-36_000, 0, ["clock_unexplained"]),
        (-36_000, -35_997.4, ["clock_unexplained"]),
        (0, -36_000, ["clock_unexplained"]),
    ],
)
def test_a_step_is_told_as_it_was(moved: float, told: float, found: list[str]) -> None:
    beats = [EMPTY, beat(60, 60, 1), beat(120, 60, 1)]
    step = At("clock.step", 121, 121 + moved, {"step_ms": round(told * 1_000)})
    assert codes(*beats, step) == found
    between = EMPTY._replace(mono=120.5, wall=120.5 + moved)
    assert codes(*beats, between, step) == found


def test_a_step_that_is_told_after_a_record_that_one_is_left_out_may_show_before_it() -> None:
    left_out = {"reason": "not written: refused, or no room", "counts": {"clock.step": 1}}
    beats = [EMPTY, beat(60, 60, 1), beat(120, 60, 1)]
    gap = At("log.gap", 121, 111, left_out)
    step = {"step_ms": -5_000}
    assert codes(*beats, gap, At("clock.step", 121, 111, step)) == []
    late = [beat(180, 60, 2)._replace(wall=170), At("clock.step", 182, 172, step)]
    assert codes(*beats, gap, *late) == ["clock_unexplained"]


def test_a_step_before_the_first_record_of_a_run_shows_in_none() -> None:
    assert codes(EMPTY, At("clock.step", 1, 1, {"step_ms": -36_000})) == []


@pytest.mark.parametrize(("back", "found"), [(2.5, []), (2.501, ["clock_unexplained"])])
def test_a_run_begins_after_the_one_before_it(back: float, found: list[str]) -> None:
    resumed = resume(9, 1, wall=-back)
    step = {"step_ms": round(-back * 1_000)}
    late = EMPTY._replace(mono=11, wall=-back + 2, boot="boot-2")
    assert codes(EMPTY, resumed, late) == found
    told = At("clock.step", 9, -back, step, "boot-2")
    assert codes(EMPTY, resumed, told, late) == []
    assert codes(EMPTY, resumed, told._replace(data={"step_ms": 0}), late) == found
    # Killed before it could tell; the next run is after it.
    assert codes(EMPTY, resumed, resume(2, 2, wall=1)._replace(boot="boot-3")) == []
