"""The whole agent inside one process, on a clock that the test may step."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.evidence import keeper
from agent.evidence.cite import Found
from agent.evidence.folder import Folder, evidence_folder
from agent.evidence.sample import digest
from agent.run import Parts
from exporters.base import ExportError, Numbered, Standing
from policies.model import Window, rfc3339
from tests.support.audit_records import records, reports
from tests.support.audit_tree import verify_against_itself
from tests.support.decisions import SYSTEM, as_lines, decisions
from tests.support.running_agent import SteppedClock, eventually, running

START = 1_767_225_600  # 2026-01-01T00:00:00Z
WINDOW = 300

CONFIG = (
    SYSTEM
    + """\
    windows: [5m]
    time: {lateness: 5s}
collectors:
  - {type: file, path: live.jsonl, follow: true}
exporters:
  - {type: audit, path: audit, heartbeat: 1s}
  - {type: prometheus, host: 127.0.0.1, port: {port}}
store: {commit_interval: 1s}
"""
)


@dataclass
class Place:
    """A folder with a configuration and a file that the agent follows."""

    folder: Path

    def configure(self, port: int = 0) -> None:
        (self.folder / "live.jsonl").touch()
        (self.folder / "pantau.yaml").write_text(CONFIG.replace("{port}", str(port)))

    @property
    def audit(self) -> Path:
        return self.folder / "audit"

    def feed(self, number: int) -> str:
        """Append window `number` and what closes it; return its end as text."""
        at = START + number * WINDOW
        rows = decisions(200, start=at + 10, every=1, seed=number)
        rows += decisions(1, start=at + WINDOW + 6, every=1, seed=1_000 + number)
        with (self.folder / "live.jsonl").open("ab") as file:
            file.write(b"".join(line + b"\n" for line in as_lines(rows)))
        return rfc3339(at + WINDOW)

    def agent(self, clock: SteppedClock | None = None, *more: Any) -> AbstractContextManager[Parts]:
        return running(self.folder / "pantau.yaml", clock, *more)

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return the data of the audit records of one type."""
        full = f"io.pantau.audit.{name}.v1"
        return [r["data"] for r in records(self.audit) if r["type"] == full]

    def await_window(self, end: str) -> None:
        def recorded() -> bool:
            return any(d["window"]["end"] == end for d in self.named("window.signals"))

        eventually(recorded)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.configure()
    return made


def test_a_step_of_the_wall_clock_is_recorded_and_closes_no_window(place: Place) -> None:
    clock = SteppedClock()
    with place.agent(clock):
        place.await_window(place.feed(0))
        clock.offset = 7_200.0
        eventually(lambda: place.named("clock.step"))
        # By its next heartbeats the agent has looked at the clock more than once: with nothing to
        # read and the clock two hours on, it must not take the source for idle.
        beats = len(place.named("heartbeat"))
        eventually(lambda: len(place.named("heartbeat")) >= beats + 2)
        place.await_window(place.feed(1))
        clock.offset = -7_200.0
        eventually(lambda: len(place.named("clock.step")) == 2)
        place.await_window(place.feed(2))
    steps = [step["step_ms"] / 1000 for step in place.named("clock.step")]
    assert steps == pytest.approx([7_200, -14_400], abs=1)
    events = [d["coverage"]["events"] for d in place.named("window.signals")]
    assert events == [200, 200, 201, 201, 201, 201]
    assert main(verify_against_itself(place.audit)) == 0


def test_a_step_of_the_wall_clock_makes_no_failure_of_an_exporter_longer(place: Place) -> None:
    path, clock, exporter = place.folder / "pantau.yaml", SteppedClock(), Held()
    stops = "store: {commit_interval: 1s, audit_failure: stop, audit_failure_after: 1h}"
    path.write_text(path.read_text().replace("store: {commit_interval: 1s}", stops))
    with place.agent(clock, exporter) as parts:
        place.await_window(place.feed(0))
        eventually(lambda: parts.deliveries[-1].failing_since)
        clock.offset = 7_200.0
        eventually(lambda: place.named("clock.step"))
        beats = len(place.named("heartbeat"))
        eventually(lambda: len(place.named("heartbeat")) >= beats + 2)
        assert parts.pipeline.failure is None
        exporter.held = False


def test_heartbeats_tell_how_many_events_came_in(place: Place) -> None:
    with place.agent():
        place.await_window(place.feed(0))
        eventually(lambda: sum(h["events"] for h in place.named("heartbeat")) == 201)


