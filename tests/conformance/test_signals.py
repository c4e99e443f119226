"""Every line of the table of signals: documented, named after its family, and true to C6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.table import SIGNALS
from agent.summarise import summarise
from agent.summary import empty
from policies.model import Window
from tests.unit.statistics.events import batch, referenced, schema_of

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "signals.md").read_text()

EVENTS = batch(
    {"x": [float(i % 37) for i in range(500)], "k": ["ab"[i % 2] for i in range(500)]},
    prediction=["01"[i % 3 == 0] for i in range(500)],
    score=[i / 500 for i in range(500)],
    audit={"sex": ["fm"[i % 2] for i in range(500)]},
    version=["v1"] * 500,
)


def contexts() -> dict[str, SignalContext]:
    """Return an empty window, one without a reference, and an ordinary one."""
    window = Window(start=0, end=86_400, length="1d")
    settings = Settings(registered=frozenset({"v1"}))
    layout, reference = referenced(EVENTS)
    bare = build_layout(schema_of(EVENTS))
    rows = np.arange(EVENTS.n)
    return {
        "empty": SignalContext(layout, empty(layout), reference, window, settings),
        "bare": SignalContext(bare, summarise(bare, EVENTS, rows), None, window, settings),
        "usual": SignalContext(
            layout, summarise(layout, EVENTS, rows), reference, window, settings, (400, 500, 600)
        ),
    }


@pytest.mark.parametrize("name", SIGNALS)
def test_each_signal_is_documented(name: str) -> None:
    assert SIGNALS[name].__doc__, "its docstring says what it is"
    assert f"`{name}`" in DOCUMENT, "docs/signals.md has a row for it"


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("which", ["empty", "bare", "usual"])
def test_each_signal_says_something_about_every_window(name: str, which: str) -> None:
    found = SIGNALS[name](contexts()[which])
    assert {s.name for s in found} <= {name}
    # An empty window has no groups, so no group's rate; everything else must speak.
    assert found or (name, which) == ("fairness.selection_rate", "empty")
    for signal in found:
        assert (signal.status == "ok") == (signal.value is not None)
        assert signal.level == 0.95
        assert signal.method
    if which == "usual":
        assert all(s.status == "ok" for s in found), [s for s in found if s.status != "ok"]


@pytest.mark.parametrize("name", SIGNALS)
def test_the_same_window_gives_the_same_signals(name: str) -> None:
    assert SIGNALS[name](contexts()["usual"]) == SIGNALS[name](contexts()["usual"])
