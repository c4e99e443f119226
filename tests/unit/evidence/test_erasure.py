"""An erasure of evidence that is killed at any of its steps: gone and recorded, or untouched."""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.commits import Commits
from agent.config.model import Evidence
from agent.evidence.cite import Found
from agent.evidence.folder import Folder
from agent.evidence.keeper import Keeper
from agent.evidence.sample import digest
from agent.store import Store, StoreError
from exporters.agent_metrics import AgentMetrics
from policies.model import Window
from tests.support.file_calls import CHANGING, Fault, FileCalls, Kind

BODY = b"rows of people"
DIGEST = digest(BODY)


class Killed(BaseException):
    """Where the process would have ended."""


def killing(at: int) -> Fault:
    """Return a fault after which nothing changes on the disk any more, as after a kill."""

    def told(call: str) -> None:
        raise Killed(call)

    return Fault(Kind(CHANGING, errno.EIO, stays=True), at, told)


class Agent:
    """The part of an agent that erases, and what its store has of it."""

    def __init__(self, folder: Folder) -> None:
        options = Evidence(enabled=True)
        self.keeper = Keeper(
            options, folder, AgentMetrics("test"), references={}, clock=lambda: 2.0
        )
        self.committed: list[str] = []

    def turn(self) -> None:
        """Look, commit what was told, say so."""
        self.keeper.look()
        told = self.keeper.told()
        self.committed += [n.data["evidence"] for n in told if n.name == "privacy.erasure"]
        self.keeper.committed()


def kept(path: Path) -> Folder:
    """Return a folder with one sample that has a report."""
    folder = Folder(path / "evidence")
    folder.keep(Found("loans", Window(0, 3_600, "1h"), 0, ("DR-1",), DIGEST, BODY), 1)
    with folder.working() as work:
        for name in ("report.html", "report.json"):
            (work / name).write_bytes(BODY)
        folder.put_report(DIGEST, work)
    return folder


def killed_at_each_step(
    path: Path, prepare: Callable[[Folder], None], step: Callable[[Folder], None]
) -> Iterator[Folder]:
    """Give the folder that each kill of `step` leaves."""
    for at in itertools.count(1):
        folder = kept(path / str(at))
        prepare(folder)
        calls = FileCalls(killing(at))
        try:
            with calls.installed():
                step(folder)
        except Killed as killed:
            if str(killed) in CHANGING:
                yield folder
            continue
        assert len(calls.seen) < at
        return


def left(folder: Folder) -> list[Path]:
    """Return the files that still hold anything of people."""
    return [p for p in folder.path.rglob("*") if p.is_file() and BODY in p.read_bytes()]


def test_a_command_that_is_killed_leaves_all_of_it_or_a_note(tmp_path: Path) -> None:
    outcomes = []
    for folder in killed_at_each_step(
        tmp_path, lambda _: None, lambda folder: folder.erase(DIGEST)
    ):
        before = len(left(folder))
        agent = Agent(folder)
        agent.turn()
        outcomes.append(agent.committed)
        if agent.committed:
            assert left(folder) == []
            assert agent.committed == [DIGEST]
        else:
            assert before == len(left(folder)) == 3
        agent.turn()
        assert len(agent.committed) <= 1
        assert folder.erased() == []
    assert [] in outcomes
    assert outcomes.count([DIGEST]) > 5


def test_beside_a_running_agent_a_killed_command_is_finished_too(tmp_path: Path) -> None:
    agents: list[Agent] = []
    for folder in killed_at_each_step(
        tmp_path,
        lambda folder: agents.append(Agent(folder)),
        lambda folder: folder.erase(DIGEST),
    ):
        agent = agents[-1]
        agent.turn()
        assert len(left(folder)) == (0 if agent.committed else 3)


def test_an_agent_that_is_killed_while_it_records_does_so_after_its_start(tmp_path: Path) -> None:
    agents: list[Agent] = []

    def turn(folder: Folder) -> None:
        agents.append(Agent(folder))
        agents[-1].turn()

    again = []
    for folder in killed_at_each_step(tmp_path, lambda folder: folder.erase(DIGEST), turn):
        before = agents[-1].committed if agents else []
        after = Agent(folder)
        after.turn()
        again.append(bool(before and after.committed))
        assert {*before, *after.committed} == {DIGEST}
        assert left(folder) == []
        assert folder.erased() == []
    # Twice in the store is once in the log, which knows it by its id.
    assert any(again)


def test_the_record_of_an_erasure_has_the_same_id_whoever_tells_it(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    folder.erase(DIGEST)
    ids = set()
    for _ in range(2):
        keeper = Agent(folder).keeper
        keeper.look()
        ids |= {notice.id for notice in keeper.told()}
    assert len(ids) == 1


def test_a_note_that_cannot_be_removed_is_tried_again_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(tmp_path)
    folder.erase(DIGEST)
    agent = Agent(folder)

    def refused(_: str) -> None:
        raise PermissionError(errno.EACCES, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(folder, "forget_erased", refused)
        agent.turn()
    assert folder.erased() == [DIGEST]
    agent.turn()
    assert folder.erased() == []
    assert agent.committed == [DIGEST]


def test_a_note_stays_while_the_store_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(tmp_path)
    folder.erase(DIGEST)
    keeper, store = Agent(folder).keeper, Store(tmp_path / "store")
    commits = Commits(
        store=store,
        systems=(),
        inputs=(),
        deliveries=(),
        metrics=AgentMetrics("test"),
        clock=SystemClock(),
        wake=threading.Event(),
        is_over=lambda: True,
        interval=1.0,
        tracing=None,
    )

    def refused(_: object) -> list[int]:
        raise StoreError("the disk is full")

    keeper.look()
    commits.add(keeper.told(), then=keeper.committed)
    with monkeypatch.context() as patch:
        patch.setattr(store, "commit", refused)
        with pytest.raises(StoreError):
            commits.commit()
    assert folder.erased() == [DIGEST]
    again = Agent(folder).keeper
    again.look()
    commits.add(again.told(), then=again.committed)
    assert folder.erased() == [DIGEST]
    commits.commit()
    assert folder.erased() == []
    assert [kind for _, kind, _ in store.outbox()] == ["notice"]
