"""Every kind of bad record in one stream: counted by reason, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.cli.main import main
from tests.support.decisions import SYSTEM, Row, as_lines, decisions, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z
HOUR = "2026-01-01T00:30:00Z"

CONFIG = (
    SYSTEM
    + """\
    reference: {data: past.jsonl}
    windows: [1h, 12h]
collectors:
  - {type: file, path: live.jsonl}
"""
)

Reports = list[dict[str, Any]]


class Fault(NamedTuple):
    """A bad record, and the reason under which it must be counted (None: it is an event)."""

    record: bytes
    reason: str | None


def record(number: int, **fields: Any) -> bytes:
    good: Row = {
        "id": f"bad-{number}",
        "at": HOUR,
        "approve": 1,
        "score": 0.5,
        "version": "v1",
        "income": 50.0,
        "purpose": "car",
        "gender": "m",
    }
    return json.dumps({**good, **fields}).encode()


def raw(number: int, income: str) -> bytes:
    """Return a record whose income is this text, which need not be JSON."""
    return record(number, income="?").replace(b'"?"', income.encode())


FAULTS: dict[str, Fault] = {
    "garbage bytes": Fault(b"\xff\xfe\x00garbage\x80", "bad_encoding"),
    "truncated JSON": Fault(record(1)[:40], "invalid_json"),
    "a list": Fault(b"[1,2,3]", "not_an_object"),
    "null": Fault(b"null", "not_an_object"),
    "deep nesting": Fault(b'{"a":' * 3_000 + b"1" + b"}" * 3_000, "invalid_json"),
    "11 MB": Fault(record(2, pad="x" * 11_000_000), "too_large"),
    "9.5 MB": Fault(record(3, pad="x" * 9_500_000), None),
    "wrong types": Fault(record(4, income="lots", score="high", purpose={"a": 1}), None),
    "a prediction that is an object": Fault(record(5, approve={"a": 1}), None),
    "NaN": Fault(raw(6, "NaN"), None),
    "infinity": Fault(raw(7, "Infinity"), None),
    "minus infinity": Fault(raw(8, "-Infinity"), None),
    "a number beyond all doubles": Fault(raw(9, "1e999"), None),
    "an unknown category": Fault(record(10, purpose="spaceship"), None),
    "an unknown group": Fault(record(11, gender="?"), None),
    "1970": Fault(record(12, at="1970-01-01T00:00:00Z"), "implausible_time"),
    "2099": Fault(record(13, at="2099-01-01T00:00:00Z"), "future"),
    "a naive time": Fault(record(14, at="2026-01-01T00:30:00"), "naive_time"),
    "a time in words": Fault(record(15, at="soon"), "unreadable_time"),
    "a time that is a truth value": Fault(record(16, at=True), "unreadable_time"),
    "a time before all time": Fault(record(17, at=-5), "implausible_time"),
    "a time after all time": Fault(record(18, at=9e30), "implausible_time"),
    "no time": Fault(b'{"id": "bad-19", "approve": 1}', "missing_time"),
    "nothing but a time": Fault(b'{"at": "%s"}' % HOUR.encode(), None),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(tmp_path / "past.jsonl", as_lines(decisions(2_000, start=START, every=10, seed=1)))
    (tmp_path / "pantau.yaml").write_text(CONFIG)
    return tmp_path


def backtest(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Reports]:
    capsys.readouterr()
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--output", "json", *more]
    code = main(command)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def good_and(faults: list[bytes]) -> list[bytes]:
    """Return 12 h of good decisions, one every 10 s, with faults in the middle of hour 0."""
    good = as_lines(decisions(12 * 360, start=START, every=10, seed=2))
    return [*good[:180], *faults, *good[180:]]


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, float):
        yield value


def test_each_bad_record_is_counted_by_its_reason_and_the_rest_is_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / "live.jsonl", good_and([fault.record for fault in FAULTS.values()]))
    code, reports = backtest(folder, capsys, "--fail-on", "never")
    assert code == 0
    expected: dict[str, int] = {}
    for fault in FAULTS.values():
        if fault.reason is not None:
            expected[fault.reason] = expected.get(fault.reason, 0) + 1
    usable = sum(fault.reason is None for fault in FAULTS.values())
    pooled = [r for r in reports if r["model_version"] == "*"]
    assert pooled[0]["coverage"]["rejected"] == expected
    assert pooled[0]["coverage"]["events"] == 360 + usable
    assert all(r["coverage"]["rejected"] == {} for r in pooled[1:-1])
    day = pooled[-1]
    assert (day["window"]["length"], day["coverage"]["events"]) == ("12h", 12 * 360 + usable)
    # Limits are the packs', not the input's; one that says "never" is the largest number there is.
    for verdict in (v for r in reports for v in r["verdicts"]):
        del verdict["threshold"]
    assert all(abs(x) < 1e300 for r in reports for x in numbers(r))

    measured = {(s["name"], json.dumps(s["subject"])): s for s in pooled[0]["signals"]}
    income = json.dumps({"feature": "income"})
    # `lots` and NaN; nothing but a time has none of the fields.
    assert measured["quality.missing_rate", income]["value"] == pytest.approx(3 / (360 + usable))
    assert measured["quality.type_mismatch_rate", income]["value"] == pytest.approx(
        1 / (360 + usable)
    )
    # One person's "?" is taken for no group's name; it is not passed over.
    odd = [s for s in day["signals"] if s["subject"].get("group") == "other"]
    assert odd
    assert {s["status"] for s in odd} == {"suppressed"}
    shown = json.dumps(reports)
    assert "spaceship" not in shown
    assert "garbage" not in shown


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.reason])
def test_where_most_records_are_bad_no_verdict_reads_ok(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = FAULTS[name]
    amount = 3 if len(bad.record) > 1_000_000 else 25
    good = as_lines(decisions(360, start=START, every=10, seed=2))
    few = good if amount == 25 else good[:40]
    write_lines(folder / "live.jsonl", [*few, *[bad.record] * amount])
    code, reports = backtest(folder, capsys)
    assert code == 0
    pooled = [r for r in reports if r["model_version"] == "*"]
    assert [r["coverage"]["rejected"] for r in pooled] == [{bad.reason: amount}] * 2
    for report in pooled:
        assert (report["coverage"]["complete"], report["coverage"]["incomplete_because"]) == (
            False,
            "rejected",
        )
        assert {v["state"] for v in report["verdicts"]} == {"not_assessable"}
        assert {v["reason"] for v in report["verdicts"]} == {"incomplete: rejected"}
    assert backtest(folder, capsys, "--fail-on", "not_assessable")[0] == 1


def test_repeats_count_once_and_those_with_another_body_are_told_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = decisions(360, start=START, every=10, seed=2)
    repeats = [*good[10:20], *({**row, "approve": 1 - row["approve"]} for row in good[30:35])]
    write_lines(folder / "live.jsonl", as_lines([*good[:40], *repeats, *good[40:]]))
    _, reports = backtest(folder, capsys)
    coverage = next(r["coverage"] for r in reports if r["model_version"] == "*")
    assert (coverage["events"], coverage["duplicates"], coverage["conflicts"]) == (360, 15, 5)
    write_lines(folder / "live.jsonl", as_lines(good))
    _, undisturbed = backtest(folder, capsys)
    for report, expected in zip(reports, undisturbed, strict=True):
        assert scores(report) == scores(expected)


def scores(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the drift of the score, which conflicting repeats leave as it is."""
    drift = [s for s in report["signals"] if s["name"].startswith("drift.")]
    found = [s for s in drift if s["subject"] == {"output": "score"}]
    assert len(found) == 4
    return found


