"""A version's name comes from the stream: whatever it holds, the state must be read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.dedup import DedupIndex
from agent.persist import collect, restore
from agent.store import Changes, Store
from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")


@pytest.mark.parametrize("version", ["v\x1f1", "\x1f", "a|b", "ü\n"])
def test_state_of_a_strangely_named_version_is_read_back(version: str, tmp_path: Path) -> None:
    scenario = Scenario(START)
    scenario.push(
        [
            {"time": START + 60 * minute, "id": f"e{minute}", "approve": "1", "version": version}
            for minute in (0, 30, 80, 100)
        ]
    )
    changes = Changes()
    collect("loans", scenario.plan.layout, scenario.state, changes)
    store = Store(tmp_path / "state")
    store.commit(changes)
    restored = restore(store, "loans", scenario.plan.layout, DedupIndex(600, 1_000))
    store.close()
    assert restored.panes.keys() == scenario.state.panes.keys()
    assert restored.windows.keys() == scenario.state.windows.keys()
    assert restored.latest.keys() == scenario.state.latest.keys()
    assert (version, "1h") in restored.latest
