"""The dedup index agrees with a plain dictionary, whatever the batch size."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.dedup import DedupIndex, winners

HORIZON = 600

Told = tuple[tuple[int, int, int], tuple[bool, bool]]
"""A record (id, body, second), and whether it is a repeat and a conflict."""

RECORDS = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 2), st.integers(0, 3_000)), min_size=1, max_size=60
)


def observe(index: DedupIndex, records: list[tuple[int, int, int]]) -> list[tuple[bool, bool]]:
    ids = np.array([r[0] for r in records], dtype=np.uint64)
    bodies = np.array([r[1] for r in records], dtype=np.uint32)
    times = np.array([r[2] for r in records], dtype=np.int64) * 1_000_000
    repeats = index.observe(ids, bodies, times)
    return list(zip(repeats.duplicate.tolist(), repeats.conflict.tolist(), strict=True))


def expected(records: list[tuple[int, int, int]]) -> list[tuple[bool, bool]]:
    """The definition, one record at a time."""
    kept: dict[int, list[tuple[int, int]]] = {}
    out = []
    for key, body, second in records:
        first = next((k for k in kept.get(key, []) if abs(k[0] - second) <= HORIZON), None)
        if first is None:
            kept.setdefault(key, []).append((second, body))
            out.append((False, False))
        else:
            out.append((True, first[1] != body))
    return out


@given(RECORDS, st.integers(1, 20))
@settings(max_examples=300, deadline=None)
def test_first_counts_and_batches_do_not_matter(
    records: list[tuple[int, int, int]], size: int
) -> None:
    index = DedupIndex(HORIZON, max_ids=1_000)
    found = []
    for at in range(0, len(records), size):
        found += observe(index, records[at : at + size])
    assert found == expected(records)


@given(RECORDS, st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_a_restored_index_goes_on_as_if_nothing_happened(
    records: list[tuple[int, int, int]], cut: int
) -> None:
    cut = min(cut, len(records))
    index = DedupIndex(HORIZON, max_ids=1_000)
    observe(index, records[:cut])
    stored, _newest = index.take_fresh()
    revived = DedupIndex(HORIZON, max_ids=1_000)
    revived.restore([stored])
    if records[cut:]:
        assert observe(revived, records[cut:]) == observe(index, records[cut:])


@given(RECORDS, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_with_canonical_winners_the_order_of_conflicting_records_does_not_matter(
    records: list[tuple[int, int, int]], random: Random
) -> None:
    def counted(sequence: list[tuple[int, int, int]]) -> list[Told]:
        first = DedupIndex(HORIZON, max_ids=1_000, note_contests=True)
        flags = observe(first, sequence)
        second = DedupIndex(HORIZON, max_ids=1_000)
        second.canonical = winners(first.contests, HORIZON)
        if second.canonical:
            flags = observe(second, sequence)
        # Of equal records only the first counts, so the flags of the rest say nothing new.
        return sorted(zip(sequence, flags, strict=True))

    shuffled = list(records)
    random.shuffle(shuffled)
    in_order = sorted(records, key=lambda record: (record[0], record[2], record[1]))
    assert counted(shuffled) == counted(in_order)
    kept = [record for record, (repeat, _) in counted(in_order) if not repeat]
    assert sorted(kept) == sorted(
        record
        for record, (repeat, _) in zip(in_order, expected(in_order), strict=True)
        if not repeat
    )


def test_the_oldest_ids_leave_when_the_bound_is_reached() -> None:
    index = DedupIndex(HORIZON, max_ids=1_000)
    for start in range(0, 5_000, 500):
        observe(index, [(start + i + 1, 0, start + i) for i in range(500)])
    assert len(index) <= 1_000
    assert index.evicted_before > 0
    assert observe(index, [(5_000, 0, 4_999)]) == [(True, False)]
