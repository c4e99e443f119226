"""One connected membership in the consumer group: positions, losses, pauses, commits.

The client's own I/O thread runs the rebalance listener, which therefore only notes what changed;
everything else here runs on the collector's thread.  Wherever the client might move a position by
itself (a rebalance finds a committed offset, a fetch falls out of range) this decides instead:
reading goes on where this process, or else the store, stopped.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    FencedInstanceIdError,
    IllegalStateError,
    KafkaError,
    LogTruncationError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from collectors.base import Resume, SourceStatus
from collectors.kafka_client import (
    begin_and_end,
    disconnected_from,
    fenced,
    partition_count,
    topic_id,
)
from collectors.kafka_options import KafkaOptions
from collectors.kafka_positions import (
    OTHER_STORE,
    REPLACED,
    Start,
    commit_metadata,
    parse_committed,
    within,
    without_position,
)
from collectors.kafka_records import Chunk, ChunkReader, UnreadableBatchError

_log = structlog.get_logger(__name__)

_ASK_MS = 5_000
_COMMIT_EVERY = 1.0
_FENCED_FOR = 1.0
_TRIES = 3
"""How often a batch that cannot be read is fetched before it is given up."""


@dataclass
class Progress:
    """What outlives a connection: the next offset to hand on, by partition."""

    next: dict[int, int] = field(default_factory=dict)
    topic_id: str | None = None


@dataclass(frozen=True)
class _Note:
    partitions: frozenset[int]
    assigned: bool


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs on the client's I/O thread: notes, and nothing else."""

    def __init__(self, notes: deque[_Note]) -> None:
        self._notes = notes

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._notes.append(_Note(frozenset(p.partition for p in assigned), assigned=True))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._notes.append(_Note(frozenset(p.partition for p in revoked), assigned=False))

    on_partitions_lost = on_partitions_revoked


