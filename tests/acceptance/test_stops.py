"""Stops that go wrong: whatever the agent was at, the next start comes to the same reports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import system
from agent.commits import STORE_RETRY
from agent.config.load import load
from agent.run import LAST_COMMIT, Parts, RunError, assemble, close_store, start, stop
from agent.store import Changes, StoreError
from tests.acceptance.test_running_agent import Place
from tests.support.running_agent import SteppedClock, eventually


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.configure()
    return made


def agent(place: Place, stop_timeout: str = "1s") -> Parts:
    """Start an agent that has this long to stop."""
    path = place.folder / "pantau.yaml"
    path.write_text(path.read_text() + f"agent: {{stop_timeout: {stop_timeout}}}\n")
    parts = assemble(load(path), SteppedClock(), ())
    start(parts)
    return parts


def go_on(place: Place, ends: list[str]) -> None:
    """Start again, feed one window more, and find each of them in the log once, with its events."""
    # A stop that ran out of time has not waited for the audit log's thread.
    for thread in threading.enumerate():
        if thread.name == "exporter-audit":
            thread.join(30)
    with place.agent():
        ends = [*ends, place.feed(len(ends))]
        place.await_window(ends[-1])
    pooled = place.named("window.signals")[1::2]
    assert [d["window"]["end"] for d in pooled] == ends
    assert [d["coverage"]["events"] for d in pooled] == [200] + [201] * (len(ends) - 1)


def judged(monkeypatch: pytest.MonkeyPatch, instead: Callable[[], None]) -> None:
    """Do something instead of judging windows."""

    def judge(*_: Any) -> None:
        instead()

    monkeypatch.setattr(system, "judge_window", judge)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_window_that_takes_longer_than_the_stop_is_reported_by_the_next_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, end_of_process = threading.Event(), threading.Event()

    def judge() -> None:
        judging.set()
        end_of_process.wait(60)
        # As when the process ends in the middle of it: nothing after this is done.
        raise SystemExit

    parts = agent(place)
    ends = [place.feed(0)]
    place.await_window(ends[0])
    judged(monkeypatch, judge)
    ends.append(place.feed(1))
    assert judging.wait(30)
    with pytest.raises(RunError, match=r"still at work after agent\.stop_timeout \(1 s\)"):
        stop(parts, "signal")
    close_store(parts)
    # It was left to the thread that is still at work on it.
    assert parts.store.documents("loans", "core")
    end_of_process.set()
    assert parts.thread is not None
    parts.thread.join(30)
    close_store(parts)
    monkeypatch.undo()
    go_on(place, ends)


def test_what_could_not_be_committed_before_the_stop_is_reported_by_the_next_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = agent(place, stop_timeout="3s")
    ends = [place.feed(0)]
    place.await_window(ends[0])
    commit, has_room, tried = parts.store.commit, threading.Event(), threading.Event()

    def commit_if_there_is_room(changes: Changes) -> list[int]:
        if not has_room.is_set():
            tried.set()
            raise StoreError("the disk is full")
        return commit(changes)

    monkeypatch.setattr(parts.store, "commit", commit_if_there_is_room)
    ends.append(place.feed(1))
    assert tried.wait(30)
    assert parts.thread is not None
    pipeline = parts.thread

    def make_room_too_late() -> None:
        pipeline.join(30)
        has_room.set()

    room = threading.Thread(target=make_room_too_late)
    room.start()
    with pytest.raises(RunError, match="the disk is full"):
        stop(parts, "signal")
    room.join(30)
    close_store(parts)
    monkeypatch.undo()
    go_on(place, ends)


def test_a_defect_in_the_middle_of_a_window_does_not_count_it_as_reported(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge() -> None:
        raise ZeroDivisionError

    parts = agent(place)
    ends = [place.feed(0)]
    place.await_window(ends[0])
    judged(monkeypatch, judge)
    ends.append(place.feed(1))
    eventually(lambda: parts.pipeline.failure)
    with pytest.raises(RunError, match="the pipeline failed: ZeroDivisionError"):
        stop(parts, "end of input")
    close_store(parts)
    monkeypatch.undo()
    assert [d["clean"] for d in place.named("agent.stop")] == [False]
    go_on(place, ends)


def test_a_store_that_cannot_be_written_has_time_to_notice_that_time_is_up() -> None:
    assert LAST_COMMIT > STORE_RETRY