def test_a_value_that_is_absent_everywhere_is_never_ok(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(2_000, start=START, every=10, seed=2)
    bare = [{key: row[key] for key in ("id", "at", "version")} for row in rows]
    write_lines(folder / "live.jsonl", as_lines(bare))
    _, reports = backtest(folder, capsys)
    watched = {"FA-1", "FA-2", "DR-1", "DR-2", "DR-3", "DR-4", "DQ-1-out-of-range"}
    for report in reports:
        states = {v["rule"]: v["state"] for v in report["verdicts"] if v["rule"] in watched}
        assert states, report["window"]
        assert set(states.values()) == {"not_assessable"}, states
    whole = {v["rule"]: v["state"] for v in reports[-1]["verdicts"]}
    assert whole["DQ-1-missing"] == "breach"


@pytest.mark.parametrize("every", [1, 3])
def test_predictions_that_do_not_come_are_a_breach(
    every: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(2_000, start=START, every=10, seed=2)
    for row in rows[::every]:
        row["approve"] = None
    write_lines(folder / "live.jsonl", as_lines(rows))
    code, reports = backtest(folder, capsys)
    assert code == 1
    (prediction,) = [
        verdict
        for verdict in reports[-1]["verdicts"]
        if verdict["rule"] == "DQ-1-missing" and verdict["subject"] == {"output": "prediction"}
    ]
    assert prediction["state"] == "breach"


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.csv", "empty.jsonl.gz"])
def test_an_empty_file_is_an_error_that_names_it(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / name, [])
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--input", str(folder / name)]
    assert main(command) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert name in err
    assert "no record" in err or "empty" in err


def test_a_file_of_nothing_but_garbage_is_an_error_that_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / "live.jsonl", [b"\xff\xfe\x00"] * 5 + [b'{"id": "x"'] * 3)
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--output", "json"]
    assert main(command) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "live.jsonl holds no valid event; rejected: bad_encoding 5, invalid_json 3" in err


def test_a_damaged_gzip_file_is_an_error_and_what_could_be_read_is_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(
        folder / "live.jsonl.gz", as_lines(decisions(2_000, start=START, every=10, seed=2))
    )
    path.write_bytes(path.read_bytes()[:-2_000])
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--input", str(path)]
    assert main(command) == 3
    assert "live.jsonl.gz" in capsys.readouterr().err


def test_the_windows_that_a_damaged_file_cuts_are_incomplete_and_those_before_are_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(
        folder / "live.jsonl.gz", as_lines(decisions(2_000, start=START, every=10, seed=2))
    )
    path.write_bytes(path.read_bytes()[:-10_000])
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--input", str(path)]
    assert main([*command, "--output", "json"]) == 3
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    hours = [r for r in reports if r["window"]["length"] == "1h" and r["model_version"] == "*"]
    *before, cut = hours
    assert len(before) >= 2
    assert {r["coverage"]["events"] for r in before} == {360}
    assert all(r["coverage"]["complete"] for r in before)
    assert 0 < cut["coverage"]["events"] < 360
    incomplete = [r for r in reports if not r["coverage"]["complete"]]
    assert cut in incomplete
    assert {r["coverage"]["incomplete_because"] for r in incomplete} == {"input_failed"}
    assert {r["window"]["length"] for r in incomplete} == {"1h", "12h"}
    states = {v["state"] for r in incomplete for v in r["verdicts"]}
    assert states == {"not_assessable"}
