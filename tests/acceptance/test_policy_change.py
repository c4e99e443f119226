"""One threshold changes: digest, `policy diff` and audit log say so; a log is judged again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.run import run
from exporters.audit import place, vault
from exporters.audit.logged import LogUnreadable, blob_text, logged
from exporters.audit.types import record_name
from tests.support.decisions import SYSTEM, as_lines, decisions

START = 1_767_225_600  # 2026-01-01T00:00:00Z
HOUR = 3_600
CONFIG = (
    SYSTEM
    + """\
    windows: [1h]
collectors:
  - {type: file, path: past.jsonl}
policies: {packs: [bank.yaml]}
exporters:
  - {type: audit, path: audit}
  - {type: prometheus, host: 127.0.0.1, port: 0}
"""
)
BANK = """id: bank
kind: team
title: Ours
version: 1.0.0
include: [asean-guide]
changes:
  - rule: AN-3-volume-high
    thresholds: {human_in_the_loop: {breach: {at: %s, origin: ours}}}
    reason: campaigns
  - rule: TR-2
    disable: true
    reason: versions are registered elsewhere
    waiver: {by: head of risk, reason: until the registry is connected, expires: 2026-06-30}
"""


def run_over(folder: Path, breach: str, hours: range) -> None:
    (folder / "bank.yaml").write_text(BANK % breach)
    (folder / "pantau.yaml").write_text(CONFIG)
    with (folder / "past.jsonl").open("ab") as file:
        for hour in hours:
            rows = decisions(120, start=START + hour * HOUR, every=30, seed=hour)
            file.write(b"".join(line + b"\n" for line in as_lines(rows)))
    run(load(folder / "pantau.yaml"))


def changes(folder: Path) -> list[Any]:
    found = logged(folder / "audit")
    return [data for envelope, data in found if record_name(envelope.type) == "policy.change"]


def policies_of_verdicts(folder: Path) -> list[str]:
    found = []
    for envelope, data in logged(folder / "audit"):
        if record_name(envelope.type) == "policy.verdict":
            found += [verdict.policy for verdict in data.verdicts]
    return list(dict.fromkeys(found))


def test_a_changed_threshold_shows_in_digest_diff_and_audit_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_over(tmp_path, "4", range(3))
    run_over(tmp_path, "4.5", range(3, 6))
    first, second = changes(tmp_path)
    assert second.old == first.digest != second.digest
    assert policies_of_verdicts(tmp_path) == [first.digest, second.digest]
    (waiver,) = second.waivers
    audit = tmp_path / "audit"
    at = place.find(audit)
    assert (waiver.rule, waiver.expires) == ("TR-2", "2026-06-30")
    assert waiver.by == vault.pseudonym(at.state, "head of risk", time.time())
    reason = vault.unseal(at.state, at.public, waiver.note)
    assert reason == b"until the registry is connected"
    for change in (first, second):
        text = blob_text(audit, change.blob)
        assert text is not None
        limits = {rule["id"]: rule["threshold"] for rule in json.loads(text)["rules"]}
        assert limits["AN-3-volume-high"]["breach"] == (4.0 if change is first else 4.5)
    blobs = [
        str(audit / "blobs" / change.blob.removeprefix("sha256:")) for change in (first, second)
    ]
    capsys.readouterr()
    assert main(["policy", "diff", *blobs]) == 0
    assert capsys.readouterr().out == "~ AN-3-volume-high threshold.breach: 4 -> 4.5\n"


STRICT = """id: strict
kind: team
title: Stricter
version: 1.0.0
include: [asean-guide]
changes:
  - rule: AN-3-volume-high
    thresholds:
      human_in_the_loop: {warn: {at: 0.1, origin: ours}, breach: {at: 0.2, origin: ours}}
    severity: {breach: page}
    reason: to see it fire
