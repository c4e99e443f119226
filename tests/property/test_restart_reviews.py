"""Kills with labels and human decisions in flight: the final reports are those without kills."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_reviews import scene
from tests.property.test_restart_labels import final
from tests.support.events import seconds
from tests.support.lives import Lives, Place, Records

START = seconds("2026-03-02 00:00")
HOUR = 3_600
PLACES: tuple[Place, ...] = (("test", "0"), ("test", "1"), ("labels", "0"), ("reviews", "0"))


def stream(rng: random.Random) -> dict[Place, list[dict[str, Any]]]:
    """Return five hours of predictions, their labels, and what humans decided, here and there."""
    parts: dict[Place, list[dict[str, Any]]] = {place: [] for place in PLACES}
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


def lives(folder: Path, parts: Records, horizon: int) -> Lives:
    few = 200 if horizon > 5 * HOUR else 100_000
    plan = scene(label_horizon=2 * HOUR, horizon=horizon, max_pending=few).plan
    # Somebody owns the alerts: how many stand open when a window closes depends on which source
    # was read first.
    plan = replace(plan, settings=replace(plan.settings, owned=True))
    alone = {"labels": frozenset({"labels"}), "reviews": frozenset({"reviews"})}
    return Lives(folder, plan, parts, START, **alone)


@pytest.mark.parametrize("horizon", [HOUR, 3 * HOUR, 48 * HOUR])
@pytest.mark.parametrize("seed", range(3))
def test_the_final_reports_after_kills_equal_those_of_an_undisturbed_run(
    tmp_path: Path, seed: int, horizon: int
) -> None:
    parts = stream(random.Random(1))
    expected = final(lives(tmp_path / "quiet", parts, horizon).undisturbed(50))
    found = final(lives(tmp_path / "troubled", parts, horizon).troubled(random.Random(seed)))
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
    life = lives(tmp_path / "store", stream(random.Random(1)), HOUR)
    while life.read_each(lambda: 50):
        life.commit()
    life.end()
    files = [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert files
    assert not any(b"officer" in body for body in files)