class KafkaSession:
    """Reads what the group assigns, in order and without gaps it does not tell of."""

    def __init__(
        self,
        name: str,
        consumer: KafkaConsumer,
        reader: ChunkReader,
        options: KafkaOptions,
        resume: Resume,
        progress: Progress,
        partitions: int,
    ) -> None:
        self._name, self._options, self._resume = name, options, resume
        self._consumer, self._reader, self._progress = consumer, reader, progress
        self._total = partitions
        self._replay_from = resume.replay_from
        self._notes: deque[_Note] = deque()
        self._mine: set[int] = set()
        self._unplaced: set[int] = set()
        self._anew: set[int] = set()
        self._held = False
        self._lost: dict[str, int | None] = {}
        self._tries: dict[int, tuple[int, int]] = {}
        self._unreadable: list[UnreadableBatchError] = []
        self._uncommitted: dict[int, int] = {}
        self._committing = False
        self._commit_at = 0.0
        self._fenced_since: float | None = None
        self.problem: str | None = None
        self._notice_replacement()
        consumer.subscribe([options.topic], listener=_Listener(self._notes))

    def poll(self, timeout_ms: int) -> list[Chunk]:
        """Return the next chunks, each where the one before it ended.

        Raises `KafkaError` for what is not about single partitions.
        """
        self.problem = None
        self._look_for_a_double()
        chunks: list[Chunk] = []
        failure: KafkaError | None = None
        try:
            chunks = self._reader.poll(timeout_ms)
        except NoOffsetForPartitionError:
            pass  # Newly assigned, and never committed: placed below.
        except (OffsetOutOfRangeError, LogTruncationError, UnreadableBatchError) as error:
            failure = error
        self._take_notes()
        # The client may have begun somewhere by itself before the partition was placed here.
        unplaced = set(self._unplaced)
        self._place()
        if isinstance(failure, OffsetOutOfRangeError):
            self._out_of_range(failure)
        elif isinstance(failure, LogTruncationError):
            self._truncated(failure)
        elif isinstance(failure, UnreadableBatchError):
            self._give_up_after_tries(failure)
        return [c for c in chunks if c.partition not in unplaced and self._accept(c)]

    def hold(self, held: bool) -> None:
        """Stop or resume fetching; the group membership goes on either way."""
        # A rebalance may take a partition away at any moment, on the client's own thread.
        with contextlib.suppress(KeyError):
            if held:
                self._consumer.pause(*self._consumer.assignment())
            elif self._held:
                self._consumer.resume(*self._consumer.paused())
        self._held = held

    def take_unreadable(self) -> list[UnreadableBatchError]:
        """Return the batches given up since the last call."""
        taken, self._unreadable = self._unreadable, []
        return taken

    def status(self) -> SourceStatus:
        """Return how things stand; a loss is told once."""
        self._notice_replacement()
        self._total = partition_count(self._consumer, self._options.topic, self._total)
        away = disconnected_from(self._consumer)
        if away is not None:
            away = f"Kafka at {', '.join(self._options.brokers)}: {away}"
        lag: dict[str, int] = {}
        caught_up = set()
        for partition in self._mine - self._unplaced:
            with contextlib.suppress(IllegalStateError, KeyError):
                newest = self._consumer.highwater(self._tp(partition))
                if newest is None:
                    continue
                lag[str(partition)] = max(0, newest - self._progress.next[partition])
                # What the broker has now is not known without a connection, nor while paused.
                if lag[str(partition)] == 0 and away is None and not self._held:
                    caught_up.add(str(partition))
        lost, self._lost = self._lost, {}
        return SourceStatus(
            source=self._name,
            assigned=frozenset(map(str, self._mine)),
            total=self._total,
            caught_up=frozenset(caught_up),
            lag=lag,
            lost=lost,
            connected=away is None,
            problem=self.problem or away,
        )

    def commit(self, acknowledged: Mapping[str, int], replay_from: int | None = None) -> None:
        """Commit acknowledged offsets, about once a second, without waiting for the answer.

        `replay_from`, if known by now, goes with them in place of the resume's.
        """
        if replay_from is not None:
            self._replay_from = replay_from
        self._uncommitted.update((int(p), offset) for p, offset in acknowledged.items())
        now = time.monotonic()
        if self._committing or not self._uncommitted or now < self._commit_at:
            return
        offsets = self._committable()
        self._uncommitted.clear()
        if not offsets:
            return
        self._commit_at = now + _COMMIT_EVERY
        self._committing = True
        try:
            self._consumer.commit_async(offsets, callback=self._committed)
        except KafkaError as error:
            self._committed(offsets, error)

    def close(self, timeout: float) -> None:
        """Commit what is acknowledged, leave the group, close the connections."""
        milliseconds = int(timeout * 1000)
        with contextlib.suppress(KafkaError):
            if offsets := self._committable():
                self._consumer.commit(offsets, timeout_ms=milliseconds)
        try:
            self._consumer.close(autocommit=False, timeout_ms=milliseconds)
        except Exception as error:  # noqa: BLE001 - closing must not hide why it closes
            _log.info("kafka_close_failed", source=self._name, error=str(error))

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._options.topic, partition)

    def _look_for_a_double(self) -> None:
        now = time.monotonic()
        if not fenced(self._consumer):
            self._fenced_since = None
        elif self._fenced_since is None:
            self._fenced_since = now
        elif now - self._fenced_since > _FENCED_FOR:
            raise FencedInstanceIdError

    # Assignment and positions.

    def _take_notes(self) -> None:
        while self._notes:
            note = self._notes.popleft()
            if note.assigned:
                self._mine |= note.partitions
                self._unplaced |= note.partitions
            else:
                self._mine -= note.partitions
                self._unplaced -= note.partitions
            word = "assigned" if note.assigned else "revoked"
            _log.info(
                f"kafka_partitions_{word}", source=self._name, partitions=sorted(note.partitions)
            )

    def _place(self) -> None:
        """Seek in every newly assigned partition; what fails is tried again with the next poll."""
        for partition in sorted(self._unplaced):
            try:
                start = self._start_of(partition)
                self._go_to(partition, start)
            except (KafkaError, KeyError, ValueError) as error:
                # The brokers do not answer, or the partition has been taken away again.
                self.problem = f"partition {partition} has no position yet: {error!r}"
                return
            self._unplaced.discard(partition)
            self._anew.discard(partition)

    def _start_of(self, partition: int) -> Start:
        begin, end = begin_and_end(self._consumer, self._tp(partition))
        if partition in self._anew:
            return Start(begin, REPLACED)
        position = self._progress.next.get(partition)
        if position is not None:
            return within(position, begin, end)
        return self._start_by_group(partition, begin, end)

    def _start_by_group(self, partition: int, begin: int, end: int) -> Start:
        tp = self._tp(partition)
        stored = self._consumer.committed(tp, metadata=True, timeout_ms=_ASK_MS)
        if stored is None:
            return without_position(
                self._options.auto_offset_reset,
                known_topic=bool(self._resume.positions),
                begin=begin,
                end=end,
            )
        committed = parse_committed(stored.offset, stored.metadata)
        if committed.store in (None, self._resume.store_id):
            return within(committed.offset, begin, end)
        if committed.replay_from is None:
            return within(committed.offset, begin, end)._replace(lost=OTHER_STORE)
        times = {tp: committed.replay_from * 1000}
        found = self._consumer.offsets_for_times(times, timeout_ms=_ASK_MS).get(tp)
        return Start(end if found is None else found.offset, OTHER_STORE)

    def _go_to(self, partition: int, start: Start) -> None:
        self._consumer.seek(self._tp(partition), start.offset)
        self._progress.next[partition] = start.offset
        if start.lost is not None:
            self._lose(partition, start.records, start.lost)

    def _lose(self, partition: int, records: int | None, why: str) -> None:
        before = self._lost.get(str(partition), 0)
        total = None if records is None or before is None else before + records
        self._lost[str(partition)] = total
        _log.warning(
            "kafka_records_lost",
            source=self._name,
            partition=partition,
            records=records,
            why=why,
            next_offset=self._progress.next.get(partition),
        )

    def _notice_replacement(self) -> None:
        """A topic deleted and made again has another id: old positions mean nothing in it."""
        now = topic_id(self._consumer, self._options.topic)
        before = self._progress.topic_id
        if now is None or now == before:
            return
        self._progress.topic_id = now
        if before is not None:
            self._anew = set(self._progress.next) | self._mine
            self._unplaced |= self._mine

    # What goes wrong with single partitions.

    def _out_of_range(self, error: OffsetOutOfRangeError) -> None:
        for partition in self._concerned(error.args[0] if error.args else None):
            begin, end = begin_and_end(self._consumer, self._tp(partition))
            self._go_to(partition, within(self._progress.next[partition], begin, end))

    def _truncated(self, error: LogTruncationError) -> None:
        divergent = error.divergent_offsets
        for partition in self._concerned(divergent):
            found = divergent.get(self._tp(partition))
            begin, end = begin_and_end(self._consumer, self._tp(partition))
            offset = min(max(begin, found.offset), end) if found is not None else begin
            self._go_to(partition, Start(offset, REPLACED))

    def _concerned(self, partitions: Any) -> set[int]:
        placed = self._mine - self._unplaced
        if not isinstance(partitions, Mapping):
            return placed
        return placed & {tp.partition for tp in partitions}

    def _give_up_after_tries(self, error: UnreadableBatchError) -> None:
        partition = error.partition
        if partition not in self._mine - self._unplaced:
            return
        offset, tries = self._tries.get(partition, (error.offset, 0))
        tries = tries + 1 if offset == error.offset else 1
        self._tries[partition] = (error.offset, tries)
        self.problem = f"{error} (attempt {tries} of {_TRIES})"
        if tries >= _TRIES:
            del self._tries[partition]
            lost = error.next_offset - max(error.offset, self._progress.next[partition])
            self._go_to(partition, Start(error.next_offset, f"unreadable: {error}", lost))
            self._unreadable.append(error)

    def _accept(self, chunk: Chunk) -> bool:
        """Tell whether a chunk is the next of its partition, and if so count it as read."""
        partition = chunk.partition
        if partition not in self._mine or partition in self._unplaced:
            return False
        expected = self._progress.next[partition]
        begins = chunk.start
        if begins is None and len(chunk.offsets):
            begins = expected if chunk.offsets[0] >= expected else int(chunk.offsets[0])
        if begins != expected:
            with contextlib.suppress(ValueError, KeyError):
                self._consumer.seek(self._tp(partition), expected)
            return False
        self._progress.next[partition] = chunk.next_offset
        return True

    # Commits: advisory, for tools that show lag and for an agent that lost its store.

    def _committable(self) -> dict[TopicPartition, OffsetAndMetadata]:
        metadata = commit_metadata(self._resume.store_id, self._replay_from)
        return {
            self._tp(p): OffsetAndMetadata(offset, metadata, -1)
            for p, offset in self._uncommitted.items()
            if p in self._mine
        }

    def _committed(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], response: object
    ) -> None:
        self._committing = False
        if isinstance(response, Exception):
            _log.info("kafka_commit_failed", source=self._name, error=repr(response))
            for tp, stored in offsets.items():
                self._uncommitted.setdefault(tp.partition, stored.offset)
