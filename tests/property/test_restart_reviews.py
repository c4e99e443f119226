"""Kills with labels and human decisions in flight: the final reports are those without kills."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import outbox
from agent.dedup import DedupIndex
from agent.labels.kinds import REVIEWS
from agent.persist import collect, mark_clean, restore
from agent.state import SystemState, partition_key
from agent.store import Changes, Store
from agent.system import finish, observe_status, take
from collectors.base import SourceStatus
from policies.model import Outgoing
from tests.acceptance.test_reviews import scene
from tests.property.test_restart_labels import final
from tests.support.events import batch, seconds

START = seconds("2026-03-02 00:00")
NOW = START + 86_400
HOUR = 3_600
PLACES = (("test", "0"), ("test", "1"), ("labels", "0"), ("reviews", "0"))


def stream(rng: random.Random) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return five hours of predictions, their labels, and what humans decided, here and there."""
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {place: [] for place in PLACES}
    for i in range(600):
        at = START + i * 30
        row = {"time": at, "id": f"e{i}", "approve": rng.choice("01"), "score": rng.random()}
        if i % 9 == 0:
            row |= {"decision": rng.choice("01"), "by": "officer"}
        parts[rng.choice(PLACES[:2])].append(row)
        if i % 2:
            recorded = at + rng.uniform(0, 1_800)
            parts["labels", "0"].append({"id": f"e{i}", "label": "1", "recorded": recorded})
        for turn in range(rng.choice((0, 1, 1, 2))):
            recorded = at + rng.uniform(0, 1_800) + turn
            named = {"by": rng.choice(("officer", None))}
            one = {"id": f"e{i}", "decision": rng.choice("01"), "recorded": recorded, **named}
            # On a topic of their own, or among the events.
            place = PLACES[3] if i % 3 else PLACES[i % 2]
            parts[place] += [one, one] if i % 7 == 0 else [one]
        if i % 50 == 0:
            lost = {"id": f"x{i}", "decision": "1", "recorded": float(at)}
            parts["reviews", "0"].append(lost)
    for place, part in parts.items():
        delay = 0 if place[0] in ("labels", "reviews") else 500
        part.sort(key=lambda e: float(e.get("time") or e["recorded"]) + rng.uniform(0, delay))
    return parts


class Life:
    """One life of the pipeline on a store; `die` forgets everything not committed."""

    def __init__(
        self, folder: Path, parts: dict[tuple[str, str], list[dict[str, Any]]], horizon: int
    ) -> None:
        self._folder, self._parts = folder, parts
        few = 200 if horizon > 5 * HOUR else 100_000
        plan = scene(label_horizon=2 * HOUR, horizon=horizon, max_pending=few).plan
        # Somebody owns the alerts: how many stand open when a window closes depends on which
        # source was read first.
        self.plan = replace(plan, settings=replace(plan.settings, owned=True))
        self._wake()

    def _wake(self) -> None:
        self.store = Store(self._folder)
        index = DedupIndex(self.plan.time.dedup_horizon, 100_000)
        self.state: SystemState = restore(
            self.store, "loans", self.plan.layout, index, self.plan.labels, self.plan.reviews
        )
        assert self.state.labels is not None
        assert self.state.reviews is not None
        self.state.labels.sources, self.state.reviews.sources = {"labels"}, {REVIEWS}
        self._pending: list[Outgoing] = []
        for source in ("test", "labels", "reviews"):
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


@pytest.mark.parametrize("horizon", [HOUR, 3 * HOUR, 48 * HOUR])
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
    documents = [json.loads(body) for body in expected.values()]
    assert sum(d["coverage"]["orphans"]["review"] for d in documents) > 0
    overrides = [
        s for d in documents for s in d["signals"] if s["name"] == "oversight.override_rate"
    ]
    assert sum(s["n"] for s in overrides) > 0
    assert "provisional" not in {v["reason"] for d in documents for v in d["verdicts"]}


def test_what_is_stored_of_a_review_names_nobody(tmp_path: Path) -> None:
    life = Life(tmp_path / "store", stream(random.Random(1)), HOUR)
    reading = True
    while reading:
        read = [life.read(place, 50) for place in PLACES]
        reading = any(read)
        life.commit()
    life.end()
    files = [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert files
    assert not any(b"officer" in body for body in files)
