"""The agent as a process meets each fault of its world: what a person sees, and what is kept."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from policies.model import rfc3339
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records, reports
from tests.support.decisions import SYSTEM, as_lines, decisions
from tests.support.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.integration

WINDOW = 300
KAFKA = """\
    windows: [5m]
    time: {lateness: 5s, future_skew: 30m}
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {topic}, session_timeout: 6s{more}}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
"""
FILE = """\
    windows: [5m]
    time: {lateness: 5s, future_skew: 30m}
collectors:
  - {type: file, path: live.jsonl, follow: true}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: {audit}}
store: {path: {store}{more}}
agent: {stop_timeout: {stop_timeout}}
"""


class Fed:
    """An agent that follows a growing file, one window of 300 decisions after the other."""

    def __init__(self, folder: Path, **values: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.file, self.log = folder / "live.jsonl", folder / "agent.log"
        self.file.touch()
        self.start = int(time.time()) // WINDOW * WINDOW - 2 * WINDOW
        self.windows = 0
        settings: dict[str, Any] = {
            "audit": "audit",
            "store": "state",
            "more": "",
            "stop_timeout": "25s",
            "port": self.port,
        }
        settings |= values
        self.audit = folder / settings["audit"]
        self.config = write_config(folder, SYSTEM + FILE, **settings)

    def run(self) -> AgentProcess:
        return AgentProcess(self.config, self.log, self.port)

    def feed(self) -> int:
        """Append a window of 300 decisions, and the event that closes it; return its end."""
        start = self.start + self.windows * WINDOW
        self.windows += 1
        rows = decisions(300, start=start + 10, every=0.9, seed=start, approved=(9, 5))
        # The last one closes the window, and is the only event of the next window's first seconds.
        rows += decisions(1, start=start + WINDOW + 6, every=1, seed=start + 1)
        with self.file.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in as_lines(rows)))
        return start + WINDOW

    def recorded(self) -> dict[str, int]:
        """Return the events of each pooled window in the audit log, by the window's end."""
        found = {}
        for key, text in reports(self.audit).items():
            if key[:2] == ("window.signals", "*"):
                report = json.loads(text)
                found[report["window"]["end"]] = report["coverage"]["events"]
        return found

    def await_window(self, agent: AgentProcess, end: int, timeout: float = 60) -> None:
        agent.until(lambda: rfc3339(end) in self.recorded(), timeout)

    def check(self, windows: int) -> None:
        """Assert that the log has each window once, with each event once, and verifies."""
        # From the second window on, the event that closed the one before is in it.
        events = [300] + [301] * (windows - 1)
        ends = [rfc3339(self.start + (i + 1) * WINDOW) for i in range(windows)]
        assert self.recorded() == dict(zip(ends, events, strict=True))
        found = records(self.audit)
        assert len({r["id"] for r in found}) == len(found)
        assert main(["audit", "verify", str(self.audit)]) == 0


def ready(agent: AgentProcess) -> tuple[int, dict[str, str]]:
    """Return the status of /readyz and its reasons by part."""
    status, text = agent.get("/readyz")
    return status, json.loads(text)["reasons"] if text else {}


def metric(agent: AgentProcess, name: str) -> float:
    """Return the sum of a metric over its labels."""
    lines = agent.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))


def newest_window(agent: AgentProcess) -> float:
    """Return the end of the newest window that is shown."""
    name = "pantau_signal_window_end_timestamp_seconds{"
    lines = agent.get("/metrics")[1].splitlines()
    return max((float(x.split()[-1]) for x in lines if x.startswith(name)), default=0.0)


# Configuration and start.


def test_a_typo_in_the_configuration_is_2_and_names_file_line_and_the_nearest_key(
    tmp_path: Path,
) -> None:
    fed = Fed(tmp_path)
    fed.config.write_text(fed.config.read_text().replace("windows:", "windoes:"))
    line = next(
        i for i, text in enumerate(fed.config.read_text().splitlines(), 1) if "windoes" in text
    )
    with fed.run() as agent:
        assert agent.wait() == 2
    said = fed.log.read_text()
    assert f"{fed.config}:{line}" in said
    assert "windoes" in said
    assert "windows" in said
    assert "Traceback" not in said
    assert not (tmp_path / "state").exists()


def test_a_second_agent_on_the_same_store_or_log_is_told_so(tmp_path: Path) -> None:
    fed = Fed(tmp_path / "first")
    with fed.run() as first:
        first.until_ready()
        same_store = Fed(tmp_path / "second", store=str(tmp_path / "first" / "state"))
        with same_store.run() as second:
            assert second.wait() == 3
        assert "another agent uses this store" in same_store.log.read_text()
        same_log = Fed(tmp_path / "third", audit=str(fed.audit))
        with same_log.run() as third:
            assert third.wait() == 3
        assert "one agent writes one log" in same_log.log.read_text()
        for other in (same_store, same_log):
            assert "Traceback" not in other.log.read_text()
        end = fed.feed()
        fed.await_window(first, end)
        assert first.terminate() == 0
    fed.check(1)


