"""The agent as a process meets each fault of its world: what a person sees, and what is kept."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition

from agent.cli.main import main
from policies.model import rfc3339
from tests.real.kafka_broker import SASL_USER, KafkaBroker
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records, reports
from tests.support.audit_tree import verify_against_itself
from tests.support.decisions import SYSTEM, as_lines, decisions, write_lines
from tests.support.produce import fill
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
        assert main(verify_against_itself(self.audit)) == 0


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


@pytest.mark.parametrize("key", ["path", "data"])
def test_a_reference_that_is_not_there_is_2_before_anything_starts(
    tmp_path: Path, key: str
) -> None:
    fed = Fed(tmp_path)
    text = fed.config.read_text()
    fed.config.write_text(
        text.replace("    windows:", f"    reference: {{{key}: nowhere.json}}\n    windows:")
    )
    with fed.run() as agent:
        assert agent.wait() == 2
    said = fed.log.read_text()
    assert "nowhere.json" in said
    assert f"reference.{key}" in said
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


def test_a_port_in_use_is_an_error_that_names_it(
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


def test_a_damaged_input_is_3_and_the_window_it_cuts_waits_for_the_rest(tmp_path: Path) -> None:
    fed = Fed(tmp_path)
    first, second = fed.feed(), fed.feed()
    path = write_lines(tmp_path / "live.jsonl.gz", fed.file.read_bytes().splitlines())
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    text = fed.config.read_text()
    fed.config.write_text(text.replace("live.jsonl, follow: true", "live.jsonl.gz"))
    with fed.run() as agent:
        assert agent.wait() == 3
    assert "live.jsonl.gz" in fed.log.read_text().splitlines()[-1]
    assert fed.recorded() == {rfc3339(first): 300}
    path.write_bytes(whole)
    with fed.run() as agent:
        assert agent.wait() == 0
    last = second + WINDOW
    assert fed.recorded() == {rfc3339(first): 300, rfc3339(second): 301, rfc3339(last): 1}
    assert main(verify_against_itself(fed.audit)) == 0


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


# Kafka.


class Streaming:
    """An agent on a Kafka topic, one window of 300 decisions after the other."""

    def __init__(self, folder: Path, broker: str, topic: str, partitions: int = 1) -> None:
        self.broker, self.topic, self.partitions = broker, topic, partitions
        self.port, self.log, self.audit = free_port(), folder / "agent.log", folder / "audit"
        self.start = int(time.time()) // WINDOW * WINDOW - 2 * WINDOW
        self.config = write_config(
            folder, SYSTEM + KAFKA, broker=broker, topic=topic, port=self.port, more=""
        )

    def run(self) -> AgentProcess:
        return AgentProcess(self.config, self.log, self.port)

    def fill(self, lines: list[bytes]) -> None:
        fill(self.broker, self.topic, self.partitions, lines)

    def window(self, number: int, events: int = 300) -> list[bytes]:
        """Return decisions of window `number`, and for each partition one that closes it."""
        at = self.start + number * WINDOW
        rows = decisions(events, start=at + 10, every=280 / events, seed=at)
        rows += decisions(self.partitions, start=at + WINDOW + 6, every=0.1, seed=at + 1)
        return as_lines(rows)

    def await_window(self, agent: AgentProcess, number: int) -> dict[str, Any]:
        """Return the coverage of a window as soon as it is in the audit log."""
        start = rfc3339(self.start + number * WINDOW)

        def recorded() -> dict[str, Any] | None:
            found = {k: v for k, v in reports(self.audit).items() if k[0] == "window.signals"}
            text = found.get(("window.signals", "*", "5m", start, "0", "1"))
            return None if text is None else json.loads(text)["coverage"]

        coverage: dict[str, Any] = agent.until(recorded, 90)
        return coverage


def test_a_topic_that_does_not_exist_is_3_and_names_topic_and_brokers(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    streaming = Streaming(tmp_path, kafka_broker.bootstrap, "no-such-topic")
    with streaming.run() as agent:
        assert agent.wait() == 3
    last = streaming.log.read_text().splitlines()[-1]
    assert "no-such-topic" in last
    assert kafka_broker.bootstrap in last
    assert "Traceback" not in streaming.log.read_text()
    stopped = [r for r in records(streaming.audit) if r["type"].endswith("agent.stop.v1")]
    assert [r["data"]["clean"] for r in stopped] == [False]
    assert main(verify_against_itself(streaming.audit)) == 0


def test_brokers_that_do_not_answer_are_named(tmp_path: Path) -> None:
    streaming = Streaming(tmp_path, f"127.0.0.1:{free_port()}", "predictions")
    text = streaming.config.read_text()
    streaming.config.write_text(text.replace("session_timeout", "connect_timeout"))
    with streaming.run() as agent:
        code = agent.wait()
    assert code == 3
    assert streaming.broker in streaming.log.read_text().splitlines()[-1]
    assert "Traceback" not in streaming.log.read_text()


def test_wrong_credentials_are_3_and_no_secret_is_printed(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    streaming = Streaming(tmp_path, kafka_broker.bootstrap_sasl, new_topic())
    (tmp_path / "password").write_text("hunter2-secret\n")
    security = (
        ", security: {protocol: SASL_PLAINTEXT, mechanism: PLAIN, "
        f"username: {SASL_USER}, password_file: password}}}}"
    )
    text = streaming.config.read_text()
    streaming.config.write_text(text.replace(", session_timeout: 6s}", security))
    with streaming.run() as agent:
        assert agent.wait() == 3
    said = streaming.log.read_text()
    assert "does not accept" in said.splitlines()[-1]
    assert SASL_USER in said.splitlines()[-1]
    everything = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "password"]
    assert streaming.audit / "log.json" in everything
    assert not [p for p in everything if b"hunter2" in p.read_bytes()]


def test_bad_records_of_a_topic_are_counted_put_aside_and_hold_nothing_up(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    streaming = Streaming(tmp_path, kafka_broker.bootstrap, new_topic(max_message_bytes="16000000"))
    lines = streaming.window(0, 1_000)
    secret = b'{"id": "x", "name": "Siti Rahma", "at"'
    lines[500:500] = [b"\xff\xfe garbage", secret, b"[]", b'{"pad": "%s"}' % (b"x" * 11_000_000)]
    streaming.fill(lines)
    with streaming.run() as agent:
        coverage = streaming.await_window(agent, 0)
        assert metric(agent, "pantau_events_rejected_total") == 4
        assert ready(agent)[0] == 200
        assert agent.terminate() == 0
    rejected = {"bad_encoding": 1, "invalid_json": 1, "not_an_object": 1, "too_large": 1}
    assert (coverage["events"], coverage["rejected"]) == (1_000, rejected)
    assert coverage["complete"] is True
    (summary,) = [r["data"] for r in records(streaming.audit) if "quarantine.summary" in r["type"]]
    assert (summary["total"], summary["reasons"]) == (4, rejected)
    assert summary["offsets"] == {"0": 503}
    kept = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert not [p for p in kept if b"Siti Rahma" in p.read_bytes()]


@pytest.mark.slow
def test_a_broker_that_goes_away_and_returns_loses_nothing(
    fresh_kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    broker = fresh_kafka_broker
    topic = broker.create_topic("predictions", 2)
    streaming = Streaming(tmp_path, broker.bootstrap, topic, partitions=2)
    streaming.fill(streaming.window(0))
    with streaming.run() as agent:
        agent.until_ready()
        assert streaming.await_window(agent, 0)["events"] == 300
        streaming.fill(streaming.window(1))
        broker.kill()
        status, reasons = agent.until(lambda: (r := ready(agent))[0] == 503 and r)
        assert status == 503
        assert broker.bootstrap in reasons[f"collector kafka:{topic}"]
        assert agent.get("/livez")[0] == 200
        assert metric(agent, "pantau_source_connected") == 0
        broker.start()
        agent.until_ready()
        # The events that closed the window before are in this one.
        assert streaming.await_window(agent, 1)["events"] == 302
        streaming.fill(streaming.window(2))
        coverage = streaming.await_window(agent, 2)
        assert (coverage["events"], coverage["duplicates"]) == (302, 0)
        assert coverage["complete"] is True
        assert agent.terminate() == 0
    assert main(verify_against_itself(streaming.audit)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["topic kept", "records gone"])
def test_a_deleted_store_is_read_again_and_what_is_gone_is_not_assessable(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path, kept: bool
) -> None:
    streaming = Streaming(tmp_path, kafka_broker.bootstrap, new_topic())
    streaming.fill(streaming.window(0))
    second = streaming.window(1)
    with streaming.run() as agent:
        assert streaming.await_window(agent, 0)["complete"] is True
        streaming.fill(second[:150])
        agent.until(lambda: metric(agent, "pantau_events_total") == 451)
        assert agent.terminate() == 0
    shutil.rmtree(tmp_path / "pantau-state")
    if not kept:
        with kafka_broker.admin() as admin:
            admin.delete_records({TopicPartition(streaming.topic, 0): 451})
    streaming.fill(second[150:])
    with streaming.run() as agent:
        coverage = streaming.await_window(agent, 1)
        assert metric(agent, "pantau_source_records_lost_total") > 0
        streaming.fill(streaming.window(2))
        assert streaming.await_window(agent, 2)["complete"] is True
        assert agent.terminate() == 0
    # The event that closed the window before is one of its events.
    assert coverage["events"] == (301 if kept else 150)
    assert coverage["complete"] is kept
    assert coverage["incomplete_because"] == (None if kept else "state_lost")
    start = rfc3339(streaming.start + WINDOW)
    verdicts = json.loads(reports(streaming.audit)["policy.verdict", "*", "5m", start, "0", "1"])
    states = {v["state"] for v in verdicts["verdicts"]}
    assert (states == {"not_assessable"}) is not kept
    assert main(verify_against_itself(streaming.audit)) == 0
