"""The channel between a collector and the pipeline."""

from __future__ import annotations

from collectors.base import Channel, EndOfInput, Item, SourceStatus


def status(lag: int, **lost: int | None) -> SourceStatus:
    one = frozenset({"p0"})
    return SourceStatus("topic", one, 1, one, lag={"p0": lag}, lost=lost)


def read(channel: Channel) -> list[object]:
    found: list[object] = []
    while (item := channel.get(0)) is not None:
        found.append(item)
    return found


def test_statuses_that_nobody_reads_do_not_pile_up() -> None:
    channel = Channel()
    for lag in range(1_000):
        channel.put(status(lag))
    assert channel.status == status(999)
    assert read(channel) == [status(999)]


def test_no_loss_and_nothing_but_a_status_gives_way_to_a_status() -> None:
    channel = Channel()
    told: list[Item] = [
        status(1, p0=5),
        status(2, p0=None),
        status(3),
        EndOfInput("topic"),
        status(4),
    ]
    for item in told:
        channel.put(item)
    assert read(channel) == told