def test_a_port_in_use_is_an_error_that_names_it_and_leaves_a_log_that_verifies(
    tmp_path: Path,
) -> None:
    fed = Fed(tmp_path / "first")
    with fed.run() as first:
        first.until_ready()
        second = Fed(tmp_path / "second", port=fed.port)
        with second.run() as agent:
            assert agent.wait() == 3
        assert str(fed.port) in second.log.read_text()
        assert "Traceback" not in second.log.read_text()
    assert fed.folder != second.folder


# Stopping and dying.


def test_sigterm_drains_what_was_read_and_a_restart_says_nothing_twice(tmp_path: Path) -> None:
    fed = Fed(tmp_path)
    with fed.run() as agent:
        agent.until_ready()
        fed.await_window(agent, fed.feed())
        assert agent.terminate() == 0
    assert [r["type"] for r in records(fed.audit)][-1].endswith("agent.stop.v1")
    with fed.run() as agent:
        agent.until_ready()
        fed.await_window(agent, fed.feed())
        assert agent.terminate() == 0
    fed.check(2)


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    fed = Fed(tmp_path)
    for _ in range(3):
        with fed.run() as agent:
            agent.until_ready()
            fed.feed()
            agent.until(lambda: metric(agent, "pantau_events_total") >= 300)
            agent.kill()
    end = fed.feed()
    with fed.run() as agent:
        fed.await_window(agent, end)
        assert agent.terminate() == 0
    fed.check(4)


def test_a_second_sigterm_ends_an_agent_that_cannot_drain(tmp_path: Path, disk: SmallDisk) -> None:
    fed = Fed(tmp_path, audit=str(disk.path / "audit"), stop_timeout="50s")
    with fed.run() as agent:
        agent.until_ready()
        disk.fill()
        fed.feed()
        agent.until(lambda: "exporter audit" in ready(agent)[1])
        agent.signal(signal.SIGTERM)
        agent.until(lambda: "agent_stopping" in agent.log.read_text())
        began = time.monotonic()
        agent.signal(signal.SIGTERM)
        assert agent.wait(10) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 5
    disk.free()
    with fed.run() as agent:
        fed.await_window(agent, fed.start + WINDOW)
        assert agent.terminate() == 0
    fed.check(1)


# Full disks.


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.mark.parametrize(("under", "part"), [("store", "store"), ("audit", "exporter audit")])
def test_a_full_disk_is_told_waited_out_and_loses_nothing(
    under: str, part: str, tmp_path: Path, disk: SmallDisk
) -> None:
    fed = Fed(tmp_path, **{under: str(disk.path / under)})
    with fed.run() as agent:
        agent.until_ready()
        fed.await_window(agent, fed.feed())
        disk.fill()
        assert disk.full()
        fed.feed()
        status, reasons = agent.until(lambda: (r := ready(agent))[0] == 503 and r)
        assert status == 503
        assert "full" in reasons[part]
        assert str(disk.path) in reasons[part]
        assert agent.get("/livez")[0] == 200
        disk.free()
        agent.until_ready()
        fed.await_window(agent, fed.feed())
        assert agent.terminate() == 0
    fed.check(3)


def test_no_verdict_reads_ok_while_the_audit_log_cannot_be_written(
    tmp_path: Path, disk: SmallDisk
) -> None:
    fed = Fed(tmp_path, audit=str(disk.path / "audit"), more=", audit_failure_after: 1s")
    with fed.run() as agent:
        agent.until_ready()
        fed.await_window(agent, fed.feed())
        disk.fill()
        fed.feed()
        agent.until(lambda: "verdicts_degraded" in agent.log.read_text())
        end = fed.feed()
        agent.until(lambda: newest_window(agent) == end)
        states = [
            line
            for line in agent.get("/metrics")[1].splitlines()
            if line.startswith("pantau_verdict_state") and line.endswith((" 1", " 1.0"))
        ]
        assert states
        assert all('state="not_assessable"' in line for line in states)
        disk.free()
        agent.until_ready()
        fed.await_window(agent, fed.feed())
        assert agent.terminate() == 0
    fed.check(4)


def test_with_audit_failure_stop_the_agent_ends_and_says_why(
    tmp_path: Path, disk: SmallDisk
) -> None:
    more = ", audit_failure: stop, audit_failure_after: 1s"
    fed = Fed(tmp_path, audit=str(disk.path / "audit"), more=more, stop_timeout="3s")
    with fed.run() as agent:
        agent.until_ready()
        disk.fill()
        fed.feed()
        assert agent.wait(30) == 3
    assert "as store.audit_failure says" in fed.log.read_text()
    disk.free()
    with fed.run() as agent:
        fed.await_window(agent, fed.start + WINDOW)
        assert agent.terminate() == 0
    fed.check(1)
