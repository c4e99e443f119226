"""A kill between any two steps changes nothing: the reports are those of an undisturbed run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from agent import outbox
from agent.dedup import DedupIndex
from agent.persist import collect, mark_clean, restore
from agent.state import SystemState, partition_key
from agent.store import Changes, Store
from agent.system import finish, observe_status, take
from collectors.base import SourceStatus
from collectors.batch import Rejected
from policies.model import Alert, Outgoing, Report
from tests.acceptance.scenario import Scenario
from tests.support.events import batch, seconds

START = seconds("2026-03-02 00:00")
PARTITIONS = ("0", "1", "2")
BROKEN: dict[str, Any] = {}
"""Stands for a record that cannot be decoded."""


def stream(rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Return out-of-order events with repeats, by partition (repeats stay in theirs)."""
    parts: dict[str, list[dict[str, Any]]] = {p: [] for p in PARTITIONS}
    for i in range(600):
        row = {
            "time": START + i * 30,
            "id": f"e{i}",
            "approve": rng.choice("01"),
            "income": round(rng.gauss(50, 9), 3),
            "purpose": rng.choice("abc"),
            "gender": rng.choice("mf"),
            "version": "v1" if i < 300 else "v2",
        }
        part = parts[rng.choice(PARTITIONS)]
        part.append(row)
        if i % 20 == 0:
            part.append(dict(row))
        if i % 50 == 0:
            part.append({**row, "approve": "2"})
        if i % 60 == 0:
            part.append(BROKEN)
    for part in parts.values():
        part.sort(key=lambda e: e.get("time", START + 9_000) + rng.uniform(0, 500))
    return parts


class Life:
    """One life of the agent's pipeline on a store; `die` forgets everything not committed."""

    def __init__(self, folder: Path, parts: dict[str, list[dict[str, Any]]]) -> None:
        self._folder, self._parts = folder, parts
        self.scenario = Scenario(START, now=START + 86_400)
        self.plan = self.scenario.plan
        self._wake()

    def _wake(self) -> None:
        self.store = Store(self._folder)
        index = DedupIndex(self.plan.time.dedup_horizon, 100_000)
        self.state: SystemState = restore(self.store, "loans", self.plan.layout, index)
        self._pending: list[Outgoing] = []
        status = SourceStatus("test", frozenset(PARTITIONS), len(PARTITIONS), frozenset())
        observe_status(self.plan, self.state, status, START)

    def position(self, partition: str) -> int:
        known = self.state.partitions.get(partition_key("test", partition))
        return known.next_offset if known is not None else 0

    def read(self, partition: str, size: int) -> bool:
        at = self.position(partition)
        records = self._parts[partition][at : at + size]
        if not records:
            return False
        rows = [r for r in records if r is not BROKEN]
        broken = [
            Rejected("invalid_json", at + i, sum(r is not BROKEN for r in records[:i]))
            for i, record in enumerate(records)
            if record is BROKEN
        ]
        made = batch(rows, partition=partition, first_offset=at, rejected=broken)
        self._pending += take(self.plan, self.state, made, START + 86_400).items
        return True

    def commit(self) -> None:
        changes = Changes(outbox=[outbox.encode(item) for item in self._pending])
        collect("loans", self.plan.layout, self.state, changes)
        self.store.commit(changes)
        mark_clean(self.state)
        self._pending = []

    def die(self) -> None:
        self.store.close()
        self._wake()

    def end(self) -> list[Outgoing]:
        self._pending += finish(self.plan, self.state, START + 86_400).items
        self.commit()
        sent = [outbox.decode(kind, body) for _, kind, body in self.store.outbox()]
        self.store.close()
        return sent


@pytest.mark.parametrize("seed", range(5))
def test_the_reports_after_kills_equal_those_of_an_undisturbed_run(
    tmp_path: Path, seed: int
) -> None:
    parts = stream(random.Random(1))
    quiet = Life(tmp_path / "quiet", parts)
    for partition in PARTITIONS:
        while quiet.read(partition, 1_000):
            pass
    expected = quiet.end()

    rng = random.Random(seed)
    troubled = Life(tmp_path / "troubled", parts)
    reading = True
    while reading:
        read = [troubled.read(p, rng.randint(1, 40)) for p in PARTITIONS]
        reading = any(read)
        fate = rng.random()
        if fate < 0.25:
            troubled.commit()
        elif fate < 0.4:
            troubled.die()
            reading = True
    found = troubled.end()
    assert reports(found) == reports(expected)
    assert alerts(found) == alerts(expected)
    assert len(reports(found)) > 5


def reports(items: list[Outgoing]) -> list[Report]:
    found = [item for item in items if isinstance(item, Report)]
    return sorted(found, key=lambda r: (r.window.end, r.window.length, r.model_version))


def alerts(items: list[Outgoing]) -> list[Alert]:
    return [item for item in items if isinstance(item, Alert)]
