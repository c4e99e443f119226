"""Whatever was counted, every signal is finite or says why not."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.labels.rows import OutcomeRows
from agent.layout import build_layout
from agent.outcomes import label_records
from agent.signals.context import Settings, SignalContext
from agent.signals.labelled import Labelled
from agent.signals.table import FAILED, compute
from agent.summarise import summarise
from collectors.batch import Categorical, Column, EventBatch, Floats
from collectors.schema import Task
from policies.model import Signal, Window
from tests.unit.statistics.events import FAVOURABLE, Values, batch, schema_of, texts
from tests.unit.statistics.outcomes import reference_of, rows_of

AMOUNT = st.one_of(
    st.just(math.nan),
    st.sampled_from([0.0, 1.0, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
    st.floats(-5, 5),
)


SEXES: list[list[str | None]] = [["f"], ["f", "m"], ["f", "m", "x", None], [None]]


LABELS: list[list[str | None]] = [["1"], ["0", "1"], ["0", "1", None], [None], ["0", "1", "2"]]


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
    quantities = draw(st.booleans())
    prediction: Values = texts(pick(["0", "1", None]))
    label: Values = texts(pick(draw(st.sampled_from(LABELS))))
    if quantities:
        prediction, label = (amounts[rng.integers(0, len(amounts), n)] for _ in range(2))
    return batch(
        {"amount": amounts[rng.integers(0, len(amounts), n)], "kind": texts(pick(kinds))},
        n=n,
        prediction=prediction,
        label=label,
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
    st.sampled_from(
        [Settings(), Settings(min_drift_n=1, min_group_n=1, min_performance_n=1, k_display=2)]
    ),
    st.lists(st.integers(0, 10**9), max_size=5),
    st.booleans(),
    st.booleans(),
)
@settings(deadline=None, max_examples=120)
def test_every_signal_is_finite_or_says_why_not(
    old: EventBatch,
    new: EventBatch,
    with_reference: bool,
    length: str,
    how: Settings,
    history: list[int],
    labelled: bool,
    mature: bool,
) -> None:
    task: Task = "classification" if isinstance(new.prediction, Categorical) else "regression"
    assume(not label_records(old).all())
    reference = reference_of(old) if with_reference else None
    if reference is not None and reference.task != task:
        return
    layout = build_layout(schema_of(new, task), reference, favourable=FAVOURABLE)
    context = SignalContext(
        layout,
        summarise(layout, new, np.arange(new.n)),
        reference,
        Window(0, 86_400, length),
        how,
        tuple(history),
        rows_of(new, mature=mature) if labelled else None,
    )
    found = compute(context)
    for signal in (*found.published, *found.hidden):
        check(signal)
    keys = [(s.name, str(sorted(s.subject.items()))) for s in found.published]
    assert len(keys) == len(set(keys)), "one signal for each name and subject"
    assert {(s.name, str(sorted(s.subject.items()))) for s in found.hidden} <= set(keys)


@given(columns(), st.integers(0, 2**32 - 1), st.sampled_from(["1h", "1d"]))
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_rows_does_not_show(events: EventBatch, seed: int, length: str) -> None:
    how = Settings(min_drift_n=1, min_group_n=1, min_performance_n=1, k_display=2)
    regression = not isinstance(events.prediction, Categorical)
    task: Task = "regression" if regression else "classification"
    layout = build_layout(schema_of(events, task), favourable=FAVOURABLE)
    summary = summarise(layout, events, np.arange(events.n))
    rows = rows_of(events)
    order = np.random.default_rng(seed).permutation(events.n)
    window = Window(0, 86_400, length)
    first, second = (
        compute(SignalContext(layout, summary, None, window, how, (), one))
        for one in (rows, reordered(rows, order))
    )
    assert first == second, "to the last bit"


def reordered(rows: OutcomeRows, order: np.ndarray) -> OutcomeRows:
    """Return the same rows in another order, with texts coded in another order too."""

    def of(column: Column) -> Column:
        if not isinstance(column, Categorical):
            moved: Floats = column[order]
            return moved
        turned = tuple(reversed(column.values))
        codes = np.where(column.codes < 0, -1, len(turned) - 1 - column.codes)
        return Categorical(codes[order].astype(np.int32), turned)

    return OutcomeRows(
        n=rows.n,
        prediction=of(rows.prediction),
        label=of(rows.label),
        score=rows.score[order],
        groups={a: c for a, g in rows.groups.items() if isinstance(c := of(g), Categorical)},
        mature=rows.mature,
    )


@given(columns(), columns())
@settings(deadline=None, max_examples=60)
def test_the_counts_of_two_halves_add_up_to_those_of_the_whole(
    a: EventBatch, b: EventBatch
) -> None:
    if not all(isinstance(events.prediction, Categorical) for events in (a, b)):
        return
    parts = [Labelled(rows_of(events), FAVOURABLE) for events in (a, b)]
    whole = Labelled(joined(*(part.rows for part in parts)), FAVOURABLE)
    assert whole.n == sum(part.n for part in parts)
    assert (whole.states == sum(part.states for part in parts)).all()
    names = ("true_positive", "false_positive", "false_negative", "true_negative", "scored")
    for group, one in whole.groups("sex")[0].items():
        halves = [h for part in parts if (h := part.groups("sex")[0].get(group)) is not None]
        for name in names:
            assert getattr(one, name) == sum(getattr(h, name) for h in halves)
    scores = [part.scores() for part in parts]
    for side, both in enumerate(whole.scores()):
        assert (both == np.sort(np.concatenate([s[side] for s in scores]))).all()


def joined(a: OutcomeRows, b: OutcomeRows) -> OutcomeRows:
    """Return the rows of both."""

    def of(first: Column, second: Column) -> Categorical:
        assert isinstance(first, Categorical)
        assert isinstance(second, Categorical)
        moved = np.where(second.codes < 0, -1, second.codes + len(first.values))
        codes = np.concatenate([first.codes, moved]).astype(np.int32)
        return merged(Categorical(codes, (*first.values, *second.values)))

    return OutcomeRows(
        n=a.n + b.n,
        prediction=of(a.prediction, b.prediction),
        label=of(a.label, b.label),
        score=np.concatenate([a.score, b.score]),
        groups={name: of(a.groups[name], b.groups[name]) for name in a.groups},
        mature=True,
    )


def merged(column: Categorical) -> Categorical:
    """Return the column with one code for each text."""
    values = tuple(dict.fromkeys(column.values))
    table = np.array([-1, *(values.index(v) for v in column.values)], np.int32)
    return Categorical(table[column.codes + 1], values)
