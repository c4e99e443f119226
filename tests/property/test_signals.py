"""Whatever was counted, every signal is finite or says why not."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.table import FAILED, compute
from agent.summarise import summarise
from collectors.batch import EventBatch
from policies.model import Signal, Window
from tests.unit.statistics.events import FAVOURABLE, batch, referenced, schema_of, texts

AMOUNT = st.one_of(
    st.just(math.nan),
    st.sampled_from([0.0, 1.0, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
    st.floats(-5, 5),
)


SEXES: list[list[str | None]] = [["f"], ["f", "m"], ["f", "m", "x", None], [None]]


@st.composite
def columns(draw: st.DrawFn) -> EventBatch:
    """Return 0 to 400 events: constant, missing, infinite or mixed columns."""
    n = draw(st.sampled_from([0, 1, 2, 10, 100, 400]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    amounts = np.array(draw(st.lists(AMOUNT, min_size=1, max_size=6)), np.float64)
    kinds: list[str | None] = [
        *draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)),
        None,
    ]
    sexes = draw(st.sampled_from(SEXES))

    def pick(values: list[str | None]) -> list[str | None]:
        return [values[i] for i in rng.integers(0, len(values), n)]

    score = rng.normal(size=n) if draw(st.booleans()) else amounts[rng.integers(0, len(amounts), n)]
    return batch(
        {"amount": amounts[rng.integers(0, len(amounts), n)], "kind": texts(pick(kinds))},
        n=n,
        prediction=texts(pick(["0", "1", None])),
        score=score,
        audit={"sex": pick(sexes)},
        version=pick(["v1", None]),
    )


def check(signal: Signal) -> None:
    """Hold a signal to contract C6."""
    numbers = (signal.low, signal.value, signal.high)
    if signal.status == "ok":
        assert all(x is not None and math.isfinite(x) for x in numbers), signal
        assert signal.low <= signal.value <= signal.high, signal  # type: ignore[operator]
        assert signal.reason is None
    else:
        assert numbers == (None, None, None), signal
        assert signal.reason
        assert not signal.reason.startswith(FAILED), signal
    assert (signal.n is None) == (signal.status == "suppressed"), signal
    assert signal.n is None or signal.n >= 0


@given(
    columns().filter(lambda events: events.n > 0),
    columns(),
    st.booleans(),
    st.sampled_from(["1h", "1d"]),
    st.sampled_from([Settings(), Settings(min_drift_n=1, min_group_n=1, k_display=2)]),
    st.lists(st.integers(0, 10**9), max_size=5),
)
@settings(deadline=None, max_examples=120)
def test_every_signal_is_finite_or_says_why_not(
    old: EventBatch,
    new: EventBatch,
    with_reference: bool,
    length: str,
    how: Settings,
    history: list[int],
) -> None:
    layout, reference = referenced(old)
    if not with_reference:
        layout = build_layout(schema_of(old), favourable=FAVOURABLE)
    context = SignalContext(
        layout,
        summarise(layout, new, np.arange(new.n)),
        reference if with_reference else None,
        Window(0, 86_400, length),
        how,
        tuple(history),
    )
    found = compute(context)
    for signal in (*found.published, *found.hidden):
        check(signal)
    keys = [(s.name, str(sorted(s.subject.items()))) for s in found.published]
    assert len(keys) == len(set(keys)), "one signal for each name and subject"
    assert {(s.name, str(sorted(s.subject.items()))) for s in found.hidden} <= set(keys)
