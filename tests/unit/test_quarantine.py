"""Summaries of what was put aside: counts and places, never content."""

from __future__ import annotations

from agent.quarantine import QuarantineTally
from agent.store import Quarantined


def place(offset: int, partition: str = "0") -> Quarantined:
    return Quarantined(0, "loans", "kafka:t", partition, offset, "invalid_json", "")


def test_counts_are_summed_up_once_an_hour_with_the_newest_place() -> None:
    tally = QuarantineTally("boot")
    tally.add("loans", "kafka:t", {"invalid_json": 2}, [place(5), place(7)], now=0)
    tally.add("loans", "kafka:t", {"invalid_json": 1}, [place(3, "1")], now=10)
    assert tally.due(3_599) == []
    (notice,) = tally.due(3_600)
    assert notice.name == "quarantine.summary"
    assert notice.data["reasons"] == {"invalid_json": 3}
    assert notice.data["offsets"] == {"0": 7, "1": 3}
    assert tally.due(99_999) == []


def test_at_the_end_everything_is_summed_up_under_ids_of_its_own() -> None:
    tally = QuarantineTally("boot")
    tally.add("loans", "a", {"future": 1}, [], now=0)
    tally.add("loans", "b", {"future": 1}, [], now=0)
    notices = tally.due(1, all_of_it=True)
    assert [n.data["source"] for n in notices] == ["a", "b"]
    assert len({n.id for n in notices}) == 2


def test_a_batch_without_rejects_opens_nothing() -> None:
    tally = QuarantineTally("boot")
    tally.add("loans", "a", {}, [], now=0)
    assert tally.due(9_999, all_of_it=True) == []
