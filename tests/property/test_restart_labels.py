"""Kills with labels in flight: the final reports are those of an undisturbed run."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from policies.model import Outgoing, Report, encode_report
from tests.acceptance.scenario import Scenario
from tests.support.events import seconds
from tests.support.lives import Lives, Place, Records

START = seconds("2026-03-02 00:00")
PLACES: tuple[Place, ...] = (("test", "0"), ("test", "1"), ("labels", "0"))
HOUR = 3_600


def stream(rng: random.Random) -> dict[Place, list[dict[str, Any]]]:
    """Return five hours of predictions in two partitions and their labels in another source."""
    parts: dict[Place, list[dict[str, Any]]] = {place: [] for place in PLACES}
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


def lives(folder: Path, parts: Records, horizon: int) -> Lives:
    scenario = Scenario(START, now=START + 86_400)
    few = 200 if horizon > 5 * HOUR else 100_000
    scenario.with_labels(horizon=horizon, max_pending=few)
    return Lives(folder, scenario.plan, parts, START, labels=frozenset({"labels"}))


@pytest.mark.parametrize("horizon", [HOUR, 48 * HOUR])
@pytest.mark.parametrize("seed", range(3))
def test_the_final_reports_after_kills_equal_those_of_an_undisturbed_run(
    tmp_path: Path, seed: int, horizon: int
) -> None:
    parts = stream(random.Random(1))
    expected = final(lives(tmp_path / "quiet", parts, horizon).undisturbed(50))
    found = final(lives(tmp_path / "troubled", parts, horizon).troubled(random.Random(seed)))
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
