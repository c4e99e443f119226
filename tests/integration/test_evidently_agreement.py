"""Our drift verdicts point the way Evidently's do, on data with and without drift.

Evidently compares a bare value with 0.1; a verdict of ours is made from an interval.  So: whenever
ours is decided, Evidently's value must lie on the same side, and clear cases must be decided.  PSI
is binned otherwise there (equal width over both samples), so only sides are compared; Wasserstein
and categorical Jensen-Shannon are the same quantities, so their values are compared too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.signals.context import Settings, SignalContext
from agent.signals.table import compute
from agent.summarise import summarise
from policies.judge import judge
from policies.model import Signal, State, Threshold, Window
from tests.real.evidently import run_in_evidently
from tests.unit.statistics.events import Values, batch, referenced

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Draw = Callable[[np.random.Generator], np.ndarray]

ROWS = 4_000
LIMIT = 0.1
"""Evidently's default threshold for each of the three."""

NUMERIC: dict[str, tuple[Draw, Draw]] = {
    "same normal": (lambda r: r.normal(size=ROWS), lambda r: r.normal(size=ROWS)),
    "same lognormal": (lambda r: r.lognormal(size=ROWS), lambda r: r.lognormal(size=ROWS)),
    "same counts": (
        lambda r: r.poisson(30, ROWS).astype(float),
        lambda r: r.poisson(30, ROWS).astype(float),
    ),
    "hardly shifted": (lambda r: r.normal(size=ROWS), lambda r: r.normal(0.02, 1, ROWS)),
    "shifted": (lambda r: r.normal(size=ROWS), lambda r: r.normal(0.6, 1, ROWS)),
    "far": (lambda r: r.uniform(size=ROWS), lambda r: r.uniform(2, 3, ROWS)),
    "wider": (lambda r: r.normal(size=ROWS), lambda r: r.normal(0, 2, ROWS)),
    "other unit": (lambda r: r.lognormal(size=ROWS), lambda r: 12 * r.lognormal(size=ROWS)),
}

SHARES = {
    "same kinds": ([0.5, 0.3, 0.2], [0.5, 0.3, 0.2]),
    "other kinds": ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]),
    "same flag": ([0.9, 0.1], [0.9, 0.1]),
    "other flag": ([0.9, 0.1], [0.6, 0.4]),
}

METHODS = {"psi": "psi", "jensenshannon": "js_distance", "wasserstein": "wasserstein_normed"}
DRIFTED = {"shifted", "far", "wider", "other unit", "other kinds", "other flag"}


def samples(seed: int) -> tuple[dict[str, Values], dict[str, Values]]:
    """Return reference and current data by column."""
    rng = np.random.default_rng(seed)
    old: dict[str, Values] = {name: draw(rng) for name, (draw, _) in NUMERIC.items()}
    new: dict[str, Values] = {name: draw(rng) for name, (_, draw) in NUMERIC.items()}
    for name, (before, after) in SHARES.items():
        for shares, where in ((before, old), (after, new)):
            drawn = rng.choice(len(shares), ROWS, p=shares)
            where[name] = ["abc"[i] for i in drawn.tolist()]
    return old, new


def ours(old: dict[str, Values], new: dict[str, Values]) -> dict[tuple[str, str], Signal]:
    """Return our signals by column and name."""
    layout, reference = referenced(batch(old))
    summary = summarise(layout, batch(new), np.arange(ROWS))
    window = Window(start=0, end=86_400, length="1d")
    found = compute(SignalContext(layout, summary, reference, window, Settings())).published
    return {(s.subject.get("feature", ""), s.name): s for s in found}


def side(signal: Signal) -> State:
    """Return our verdict at Evidently's threshold."""
    assert signal.low is not None
    assert signal.high is not None
    return judge(Threshold(op=">", warn=LIMIT, breach=LIMIT), signal.low, signal.high)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_decided_verdicts_agree_with_evidently(seed: int) -> None:
    old, new = samples(seed)
    methods = {name: ["psi", "jensenshannon"] + ["wasserstein"] * (name in NUMERIC) for name in old}
    theirs = run_in_evidently(
        Path(__file__).with_name("evidently_answers.py"),
        {
            "reference": {k: list(v) for k, v in old.items()},
            "current": {k: list(v) for k, v in new.items()},
            "methods": methods,
        },
    )
    signals = ours(old, new)
    undecided = []
    for name, asked in methods.items():
        for method in asked:
            signal = signals[(name, f"drift.{METHODS[method]}")]
            value = theirs[name][method]
            state = side(signal)
            if state == "not_assessable":
                undecided.append((name, method))
                continue
            assert (state == "breach") == (value >= LIMIT), (name, method, signal, value)
            assert (state == "breach") == (name in DRIFTED), (name, method, signal, value)
            assert signal.value is not None
            if method == "wasserstein":
                assert signal.value == pytest.approx(value, rel=0.002, abs=0.005), name
            elif method == "jensenshannon" and name in SHARES:
                # Theirs is in natural units; smoothing moves ours a little.
                assert signal.value == pytest.approx(value / math.sqrt(math.log(2)), abs=2e-3)
    assert not undecided, "these data sets are clear cases"