def test_an_audit_log_that_was_deleted_begins_anew_and_still_verifies(place: Place) -> None:
    with place.agent():
        place.await_window(place.feed(0))
    for folder in ("audit", "audit.state"):
        shutil.rmtree(place.folder / folder)
    with place.agent():
        end = place.feed(1)
        place.await_window(end)
    assert len(place.named("policy.change")) == 1
    assert len(place.named("config.change")) == 1
    assert {d["window"]["end"] for d in place.named("window.signals")} == {end}
    assert main(verify_against_itself(place.audit)) == 0


def test_what_has_not_changed_is_not_recorded_again(place: Place) -> None:
    for number in range(2):
        with place.agent():
            place.await_window(place.feed(number))
    assert len(place.named("policy.change")) == 1
    assert len(place.named("config.change")) == 1
    assert len(place.named("agent.start")) == 2
    assert len(reports(place.audit)) == 2 * 2 * 2


def test_an_erasure_beside_the_agent_is_in_the_log_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.05)
    config = place.folder / "pantau.yaml"
    config.write_text(config.read_text() + "evidence: {enabled: true}\n")
    folder = evidence_folder(load(config))
    before, beside = (digest(body) for body in (b"before", b"beside"))
    for body in (b"before", b"beside"):
        window = Window(START, START + WINDOW, "5m")
        found = Found("loans", window, 0, ("DR-1",), digest(body), body)
        Folder(folder).keep(found, int(time.time()))
    assert main(["report", "erase", "-c", str(config), before]) == 0
    for _ in range(2):
        with place.agent():
            assert main(["report", "erase", "-c", str(config), "--all"]) == 0
            eventually(lambda: not any(folder.iterdir()))
    data = place.named("privacy.erasure")
    assert sorted(d["evidence"] for d in data) == sorted((before, beside))


def test_the_configuration_in_force_lies_beside_the_log_word_for_word(place: Place) -> None:
    with place.agent():
        place.await_window(place.feed(0))
    (change,) = place.named("config.change")
    assert change["blob"] == change["digest"]
    content = (place.audit / "blobs" / change["blob"].removeprefix("sha256:")).read_bytes()
    assert change["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
    assert change["bytes"] == len(content)
    assert [s["id"] for s in json.loads(content)["systems"]] == ["loans"]
    assert {start["config_digest"] for start in place.named("agent.start")} == {change["digest"]}


def test_an_exporter_that_cannot_start_stops_those_before_it(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place.configure(taken.getsockname()[1])
        with pytest.raises(ExportError, match=str(taken.getsockname()[1])), place.agent():
            pass
    # The audit log was open by then; had it been left so, its lock would still be held.
    place.configure()
    with place.agent():
        place.await_window(place.feed(0))
    assert [d["clean"] for d in place.named("log.resume")] == [True]


class Held:
    """A required exporter that delivers nothing until it is let go."""

    name, required = "held", True

    def __init__(self) -> None:
        self.held = True
        self.taken: list[int] = []

    def check(self) -> str:
        return "held"

    def start(self, standing: Standing) -> None:
        """Need nothing."""

    def export(self, items: list[Numbered]) -> None:
        if self.held:
            raise ExportError("held back")
        self.taken += [item.number for item in items]

    def tick(self, now: float) -> None:
        """Do nothing."""

    def stop(self, timeout: float) -> None:
        """Do nothing."""


def oldest(parts: Parts) -> tuple[float, float]:
    """Return what `/metrics` says of the outbox: its items, and the age of the oldest."""
    text = parts.metrics.exposition().decode()
    lines = dict(x.rsplit(" ", 1) for x in text.splitlines() if x.startswith("pantau_outbox"))
    made = float(lines["pantau_outbox_oldest_timestamp_seconds"])
    return float(lines["pantau_outbox_items"]), parts.clock.now() - made


def test_the_age_of_what_was_not_delivered_survives_a_restart(place: Place) -> None:
    exporter, clock = Held(), SteppedClock()
    text = (place.folder / "pantau.yaml").read_text()
    (place.folder / "pantau.yaml").write_text(text + "agent: {stop_timeout: 2s}\n")
    with place.agent(clock, exporter) as parts:
        place.await_window(place.feed(0))
        eventually(lambda: oldest(parts)[0] >= 5)
    # The time to stop went to the exporter that was held; the audit log's may still be at it.
    for thread in threading.enumerate():
        if thread.name == "exporter-audit":
            thread.join(30)
    clock.offset = 600.0
    exporter = Held()
    with place.agent(clock, exporter) as parts:
        items, age = eventually(lambda: (o := oldest(parts))[0] and o)
        assert items >= 5
        assert 600 <= age < 660
        exporter.held = False
        eventually(lambda: oldest(parts)[0] == 0)
        assert oldest(parts)[1] == pytest.approx(0, abs=1)
    assert exporter.taken == list(range(1, exporter.taken[-1] + 1))
