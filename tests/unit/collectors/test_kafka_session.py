"""What the session decides when the client reports trouble, on a client that is scripted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    KafkaTimeoutError,
    LogTruncationError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from collectors import kafka_session
from collectors.base import Resume
from collectors.kafka_options import KafkaOptions
from collectors.kafka_records import Chunk, UnreadableBatchError
from collectors.kafka_session import KafkaSession, Progress

OPTIONS = KafkaOptions(brokers=("b:9092",), topic="t")


def tp(partition: int) -> TopicPartition:
    return TopicPartition("t", partition)


class FakeConsumer:
    """Holds what a broker would say; `_conns` and `_cluster` as the session looks at them."""

    def __init__(self) -> None:
        self.begin, self.end = 0, 100
        self.stored: OffsetAndMetadata | None = None
        self.seeks: list[tuple[int, int]] = []
        self.mine: set[TopicPartition] = set()
        self.held: set[TopicPartition] = set()
        self.newest: dict[int, int] = {}
        self.commits: list[dict[TopicPartition, OffsetAndMetadata]] = []
        self.answer_commit: Any = None
        self.down: Exception | None = None
        self.listener: Any = None
        self.id = "id-1"
        self._cluster = self
        self._client = self
        self._manager = self
        self._conns = {1: type("Up", (), {"connected": True})()}

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.listener = listener

    def give(self, *partitions: int) -> None:
        self.mine |= {tp(p) for p in partitions}
        self.listener.on_partitions_assigned([tp(p) for p in partitions])

    def take_away(self, *partitions: int) -> None:
        self.mine -= {tp(p) for p in partitions}
        self.listener.on_partitions_revoked([tp(p) for p in partitions])

    def _ask(self, partitions: Iterable[TopicPartition], answer: int) -> dict[TopicPartition, int]:
        if self.down is not None:
            raise self.down
        return dict.fromkeys(partitions, answer)

    def beginning_offsets(self, partitions: Any, timeout_ms: int) -> Any:
        return self._ask(partitions, self.begin)

    def end_offsets(self, partitions: Any, timeout_ms: int) -> Any:
        return self._ask(partitions, self.end)

    def committed(self, partition: TopicPartition, metadata: bool, timeout_ms: int) -> Any:
        return self.stored

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.seeks.append((partition.partition, offset))

    def assignment(self) -> set[TopicPartition]:
        return set(self.mine)

    def pause(self, *partitions: TopicPartition) -> None:
        self.held |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.held -= set(partitions)

    def paused(self) -> set[TopicPartition]:
        return set(self.held)

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.newest.get(partition.partition)

    def commit_async(self, offsets: Any, callback: Any) -> None:
        self.commits.append(offsets)
        self.answer_commit = lambda response: callback(offsets, response)

    def leader_for_partition(self, partition: TopicPartition) -> int:
        return 1

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1}

    def topic_id(self, topic: str) -> str:
        return self.id


class FakeReader:
    """Gives what it was told to, one list of chunks or error for each poll."""

    def __init__(self) -> None:
        self.script: deque[list[Chunk] | Exception] = deque()

    def poll(self, timeout_ms: int) -> list[Chunk]:
        step = self.script.popleft() if self.script else []
        if isinstance(step, Exception):
            raise step
        return step


class Bench:
    def __init__(self, resume: Resume | None = None) -> None:
        self.consumer, self.reader, self.progress = FakeConsumer(), FakeReader(), Progress()
        self.resume = resume or Resume(store_id="s")
        self.progress.next = {int(p): o for p, o in self.resume.positions.items()}
        self.session = KafkaSession(
            "k",
            self.consumer,
            self.reader,  # type: ignore[arg-type]
            OPTIONS,
            self.resume,
            self.progress,
            2,
        )

    def poll(self, *script: list[Chunk] | Exception) -> list[tuple[int, int, int]]:
        """Poll once for each step; return (partition, start, next offset) of what came."""
        self.reader.script.extend(script)
        found = []
        for _ in script or (None,):
            found += self.session.poll(0)
        return [(c.partition, int(c.offsets[0]), c.next_offset) for c in found]


def chunk(partition: int, start: int, behind: int, *, known: bool = True) -> Chunk:
    offsets = np.arange(start, behind)
    return Chunk(partition, start if known else None, behind, offsets, [b""] * len(offsets))


@pytest.fixture
def bench() -> Bench:
    return Bench(Resume(positions={"0": 10, "1": 20}, store_id="s"))


def test_what_the_client_fetched_before_it_was_placed_is_dropped(bench: Bench) -> None:
    bench.consumer.give(0, 1)
    assert bench.poll([chunk(0, 55, 60), chunk(1, 55, 60, known=False)]) == []
    assert bench.consumer.seeks == [(0, 10), (1, 20)]
    assert bench.poll([chunk(0, 10, 15), chunk(1, 20, 22)]) == [(0, 10, 15), (1, 20, 22)]


def test_a_partition_that_comes_back_goes_on_where_this_process_was(bench: Bench) -> None:
    bench.consumer.give(0)
    bench.poll()
    bench.poll([chunk(0, 10, 40)])
    bench.consumer.take_away(0)
    assert bench.poll([chunk(0, 40, 50)]) == []
    bench.consumer.give(0)
    bench.poll()
    assert bench.consumer.seeks[-1] == (0, 40)
    assert bench.session.status().lost == {}


def test_a_chunk_that_does_not_follow_is_dropped_and_sought_again(bench: Bench) -> None:
    bench.consumer.give(0)
    bench.poll()
    assert bench.poll([chunk(0, 12, 15)]) == []
    assert bench.poll([chunk(0, 5, 15, known=False)]) == []
    assert bench.consumer.seeks[-2:] == [(0, 10), (0, 10)]
    assert bench.poll([chunk(0, 12, 15, known=False)]) == [(0, 12, 15)], "compaction leaves gaps"


def test_brokers_that_do_not_answer_leave_the_partition_for_the_next_poll(bench: Bench) -> None:
    bench.consumer.down = KafkaTimeoutError("slow")
    bench.consumer.give(0)
    assert bench.poll(NoOffsetForPartitionError()) == []
    assert "no position yet" in (bench.session.problem or "")
    assert bench.session.status().caught_up == frozenset()
    bench.consumer.down = None
    bench.poll()
    assert bench.consumer.seeks == [(0, 10)]
    assert bench.session.problem is None


def test_out_of_range_goes_to_the_oldest_record_and_counts_the_missing(bench: Bench) -> None:
    bench.consumer.give(0, 1)
    bench.poll()
    bench.consumer.begin = 15
    bench.poll(OffsetOutOfRangeError({tp(0): 10}))
    assert bench.session.status().lost == {"0": 5}
    assert bench.consumer.seeks[-1] == (0, 15)
    assert bench.session.status().lost == {}, "a loss is told once"


def test_a_log_cut_short_is_read_from_where_it_differs(bench: Bench) -> None:
    bench.consumer.give(0)
    bench.poll()
    bench.poll(LogTruncationError({tp(0): OffsetAndMetadata(7, "", 1)}))
    assert bench.consumer.seeks[-1] == (0, 7)
    assert bench.session.status().lost == {"0": None}


def test_a_batch_that_stays_unreadable_is_skipped_after_three_tries_and_counted(
    bench: Bench,
) -> None:
    bad = UnreadableBatchError(0, 10, 30, "the checksum is wrong")
    bench.consumer.give(0)
    bench.poll()
    bench.poll(bad, bad)
    assert bench.session.take_unreadable() == []
    assert "attempt 2 of 3" in (bench.session.problem or "")
    bench.poll(bad)
    assert bench.session.take_unreadable() == [bad]
    assert bench.consumer.seeks[-1] == (0, 30)
    assert bench.session.status().lost == {"0": 20}
    assert bench.poll([chunk(0, 30, 31)]) == [(0, 30, 31)]


def test_caught_up_means_nothing_to_read_and_a_broker_that_would_say_so(bench: Bench) -> None:
    bench.consumer.give(0, 1)
    bench.poll()
    bench.consumer.newest = {0: 10, 1: 25}
    status = bench.session.status()
    assert (set(status.caught_up), dict(status.lag)) == ({"0"}, {"0": 0, "1": 5})
    bench.session.hold(True)
    assert bench.session.status().caught_up == frozenset(), "nobody looks while paused"
    assert bench.consumer.held == {tp(0), tp(1)}
    bench.session.hold(False)
    assert bench.consumer.held == set()
    bench.consumer._conns.clear()
    status = bench.session.status()
    assert (status.connected, status.caught_up) == (False, frozenset())
    assert status.problem is not None
    assert status.problem.startswith("Kafka at ")
    assert status.problem.endswith(": no connection to any broker")


def test_a_topic_made_anew_makes_every_position_void(bench: Bench) -> None:
    bench.consumer.give(0, 1)
    bench.poll()
    bench.consumer.id = "id-2"
    bench.session.status()
    bench.poll()
    assert bench.consumer.seeks[-2:] == [(0, 0), (1, 0)]
    assert bench.session.status().lost == {"0": None, "1": None}


def test_a_failed_commit_is_tried_again_unless_a_newer_one_came(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_session, "_COMMIT_EVERY", 0.0)
    bench.consumer.give(0, 1)
    bench.poll()
    bench.session.commit({"0": 12, "1": 21})
    bench.session.commit({"0": 14})
    assert len(bench.consumer.commits) == 1, "one at a time"
    bench.consumer.answer_commit(CommitFailedError())
    bench.session.commit({})
    last = {p.partition: stored.offset for p, stored in bench.consumer.commits[-1].items()}
    assert last == {0: 14, 1: 21}
    bench.consumer.answer_commit(None)
    bench.session.commit({})
    assert len(bench.consumer.commits) == 2


def test_offsets_of_partitions_that_are_gone_are_not_committed(bench: Bench) -> None:
    bench.consumer.give(0)
    bench.poll()
    bench.session.commit({"1": 30})
    assert bench.consumer.commits == []


@pytest.mark.parametrize(
    ("stored", "offset", "lost"),
    [
        (OffsetAndMetadata(33, "", -1), 33, {}),
        (OffsetAndMetadata(33, '{"store":"s","replay_from":5}', -1), 33, {}),
        (OffsetAndMetadata(33, '{"store":"other","replay_from":null}', -1), 33, {"0": None}),
        (None, 0, {}),
    ],
)
def test_a_store_without_positions_starts_by_what_the_group_committed(
    stored: OffsetAndMetadata | None, offset: int, lost: dict[str, None]
) -> None:
    bench = Bench()
    bench.consumer.stored = stored
    bench.consumer.give(0)
    bench.poll()
    assert bench.consumer.seeks == [(0, offset)]
    assert bench.session.status().lost == lost


def test_a_member_without_heartbeats_learns_that_another_took_its_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = type("C", (), {"_heartbeat_enabled": False, "stable": lambda self: True})()
    bench.consumer._coordinator = coordinator  # type: ignore[attr-defined]
    now = [100.0]
    monkeypatch.setattr("collectors.kafka_session.time.monotonic", lambda: now[0])
    bench.poll()
    now[0] += 2
    with pytest.raises(FencedInstanceIdError):
        bench.poll()
