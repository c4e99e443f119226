from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.unit.cli import stream


def test_reports_are_printed_in_order_and_a_breach_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path, female_rate=0.4)
    assert main(["backtest", "-c", str(config), "--output", "json"]) == 1
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {report["schema"] for report in reports} == {"pantau.report/1"}
    assert [r["window"]["length"] for r in reports].count("1d") == 1
    last = reports[-1]
    assert (last["window"]["length"], last["coverage"]["events"]) == ("1d", 1_440)
    fairness = {v["rule"]: v["state"] for v in last["verdicts"] if v["principle"] == "P2"}
    assert fairness["FA-1"] == "breach"


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("breach", 0), ("not_assessable", 1)])
def test_fail_on_says_what_counts_as_a_finding(
    fail_on: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    assert main(["backtest", "-c", str(config), "--fail-on", fail_on]) == code
    assert "  loan version *  events 1440  " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no record in it"),
        ("id,at,income,purpose,gender,approve\n1,never,1,car,male,1\n", "holds no valid event"),
    ],
)
def test_an_input_without_a_valid_event_is_3_and_says_so(
    content: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    file = tmp_path / "other.csv"
    file.write_text(content, encoding="utf-8")
    command = ["backtest", "-c", str(config), "--input", str(file), "--output", "json"]
    assert main(command) == 3
    out, err = capsys.readouterr()
    assert why in err
    assert "other.csv" in err
    assert out == ""


def test_without_a_file_to_read_it_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "pantau.yaml"
    config.write_text("systems: [{id: loan}]\n", encoding="utf-8")
    assert main(["backtest", "-c", str(config)]) == 2
    assert capsys.readouterr().err == (
        f"{config}: has no file collector for the system loan; name a file with --input\n"
    )


def test_records_that_were_dropped_are_told_with_what_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    header, *rows = (tmp_path / "live.csv").read_text(encoding="utf-8").splitlines()
    command = ["backtest", "-c", str(config), "--fail-on", "never", "--output", "json"]
    assert main(command) == 0
    assert "dropped" not in capsys.readouterr().err

    (tmp_path / "live.csv").write_text("\n".join([header, *reversed(rows)]), encoding="utf-8")
    assert main(command) == 0
    told = capsys.readouterr()
    assert re.search(r"^note: 14\d\d of 1440 records were dropped as late.* sort", told.err, re.M)
    assert all(line.startswith("{") for line in told.out.splitlines())

    latin = [row.replace("car", "café") for row in rows]
    (tmp_path / "live.csv").write_text("\n".join([header, *latin]), encoding="latin-1")
    assert main(command) == 0
    (note,) = [x for x in capsys.readouterr().err.splitlines() if "rejected" in x]
    assert re.fullmatch(
        r"note: \d+ of 1440 records were rejected: bad_encoding \d+; save the records as UTF-8",
        note,
    )