"""


def test_a_logged_past_is_judged_by_a_new_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_over(tmp_path, "4", range(10))
    (tmp_path / "strict.yaml").write_text(STRICT)
    command = ["backtest", "-c", str(tmp_path / "pantau.yaml"), "--output", "json", "--policy"]
    capsys.readouterr()
    assert main([*command, str(tmp_path / "bank.yaml"), "--fail-on", "never"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    summary, same = lines[0], [line for line in lines if line["kind"] == "alert"]
    assert summary["windows"] == 2 * 10  # one version, and all versions together
    assert same
    assert [line for line in same if line["fired"] != line["would_fire"]] == []
    for line in lines:
        if line["kind"] == "verdicts":
            assert line["logged"] == line["new"], line["rule"]

    assert main([*command, str(tmp_path / "strict.yaml")]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (logged_policies,) = lines[0]["logged"].values()
    (new_policy,) = lines[0]["new"].values()
    assert list(logged_policies.values()) == [20]
    assert new_policy not in logged_policies
    differing = {
        line["rule"]: line
        for line in lines
        if line["kind"] == "alert" and line["fired"] != line["would_fire"]
    }
    assert differing["AN-3-volume-high"]["fired"] == 0
    assert differing["AN-3-volume-high"]["would_fire"] == 1
    states = {line["rule"]: line for line in lines if line["kind"] == "verdicts"}
    assert states["AN-3-volume-high"]["new"]["breach"] > 3
    assert "breach" not in states["AN-3-volume-high"]["logged"]
    table = ["backtest", "-c", str(tmp_path / "pantau.yaml"), "--policy", "asean-guide"]
    assert main([*table, "--fail-on", "never"]) == 0
    assert "20 windows of the log, judged again" in capsys.readouterr().out


def test_each_policy_that_a_log_was_made_under_is_named_with_its_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_over(tmp_path, "4", range(6))
    run_over(tmp_path, "4.5", range(6, 10))
    command = ["backtest", "-c", str(tmp_path / "pantau.yaml"), "--fail-on", "never"]
    command += ["--policy", str(tmp_path / "bank.yaml")]
    capsys.readouterr()
    assert main([*command, "--output", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (logged_policies,) = lines[0]["logged"].values()
    (newest,) = lines[0]["new"].values()
    # What is configured now is the second of them.
    assert list(logged_policies)[1] == newest
    assert sum(logged_policies.values()) == lines[0]["windows"] == 20
    assert min(logged_policies.values()) > 0
    for states in lines:
        if states["kind"] == "verdicts":
            assert sum(states["logged"].values()) == sum(states["new"].values()), states
    assert main(command) == 0
    out = capsys.readouterr().out.splitlines()
    told = [line for line in out if line.startswith("  logged policy ")]
    assert told == [
        f"  logged policy {digest} ({windows} windows)"
        for digest, windows in logged_policies.items()
    ]


def test_a_folder_that_is_no_log_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LogUnreadable, match="no published audit log"):
        list(logged(tmp_path))
    (tmp_path / "bank.yaml").write_text(BANK % "4")
    (tmp_path / "pantau.yaml").write_text(CONFIG)
    command = ["backtest", "-c", str(tmp_path / "pantau.yaml"), "--policy", "asean-guide"]
    assert main([*command, "--log", str(tmp_path)]) == 3
    assert "no published audit log" in capsys.readouterr().err


def test_the_log_says_whose_rules_were_switched_off_and_what_still_limits(tmp_path: Path) -> None:
    text = CONFIG.replace("packs: [bank.yaml]", "automatic: false")
    (tmp_path / "pantau.yaml").write_text(
        text.replace("  - id: loans\n", "  - id: loans\n    sector: finance\n    country: LA\n")
    )
    rows = decisions(120, start=START, every=30)
    (tmp_path / "past.jsonl").write_bytes(b"".join(line + b"\n" for line in as_lines(rows)))
    run(load(tmp_path / "pantau.yaml"))
    (change,) = changes(tmp_path)
    assert change.packs == ["asean-guide", "country-la"]
    assert change.switched_off == ["sector-financial-services", "country-la"]
    assert b"LA-EDP:prohibited" in (tmp_path / "audit" / "blobs" / change.blob[7:]).read_bytes()
