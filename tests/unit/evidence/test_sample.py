"""The sample does not depend on how events arrive, is bounded, and holds no id."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from agent.evidence.reservoir import Place, Reservoir, columns_of
from agent.evidence.sample import ColumnName, Sample, add, column_values, decode, digest, encode
from policies.model import Window
from tests.support.events import SCHEMA, batch

COLUMNS = columns_of(SCHEMA, attributes=True)
HOUR = 3_600


def row(n: int, **more: Any) -> dict[str, Any]:
    return {"id": f"id-{n}", "time": float(n % HOUR), "approve": "1", "income": float(n)} | more


def sampled(parts: list[list[dict[str, Any]]], size: int = 20) -> bytes:
    sample = Sample(size, tuple(COLUMNS))
    for part in parts:
        if part:
            add(sample, batch(part), np.arange(len(part)))
    return encode(sample)


@settings(max_examples=50)
@given(st.integers(0, 200), st.randoms(use_true_random=False), st.integers(1, 60))
def test_neither_order_nor_batches_show(n: int, rng: Any, size: int) -> None:
    rows = [row(i) if i % 7 else row(i, id=None) for i in range(n)]
    whole = sampled([rows])
    shuffled = list(rows)
    rng.shuffle(shuffled)
    parts = [shuffled[i : i + size] for i in range(0, n, size)]
    assert sampled(parts) == whole
    assert len(decode(whole).rows) == min(n, 20)


def test_many_rows_in_one_batch_and_one_by_one_are_the_same() -> None:
    rows = [row(i) for i in range(3_000)]
    assert sampled([rows]) == sampled([[one] for one in rows])


def test_the_sample_is_uniform() -> None:
    """Kolmogorov-Smirnov against the uniform distribution, by scipy."""
    rows = [row(i) for i in range(20_000)]
    values = column_values(decode(sampled([rows], 2_000)))["features.income"]
    assert len(values) == 2_000
    assert stats.kstest(np.array(values, float) / 20_000, "uniform").pvalue > 0.001


def test_rows_without_an_id_are_sampled_too() -> None:
    rows = [row(i, id=None) for i in range(5_000)]
    values = column_values(decode(sampled([rows], 500)))["features.income"]
    assert stats.kstest(np.array(values, float) / 5_000, "uniform").pvalue > 0.001


def test_values_are_kept_and_what_is_no_value_is_none() -> None:
    rows = [row(1, income=float("nan"), purpose="x" * 500, gender="f"), row(2, income=np.inf)]
    found = column_values(decode(sampled([rows])))
    assert sorted(found) == [
        "audit.gender", "features.income", "features.purpose", "prediction", "score",
    ]  # fmt: skip
    assert set(found["features.income"]) == {None}
    assert sorted(map(str, found["audit.gender"])) == ["None", "f"]
    assert max(len(text) for text in found["features.purpose"] if isinstance(text, str)) == 200


def test_no_id_and_no_attribute_unless_asked() -> None:
    assert b"id-7" not in sampled([[row(7)]])
    assert all(not c.name.startswith("audit.") for c in columns_of(SCHEMA, attributes=False))


def reservoir(size: int = 20, **more: Any) -> Reservoir:
    return Reservoir(size, ["1h"], COLUMNS, **more)


def feed(to: Reservoir, rows: list[dict[str, Any]], next_start: int = 0) -> None:
    to.add(batch(rows), np.ones(len(rows), bool), {"1h": next_start})


FIRST = Window(0, HOUR, "1h")


def test_a_window_is_closed_once_and_its_digest_outlives_it() -> None:
    kept = reservoir()
    feed(kept, [row(i) for i in range(50)])
    closed = kept.close(FIRST, final=False)
    assert closed is not None
    named, body = closed
    assert named == digest(body)
    feed(kept, [row(i) for i in range(100, 150)])
    assert kept.close(FIRST, final=True) == (named, b"")
    assert kept.close(FIRST, final=True) is None
    assert kept.stored(Place("1h", 0)) is None


def test_events_of_a_window_that_is_final_open_nothing() -> None:
    kept = reservoir()
    feed(kept, [row(1)], next_start=HOUR)
    assert kept.close(FIRST, final=True) is None
    assert kept.dirty == set()


def test_events_that_do_not_count_are_not_sampled() -> None:
    kept = reservoir()
    kept.add(batch([row(1), row(2)]), np.array([False, False]), {})
    assert kept.close(FIRST, final=True) is None


def test_an_expired_basis_leaves_the_attribute_out() -> None:
    on = reservoir(expires={"gender": dt.date(1970, 1, 2)})
    off = reservoir(expires={"gender": dt.date(1970, 1, 1)})
    for kept in (on, off):
        feed(kept, [row(1, gender="f")])
    (held, _), (empty, _) = (
        (column_values(decode(closed[1])), 0)
        for kept in (on, off)
        if (closed := kept.close(FIRST, final=True)) is not None
    )
    assert held["audit.gender"] == ["f"]
    assert "audit.gender" not in empty


def test_what_is_stored_comes_back_unless_the_columns_are_others() -> None:
    before = reservoir()
    feed(before, [row(i) for i in range(30)])
    stored = before.stored(Place("1h", 0))
    assert stored is not None
    after = reservoir()
    after.restore(Place("1h", 0), stored)
    feed(after, [row(i) for i in range(30, 60)])
    feed(before, [row(i) for i in range(30, 60)])
    assert after.close(FIRST, final=True) == before.close(FIRST, final=True)

    other = Reservoir(20, ["1h"], [ColumnName("score", "numeric")])
    other.restore(Place("1h", 0), stored)
    assert other.dirty == {Place("1h", 0)}, "it is removed from the store"
    assert other.close(FIRST, final=True) is None


def test_with_size_0_nothing_is_kept_and_what_was_stored_goes() -> None:
    before, none = reservoir(), reservoir(0)
    feed(before, [row(1)])
    stored = before.stored(Place("1h", 0))
    assert stored is not None
    none.restore(Place("1h", 0), stored)
    feed(none, [row(2)])
    assert none.dirty == {Place("1h", 0)}
    assert none.stored(Place("1h", 0)) is None
