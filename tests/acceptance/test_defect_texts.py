"""A defect of the program tells where it is, and nothing of the person whose value it met."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import system
from agent.config.load import load
from agent.run import Parts, RunError, assemble, close_store, start, stop
from collectors.base import Item
from collectors.batch import EventBatch
from exporters.log import configure
from tests.acceptance.test_running_agent import Place
from tests.support.running_agent import SteppedClock, eventually

NAME = "Siti binti Ahmad"

STOPS = "store: {commit_interval: 1s, audit_failure: stop, audit_failure_after: 1s}"


def fail(*_: Any, **__: Any) -> None:
    """Fail as a defect on a value of the stream would."""
    raise KeyError(NAME)


def in_the_pipeline(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "absorb", fail)


def in_a_collector(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = parts.collectors[0].input.channel
    put = channel.put

    def put_all_but_batches(item: Item) -> None:
        (fail if isinstance(item, EventBatch) else put)(item)

    monkeypatch.setattr(channel, "put", put_all_but_batches)


def in_the_audit_log(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.exporters[0], "export", fail)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.configure()
    path = tmp_path / "pantau.yaml"
    path.write_text(path.read_text().replace("store: {commit_interval: 1s}", STOPS))
    return made


@pytest.mark.parametrize("where", [in_the_pipeline, in_a_collector, in_the_audit_log])
def test_a_value_in_an_exception_is_neither_published_nor_logged(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    where: Callable[[Parts, pytest.MonkeyPatch], None],
) -> None:
    configure()
    parts = assemble(load(place.folder / "pantau.yaml"), SteppedClock(), ())
    start(parts)
    place.await_window(place.feed(0))
    where(parts, monkeypatch)
    place.feed(1)
    eventually(lambda: parts.pipeline.failure or parts.collectors[0].failure)
    monkeypatch.undo()
    with pytest.raises(RunError) as error:
        stop(parts, "end of input")
    close_store(parts)
    (said,) = [d["reason"] for d in place.named("agent.stop")]
    assert "KeyError" in said
    assert said == str(error.value)
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    found = [str(p) for p in files if NAME.encode() in p.read_bytes() and p.name != "live.jsonl"]
    assert found == []
    logged = "".join(capfd.readouterr())
    assert "KeyError" in logged
    assert NAME not in logged
