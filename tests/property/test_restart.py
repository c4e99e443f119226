"""A kill between any two steps changes nothing: the reports are those of an undisturbed run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from policies.model import Alert, Outgoing, Report
from tests.acceptance.scenario import Scenario
from tests.support.events import seconds
from tests.support.lives import BROKEN, Lives, Place

START = seconds("2026-03-02 00:00")
PLACES: tuple[Place, ...] = (("test", "0"), ("test", "1"), ("test", "2"))


def stream(rng: random.Random) -> dict[Place, list[dict[str, Any]]]:
    """Return out-of-order events with repeats, by partition (repeats stay in theirs)."""
    parts: dict[Place, list[dict[str, Any]]] = {p: [] for p in PLACES}
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
        part = parts[rng.choice(PLACES)]
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


@pytest.mark.parametrize("seed", range(5))
def test_the_reports_after_kills_equal_those_of_an_undisturbed_run(
    tmp_path: Path, seed: int
) -> None:
    parts = stream(random.Random(1))
    plan = Scenario(START, now=START + 86_400).plan
    expected = Lives(tmp_path / "quiet", plan, parts, START).undisturbed(1_000)
    found = Lives(tmp_path / "troubled", plan, parts, START).troubled(random.Random(seed))
    assert reports(found) == reports(expected)
    assert alerts(found) == alerts(expected)
    assert len(reports(found)) > 5


def reports(items: list[Outgoing]) -> list[Report]:
    found = [item for item in items if isinstance(item, Report)]
    return sorted(found, key=lambda r: (r.window.end, r.window.length, r.model_version))


def alerts(items: list[Outgoing]) -> list[Alert]:
    return [item for item in items if isinstance(item, Alert)]
