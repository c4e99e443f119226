"""The demo says what is in the data: the real disparity, the injected error, the small group."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent import demo
from agent.cli.main import main as pantau
from tests.support.audit_tree import names, require_whole, verify_against_itself

FAST = 2_000_000


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder that the demo left and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "pantau-demo"
    printed = io.StringIO()
    console = Console(file=printed, width=160)
    assert demo.main(folder, console=console, speed=FAST) == 0
    return folder, printed.getvalue()


def pooled(folder: Path, length: str) -> list[dict[str, Any]]:
    """Return the pooled reports of a length, in order."""
    lines = (folder / "reports.jsonl").read_text().splitlines()
    reports = [json.loads(line) for line in lines]
    return [r for r in reports if r["model_version"] == "*" and r["window"]["length"] == length]


def signal(report: dict[str, Any], name: str, **subject: str) -> dict[str, Any]:
    """Return the one signal of that name and subject."""
    (found,) = [s for s in report["signals"] if s["name"] == name and s["subject"] == subject]
    return dict(found)


def verdict(report: dict[str, Any], rule: str, **subject: str) -> dict[str, Any]:
    """Return the one verdict of that rule and subject."""
    (found,) = [v for v in report["verdicts"] if v["rule"] == rule and v["subject"] == subject]
    return dict(found)


def test_the_day_window_finds_the_real_disparity(played: tuple[Path, str]) -> None:
    (day,) = pooled(played[0], "1d")
    gap = signal(day, "fairness.statistical_parity_difference", attribute="race")
    assert round(gap["value"], 2) == -0.26
    assert gap["high"] < -0.1
    black = signal(day, "fairness.selection_rate", attribute="race", group="black")
    assert black["n"] == 139
    assert verdict(day, "FA-1", attribute="race")["state"] == "breach"


def test_a_group_too_small_to_judge_is_said_to_be_so(played: tuple[Path, str]) -> None:
    (day,) = pooled(played[0], "1d")
    hispanic = signal(day, "fairness.selection_rate", attribute="race", group="hispanic")
    assert (hispanic["status"], hispanic["n"], hispanic["value"]) == ("insufficient_data", 74, None)
    pair = verdict(day, "FA-1", attribute="race", group="hispanic", against="white")
    assert pair["state"] == "not_assessable"
    assert "race hispanic with n 74" in played[1]


def test_the_unit_error_is_drift_from_the_half_on(played: tuple[Path, str]) -> None:
    first, second = pooled(played[0], "12h")
    assert verdict(second, "DR-1", feature="income")["state"] == "breach"
    assert verdict(first, "DR-1", feature="income")["state"] != "breach"
    assert [v for v in second["verdicts"] if v["rule"] == "DR-1" and v["state"] == "breach"] == [
        verdict(second, "DR-1", feature="income")
    ]


def test_everything_is_left_and_the_log_verifies(played: tuple[Path, str]) -> None:
    folder, printed = played
    assert pantau(verify_against_itself(folder / "audit")) == 0
    vkey = (folder / "audit.vkey").read_text().strip()
    assert "agent.stop" in names(require_whole(folder / "audit", vkey))
    metrics = (folder / "metrics.txt").read_text()
    assert 'pantau_verdict_state{system="boston-mortgages",model_version="*",rule="FA-1"' in metrics
    for principle in range(1, 8):
        assert f"P{principle} " in printed
    assert "income comes in dollars" in printed


def test_every_verdict_that_the_demo_made_can_be_judged_again(
    played: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the very command that it prints; by an auditor only with the key of what is sealed."""
    folder, printed = played
    (line,) = [one for one in printed.splitlines() if " audit verify " in one]
    arguments = line.split()[1:]
    assert arguments[:2] == ["audit", "verify"]
    assert pantau(arguments) == 0
    said = capsys.readouterr().out
    lines = (folder / "reports.jsonl").read_text().splitlines()
    told = sum(len(json.loads(one)["verdicts"]) for one in lines)
    assert f"{told} verdicts were judged again." in said
    assert "Result: PASS" in said
    copy = tmp_path / "copy"
    shutil.copytree(folder / "audit", copy)
    arguments = [str(copy) if one == str(folder / "audit") else one for one in arguments]
    assert pantau(arguments) == 4
    assert "verdict_not_replayed" in capsys.readouterr().out
    key = tmp_path / "replay.key"
    assert pantau(["audit", "keys", str(folder / "audit"), "--replay-key", "-o", str(key)]) == 0
    assert pantau([*arguments, "--unseal", str(key)]) == 0


def test_the_demo_does_not_overwrite_what_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(demo.DemoError, match="was not made by the demo"):
        demo.main(tmp_path, console=Console(file=io.StringIO()))
    assert (tmp_path / "notes.txt").read_text() == "mine"
