"""A summary is a commutative monoid, and however events are cut up their summary is the same."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import summarise as summarise_module
from agent.layout import build_layout
from agent.summarise import summarise, summarise_by
from agent.summary import SummaryError, add, decode, dense, empty, encode, merge
from collectors.batch import EventBatch, Ints
from tests.unit.statistics.events import FAVOURABLE, Values, batch, referenced, schema_of, texts

AMOUNTS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 1.5, float("inf"), float("-inf"), 1e308, -1e308, 5e-324]),
    st.floats(-10, 10),
    st.floats(allow_nan=False),
)
CATEGORIES = st.one_of(st.none(), st.sampled_from(["a", "b", "rare", "new", "é\x00"]))
GROUPS = st.one_of(st.none(), st.sampled_from([f"g{i}" for i in range(8)]))

TEXTS = st.sampled_from(["200", "503", "error", "1", "0", "maybe", None])

Row = tuple[
    float | None,
    str | None,
    str | None,
    str | None,
    str | None,
    float | None,
    str | None,
    int,
    bool,
]

ROW: st.SearchStrategy[Row] = st.tuples(
    AMOUNTS,
    CATEGORIES,
    st.sampled_from(["0", "1", None]),
    GROUPS,
    st.sampled_from(["v1", None]),
    st.one_of(AMOUNTS, st.floats(1e-9, 1e9)),
    TEXTS,
    st.integers(0, 2),
    st.booleans(),
)


def reference_events() -> EventBatch:
    """300 events with an atom, ties and a category too rare to be named."""
    rng = np.random.default_rng(5)
    amounts = np.where(rng.random(300) < 0.3, 0.0, rng.normal(size=300).round(2))
    kinds = ["rare" if i < 3 else "ab"[i % 2] for i in range(300)]
    return batch(
        {"amount": amounts, "kind": kinds},
        prediction=["01"[i % 2] for i in range(300)],
        audit={"sex": ["f"] * 300, "place": ["x"] * 300},
        version=["v1"] * 300,
        extra=extras_of([1.0] * 300, ["1"] * 300),
        reviewer=[1] * 300,
    )


def extras_of(numbers: list[float | None], words: list[str | None]) -> dict[str, Values]:
    """Return every optional field that a summary counts, from two columns."""
    amounts = np.array([np.nan if v is None else v for v in numbers], np.float64)
    found: dict[str, Values] = dict.fromkeys(
        (
            "latency",
            "human.seconds",
            "scores.toxicity",
            "scores.groundedness",
            "scores.evaluation",
            "tokens",
            "cost",
            "energy",
        ),
        amounts,
    )
    return found | dict.fromkeys(("status", "refused", "human.decision"), texts(words))


LAYOUT, _ = referenced(reference_events(), attributes=["sex", "sex*place"], group_limit=5)


def events_of(rows: list[Row]) -> EventBatch:
    """Return the rows as a batch."""
    amounts, kinds, predictions, sexes, versions, numbers, words, reviewers, wrong = (
        [row[i] for row in rows] for i in range(9)
    )
    return batch(
        {
            "amount": np.array([np.nan if v is None else v for v in amounts], np.float64),
            "kind": texts(cast(list[str | None], kinds)),
        },
        n=len(rows),
        prediction=texts(cast(list[str | None], predictions)),
        audit={"sex": cast(list[str | None], sexes), "place": ["x"] * len(rows)},
        version=cast(list[str | None], versions),
        extra=extras_of(cast(list[float | None], numbers), cast(list[str | None], words)),
        reviewer=cast(list[int], reviewers),
        mismatched={"extra.latency": cast(list[bool], wrong)} if any(wrong) else None,
    )


def together(events: EventBatch, rows: Ints) -> bytes:
    """Return the encoded summary of the rows."""
    return encode(summarise(LAYOUT, events, rows))


@given(st.lists(ROW, min_size=1, max_size=40), st.integers(0, 40), st.integers(1, 200))
@settings(deadline=None, max_examples=150)
def test_cutting_events_up_changes_nothing(rows: list[Row], cut: int, columnwise_from: int) -> None:
    events = events_of(rows)
    every = np.arange(len(rows))
    whole = together(events, every)
    first = summarise(LAYOUT, events, every[:cut])
    second = summarise(LAYOUT, events, every[cut:])
    assert encode(merge(first, second)) == whole
    assert encode(merge(second, first)) == whole
    with pytest.MonkeyPatch.context() as patch:
        # Both ways of counting, with both forms of the vector, must agree to the bit.
        patch.setattr(summarise_module, "COLUMNWISE_FROM", columnwise_from)
        parts = summarise_by(LAYOUT, events, every, every % 7)
    total = empty(LAYOUT)
    for part in parts.values():
        add(total, part)
    assert encode(total) == whole
    assert sorted(parts) == list(parts) == sorted(set((every % 7).tolist()))
    for key, part in parts.items():
        assert encode(part) == together(events, every[every % 7 == key])


@given(*(st.lists(ROW, max_size=12) for _ in range(3)))
@settings(deadline=None, max_examples=100)
def test_merging_is_associative_and_commutative_with_a_neutral_element(
    a: list[Row], b: list[Row], c: list[Row]
) -> None:
    x, y, z = (summarise(LAYOUT, events_of(rows), np.arange(len(rows))) for rows in (a, b, c))
    assert encode(merge(merge(x, y), z)) == encode(merge(x, merge(y, z)))
    assert encode(merge(x, y)) == encode(merge(y, x))
    assert encode(merge(x, empty(LAYOUT))) == encode(x)


@given(st.lists(ROW, max_size=30))
@settings(deadline=None, max_examples=100)
def test_stored_summaries_come_back_equal(rows: list[Row]) -> None:
    summary = summarise(LAYOUT, events_of(rows), np.arange(len(rows)))
    again = decode(LAYOUT, encode(summary))
    assert np.array_equal(dense(again), dense(summary))
    assert again.counts == summary.counts
    assert again.versions == summary.versions
    assert encode(again) == encode(summary)


@given(st.binary(max_size=60))
def test_damaged_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(SummaryError):
        decode(LAYOUT, body)


def test_adding_does_not_touch_what_was_added() -> None:
    events = events_of(
        [
            (1.0, "a", "1", "g1", "v1", 0.5, "200", 1, False),
            (2.0, "b", "0", "g2", "v1", None, None, 0, True),
        ]
    )
    one = summarise(LAYOUT, events, np.arange(2))
    before = encode(one)
    total = empty(LAYOUT)
    add(total, one)
    add(total, one)
    assert encode(one) == before
    assert total.counts["events"] == 4
    assert total.groups["sex"]["g1"].tolist() == [2, 2, 2]


def test_a_summary_of_another_layout_is_refused() -> None:
    events = reference_events()
    other = build_layout(schema_of(events), favourable=FAVOURABLE)
    with pytest.raises(SummaryError, match="different layouts"):
        add(empty(LAYOUT), empty(other))
    with pytest.raises(SummaryError, match="another layout"):
        decode(other, encode(empty(LAYOUT)))
