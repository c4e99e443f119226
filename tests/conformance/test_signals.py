"""Every line of the table of signals: documented, named after its family, and true to C6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.beside import APPEALS, COMPLAINTS
from agent.known_signals import known_signals
from agent.layout import build_layout
from agent.signals.card import Inventory
from agent.signals.context import Settings, SignalContext
from agent.signals.table import SIGNALS
from agent.summarise import summarise
from agent.summary import empty
from agent.unsure import count_unsure
from collectors.schema import Task
from policies.model import Window
from policies.subjects import subject_kind
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of
from tests.unit.statistics.outcomes import reference_of, rows_of

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "signals.md").read_text()

N = 1_000

EVENTS = batch(
    {"x": [float(i % 37) for i in range(N)], "k": ["ab"[i % 2] for i in range(N)]},
    prediction=["01"[i % 3 == 0] for i in range(N)],
    label=["01"[i % 5 < 2] for i in range(N)],
    score=[i / N for i in range(N)],
    audit={"sex": ["fm"[i % 2] for i in range(N)]},
    version=["v1"] * N,
    extra={
        "latency": [0.01 * (1 + i % 50) for i in range(N)],
        "status": ["error" if i % 3 == 0 else "200" for i in range(N)],
        "human.decision": ["01"[i % 4 == 0] for i in range(N)],
        "human.seconds": [float(i % 90) for i in range(N)],
        "feedback": [["complaint", "appeal", None, None][i % 4] for i in range(N)],
        "scores.toxicity": [i / N for i in range(N)],
        "scores.groundedness": [1 - i / N for i in range(N)],
        "scores.evaluation": [float(1 + i % 5) for i in range(N)],
        "refused": ["01"[i % 9 == 0] for i in range(N)],
        "tokens": [float(200 + i) for i in range(N)],
        "cost": [0.001 * (1 + i % 7) for i in range(N)],
        "energy": [0.0001 * (1 + i % 3) for i in range(N)],
    },
    reviewer=[i % 5 for i in range(N)],
)

NUMBERS = batch(
    prediction=[float(i) for i in range(N)], label=[float(i + i % 7) for i in range(N)], n=N
)

OF_NUMBERS = (
    "performance.mae",
    "performance.mae_rise",
    "performance.rmse",
    "performance.rmse_rise",
)
"""Signals of a regression; all others are of a classification."""

OF_CLASSES = ("performance.f1", "performance.precision", "performance.recall")
"""Signals that are also told of each of several classes."""


def contexts(name: str) -> dict[str, SignalContext]:
    """Return an empty window, one without a reference, and an ordinary one."""
    window = Window(start=0, end=86_400, length="1d")
    events = NUMBERS if name in OF_NUMBERS else EVENTS
    task: Task = "regression" if name in OF_NUMBERS else "classification"
    reference = reference_of(events)
    layout = build_layout(schema_of(events, task), reference, favourable=FAVOURABLE)
    bare = build_layout(schema_of(events, task))
    rows = np.arange(events.n)
    settings = Settings(
        registered=frozenset({"v1"}),
        inventory=Inventory(
            assessed_until=0, basis_until={"sex": 0}, waived_until=(0,), drilled_at=0
        ),
        latency_slo=0.5,
        complaint_rate=3.0,
        appeal_rate=1.0,
        reviewed_at=-86_400,
        review_cadence_days=90,
        grid_intensity=0.6,
        grid_origin="example",
    )
    usual = summarise(layout, events, rows)
    usual.counts |= {COMPLAINTS: 3, APPEALS: 1}
    unsure = count_unsure(events, settings.uncertain, np.ones(events.n, dtype=bool))
    usual.counts |= {key: len(of) for key, of in unsure}
    return {
        "empty": SignalContext(layout, empty(layout), reference, window, settings),
        "bare": SignalContext(bare, summarise(bare, events, rows), None, window, settings),
        "usual": SignalContext(
            layout,
            usual,
            reference,
            window,
            settings,
            (400, 500, 600),
            rows_of(events),
            silence=4,
        ),
    }


CLASSES = batch(
    prediction=[str(i % 3) for i in range(N)], label=[str(i % 4) for i in range(N)], n=N
)


def _of_classes() -> SignalContext:
    layout = build_layout(schema_of(CLASSES), reference_of(CLASSES))
    summary = summarise(layout, CLASSES, np.arange(N))
    window = Window(start=0, end=86_400, length="1d")
    return SignalContext(
        layout, summary, reference_of(CLASSES), window, Settings(), outcomes=rows_of(CLASSES)
    )


@pytest.mark.parametrize("name", SIGNALS)
def test_a_rule_may_judge_each_signal_of_what_it_is_about(name: str) -> None:
    found = SIGNALS[name](contexts(name)["usual"])
    if name in OF_CLASSES:
        found += SIGNALS[name](_of_classes())
    # Each pair of groups is told besides their attribute, and judged through it.
    measured = {subject_kind(signal.subject) for signal in found} - {"pair"}
    assert measured == known_signals()[name], "agent/signals/subjects.py says what it is about"


@pytest.mark.parametrize("name", SIGNALS)
def test_each_signal_is_documented(name: str) -> None:
    assert SIGNALS[name].__doc__, "its docstring says what it is"
    assert f"`{name}`" in DOCUMENT, "docs/signals.md has a row for it"


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("which", ["empty", "bare", "usual"])
def test_each_signal_says_something_about_every_window(name: str, which: str) -> None:
    found = SIGNALS[name](contexts(name)[which])
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
    assert SIGNALS[name](contexts(name)["usual"]) == SIGNALS[name](contexts(name)["usual"])
