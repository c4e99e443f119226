"""Kills with labels in flight: the final reports are those of an undisturbed run."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from agent import outbox
from agent.dedup import DedupIndex
from agent.labels.settings import LabelSettings
from agent.persist import collect, mark_clean, restore
from agent.state import SystemState, partition_key
from agent.store import Changes, Store
from agent.system import finish, observe_status, take
from collectors.base import SourceStatus
from policies.model import Outgoing, Report, encode_report
from tests.acceptance.scenario import Scenario
from tests.support.events import batch, seconds

START = seconds("2026-03-02 00:00")
NOW = START + 86_400
PLACES = (("test", "0"), ("test", "1"), ("labels", "0"))
HOUR = 3_600


def stream(rng: random.Random) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return five hours of predictions in two partitions and their labels in another source."""
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {place: [] for place in PLACES}
    for i in range(600):
        at = START + i * 30
        row = {"time": at, "id": f"e{i}", "approve": rng.choice("01"), "gender": rng.choice("mf")}
        if i % 9 == 0:
            row["label"] = "1"
        parts[rng.choice(PLACES[:2])].append(row)
        for turn in range(rng.choice((0, 1, 1, 2))):
            recorded = at + rng.uniform(0, 1_800) + turn
            one = {"id": f"e{i}", "label": rng.choice("01"), "recorded": recorded}
            parts["labels", "0"] += [one, one] if i % 7 == 0 else [one]
        if i % 50 == 0:
            lost = {"id": f"x{i}", "label": "1", "recorded": float(at)}
            parts["labels", "0"].append(lost)
    for place, part in parts.items():
        # Of labels the newest time read so far says how far they have been read.
        delay = 0 if place[0] == "labels" else 500
        part.sort(key=lambda e: float(e.get("time") or e["recorded"]) + rng.uniform(0, delay))
    return parts


class Life:
    """One life of the pipeline on a store; `die` forgets everything not committed."""

    def __init__(
        self, folder: Path, parts: dict[tuple[str, str], list[dict[str, Any]]], horizon: int
    ) -> None:
        self._folder, self._parts = folder, parts
        scenario = Scenario(START, now=NOW)
        scenario.with_labels(
            LabelSettings(
                pane=60,
                lateness=600,
                lengths=("1h", "12h"),
                attributes=scenario.plan.layout.attributes,
                numeric=False,
                horizon=horizon,
                max_pending=200 if horizon > 5 * HOUR else 100_000,
            )
        )
        self.plan = scenario.plan
        self._wake()

    def _wake(self) -> None:
        self.store = Store(self._folder)
        index = DedupIndex(self.plan.time.dedup_horizon, 100_000)
        self.state: SystemState = restore(
            self.store, "loans", self.plan.layout, index, self.plan.labels
        )
        assert self.state.labels is not None
        self.state.labels.sources = {"labels"}
        self._pending: list[Outgoing] = []
        for source in ("test", "labels"):
            mine = frozenset(p for s, p in PLACES if s == source)
            status = SourceStatus(source, mine, len(mine), frozenset())
            observe_status(self.plan, self.state, status, START)

    def read(self, place: tuple[str, str], size: int) -> bool:
        source, partition = place
        known = self.state.partitions.get(partition_key(source, partition))
        at = known.next_offset if known is not None else 0
        records = self._parts[place][at : at + size]
        if not records:
            return False
        made = batch(records, source=source, partition=partition, first_offset=at)
        self._pending += take(self.plan, self.state, made, NOW).items
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
        self._pending += finish(self.plan, self.state, NOW).items
        self.commit()
        sent = [outbox.decode(kind, body) for _, kind, body in self.store.outbox()]
        self.store.close()
        return sent


@pytest.mark.parametrize("horizon", [HOUR, 48 * HOUR])
@pytest.mark.parametrize("seed", range(3))
def test_the_final_reports_after_kills_equal_those_of_an_undisturbed_run(
    tmp_path: Path, seed: int, horizon: int
) -> None:
    parts = stream(random.Random(1))
    quiet = Life(tmp_path / "quiet", parts, horizon)
    reading = True
    while reading:
        read = [quiet.read(place, 50) for place in PLACES]
        reading = any(read)
    expected = final(quiet.end())

    rng = random.Random(seed)
    troubled = Life(tmp_path / "troubled", parts, horizon)
    reading = True
    while reading:
        read = [troubled.read(place, rng.randint(1, 40)) for place in PLACES]
        reading = any(read)
        fate = rng.random()
        if fate < 0.25:
            troubled.commit()
        elif fate < 0.4:
            troubled.die()
            reading = True
    found = final(troubled.end())
    assert found == expected
    assert len(expected) == 6
    coverage = [json.loads(body)["coverage"] for body in expected.values()]
    assert sum(c["orphans"]["label"] for c in coverage) > 0
    assert sum(c["labelled"] for c in coverage) > 0


def final(items: list[Outgoing]) -> dict[tuple[str, str, int], bytes]:
    """Return the final report of each window as bytes; there is one of each."""
    found: dict[tuple[str, str, int], bytes] = {}
    for item in items:
        if isinstance(item, Report) and item.final:
            key = (item.model_version, item.window.length, item.window.start)
            assert key not in found
            found[key] = encode_report(item)
    return found
