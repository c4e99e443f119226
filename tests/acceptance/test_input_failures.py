"""An input that breaks off closes no window: what it cut waits for the rest, or is incomplete."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import load
from agent.run import RunError, assemble, close_store, finished, start, stop
from collectors.base import EndOfInput
from tests.acceptance.test_event_time import hours
from tests.acceptance.test_running_agent import Place
from tests.acceptance.two_sources import Agent, complete
from tests.support.decisions import write_lines
from tests.support.running_agent import SteppedClock, eventually

BROKEN = "live.jsonl.gz: it breaks off"


def test_what_is_open_stays_open_when_the_last_input_has_ended_and_one_of_them_failed(
    agent: Agent,
) -> None:
    agent.bring("second")
    assert complete(agent.run(1)) == [(True, None)]
    agent.tell("first", EndOfInput("first", BROKEN))
    agent.tell("second", EndOfInput("second"))
    assert agent.run(1) == []
    assert agent.pipeline.input_problem == f"first: {BROKEN}"
    # It is in the store, for the next start.
    assert agent.store.documents("loans", "pane")


def test_a_window_that_closes_by_the_other_inputs_is_incomplete(agent: Agent) -> None:
    agent.assign("second", "0", "1")
    assert agent.run() == []
    agent.tell("first", EndOfInput("first", BROKEN))
    assert agent.run() == []
    agent.bring("second")
    reports = agent.run(1)
    assert hours(reports) == [(0, 0, 8)]
    assert complete(reports) == [(False, "input_failed")]


def test_a_damaged_archive_ends_the_agent_and_given_whole_it_lacks_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.configure()
    config = tmp_path / "pantau.yaml"
    config.write_text(config.read_text().replace("live.jsonl, follow: true", "live.jsonl.gz"))
    ends = [place.feed(number) for number in range(3)]
    lines = (tmp_path / "live.jsonl").read_bytes().splitlines()
    archive = write_lines(tmp_path / "live.jsonl.gz", lines)
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-2_000])
    parts = assemble(load(config), SteppedClock(), ())
    start(parts)
    eventually(lambda: finished(parts))
    with pytest.raises(RunError, match=r"live\.jsonl\.gz"):
        stop(parts, "end of input")
    close_store(parts)
    read = [d["window"]["end"] for d in place.named("window.signals")[1::2]]
    assert read
    assert ends[-1] not in read
    # Started again and again, as an orchestrator would, it counts what is not whole once.
    for _ in range(3):
        with pytest.raises(RunError, match=r"live\.jsonl\.gz"), place.agent() as parts:
            eventually(lambda: finished(parts))
    archive.write_bytes(whole)
    with place.agent() as parts:
        eventually(lambda: finished(parts))
    pooled = place.named("window.signals")[1::2]
    assert [d["window"]["end"] for d in pooled[:-1]] == ends
    assert [d["coverage"]["events"] for d in pooled] == [200, 201, 201, 1]
    assert {d["coverage"]["late_dropped"] for d in pooled} == {0}
    assert sum(d["coverage"]["rejected"].get("truncated", 0) for d in pooled) == 1
    assert {d["coverage"]["complete"] for d in pooled} == {True}
