"""A fault at every file call of everything that a writer of the audit log lives through.

Each fault strikes once, at each call that it can happen at: none is left out.  The calls are
counted in the process itself (`tests/support/file_calls.py`), and strace sees no other ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real import verifiers
from tests.real.components import require_binary
from tests.real.strace import attach
from tests.support.audit_scenarios import SCENARIOS
from tests.support.audit_tree import folders
from tests.support.file_calls import CHANGING, KINDS
from tests.support.shares import run_shares

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1_800)]

PROGRAM = [sys.executable, "-m", "tests.support.audit_faults"]
REFUSED = 3
TRACED = CHANGING | {"open to read", "read", "pread64", "getdents64"}
SYSTEM_CALLS = ("openat", *(call for call in TRACED if not call.startswith("open ")))
NOTES = ("acknowledged", "signed", "erasing")
"""What the test itself writes, beside the log."""
_LINE = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)")
_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")


@pytest.mark.parametrize("name", SCENARIOS)
def test_after_a_fault_at_any_call_nothing_is_lost_and_everybody_accepts_the_log(
    folder: Path, name: str
) -> None:
    calls, strikes = struck(folder, name)
    due = {
        (fault, at, call)
        for fault, kind in KINDS.items()
        for at, call in enumerate(calls, start=1)
        if call in kind.calls
    }
    assert len(strikes) == len(due) > 500
    assert {(s["fault"], s["at"], s["struck"]) for s in strikes} == due
    assert [s for s in strikes if s["problem"] is not None] == []
    for strike in strikes:
        killed = strike["fault"].startswith("KILL")
        assert strike["code"] in ((-9,) if killed else (0, REFUSED)), strike
    complete = max(strike["acknowledged"] for strike in strikes)
    short = [s for s in strikes if s["fault"] == "short write"]
    assert {(s["code"], s["acknowledged"]) for s in short} == {(0, complete)}
    # Whatever can come of it, each of the ways in which the log can end up, is shown to others.
    for outcome in {strike["outcome"]: strike for strike in strikes}.values():
        log = next(b for s in strikes if (b := kept(s, outcome["outcome"])) is not None)
        for epoch in folders(log):
            verifiers.require_accepted(epoch)


def kept(strike: dict[str, Any], outcome: str) -> Path | None:
    """Return the log of a strike with this outcome, if it is one that was kept."""
    log = Path(strike["base"]) / "audit"
    return log if strike["outcome"] == outcome and log.exists() else None


def struck(folder: Path, name: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Strike at every place, on all processors; return the calls and what came of each strike."""
    calls: list[list[str]] = []
    strikes: list[dict[str, Any]] = []
    subprocess.run([*PROGRAM, "--prepare", str(folder), name], check=True)
    for first, *others in run_shares(folder, PROGRAM, name):
        calls.append(json.loads(first))
        strikes += map(json.loads, others)
    assert all(one == calls[0] for one in calls)
    return calls[0], strikes


@pytest.mark.parametrize("name", SCENARIOS)
def test_strace_sees_the_same_calls_in_the_same_order(folder: Path, name: str) -> None:
    require_binary("strace")
    os.mkfifo(folder / "go")
    command = [*PROGRAM, "--trace", str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("ready"))
        wanted = ",".join(f"?{call}" for call in SYSTEM_CALLS)
        tracer = attach(int(ready.split()[1]), folder / "trace", "-y", "-e", f"trace={wanted}")
        (folder / "go").write_bytes(b"x")
        seen = [call for call in json.loads(process.stdout.read()) if call in TRACED]
        tracer.communicate()
    assert process.returncode == 0
    assert traced(folder / "trace", folder / "log") == seen
    assert len(seen) > 200


def traced(trace: Path, base: Path) -> list[str]:
    """Return the calls on files of the log, by the names that they are counted under."""
    found = []
    for line in trace.read_text().splitlines():
        call = _LINE.match(line)
        if call is None or str(base) not in call["arguments"]:
            continue
        if any(f"{base}/{note}" in call["arguments"] for note in NOTES):
            continue
        name = call["name"]
        if name == "openat":
            name = "open to write" if _WRITING.search(call["arguments"]) else "open to read"
        found.append(name)
    return found
