"""The Kafka collector against a real broker: positions, losses, faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

from collectors.base import Channel, CollectorError, Resume, SchemaResolved
from collectors.batch import EventBatch
from collectors.kafka import KafkaCollector
from collectors.kafka_options import KafkaOptions
from collectors.kafka_records import Chunk
from collectors.kafka_session import KafkaSession
from collectors.schema import EventSchema
from tests.integration.kafka_reading import (
    SCHEMA,
    START,
    Reading,
    event,
    options,
    produce,
    read,
)
from tests.real.kafka_broker import SASL_PASSWORD, SASL_USER, KafkaBroker

pytestmark = pytest.mark.integration

NewTopic = Callable[..., str]


def committed(broker: KafkaBroker, settings: KafkaOptions) -> OffsetAndMetadata | None:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=settings.group)
    try:
        return consumer.committed(TopicPartition(settings.topic, 0), metadata=True)
    finally:
        consumer.close()


def commit(broker: KafkaBroker, settings: KafkaOptions, offset: int, metadata: str) -> None:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=settings.group)
    try:
        tp = TopicPartition(settings.topic, 0)
        consumer.commit({tp: OffsetAndMetadata(offset, metadata, -1)})
    finally:
        consumer.close()


def test_reads_every_record_of_every_partition_in_order(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic(3)
    for partition in range(3):
        values = [event(n) for n in range(partition * 1000, partition * 1000 + 700)]
        produce(kafka_broker.bootstrap, topic, values, partition=partition)
    with read(options(kafka_broker.bootstrap, topic, batch_max_records=300)) as reading:
        reading.wait_for_events(2100)
        reading.wait(lambda r: len(r.statuses[-1].caught_up) == 3)
    for partition in range(3):
        assert reading.offsets(partition) == list(range(700))
        assert reading.incomes(partition) == list(range(partition * 1000, partition * 1000 + 700))
    assert max(b.n for b in reading.batches) == 300
    assert reading.positions() == {"0": 700, "1": 700, "2": 700}
    last = reading.statuses[-1]
    assert (set(last.assigned), last.total) == ({"0", "1", "2"}, 3)
    assert (last.lag, last.connected, last.problem) == ({"0": 0, "1": 0, "2": 0}, True, None)


def test_goes_on_from_the_stores_positions_whatever_the_group_committed(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    settings = options(kafka_broker.bootstrap, topic)
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(50)])
    commit(kafka_broker, settings, 40, "")
    resume = Resume(positions={"0": 20}, store_id="s")
    with read(settings, resume=resume) as reading:
        reading.wait_for_events(30)
    assert reading.offsets() == list(range(20, 50))
    assert reading.lost == {}


def test_commits_only_what_was_acknowledged_and_names_the_store(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    settings = options(kafka_broker.bootstrap, topic)
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(50)])
    with read(settings, resume=Resume(store_id="store-1", replay_from=START)) as reading:
        reading.wait_for_events(50)
        assert committed(kafka_broker, settings) is None
        reading.channel.acknowledge({"0": 30}, replay_from=START + 7)
        reading.wait(lambda _: committed(kafka_broker, settings) is not None)
    stored = committed(kafka_broker, settings)
    assert stored is not None
    assert stored.offset == 30
    assert stored.metadata == f'{{"store":"store-1","replay_from":{START + 7}}}'


def test_without_its_store_reads_again_from_the_oldest_open_window_and_says_so(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    settings = options(kafka_broker.bootstrap, topic)
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(10)])
    time.sleep(1.1)  # The broker dates records; the replay time is in whole seconds.
    now = int(time.time())
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(10, 20)])
    commit(kafka_broker, settings, 20, f'{{"store":"gone","replay_from":{now}}}')
    with read(settings, resume=Resume(store_id="new")) as reading:
        reading.wait_for_events(10)
    assert reading.offsets() == list(range(10, 20))
    assert reading.lost == {"0": None}


@pytest.mark.parametrize(("policy", "expected"), [("earliest", [0, 1, 2]), ("latest", [2])])
def test_a_group_that_never_read_starts_where_the_configuration_says(
    kafka_broker: KafkaBroker, new_topic: NewTopic, policy: str, expected: list[int]
) -> None:
    topic = new_topic()
    produce(kafka_broker.bootstrap, topic, [event(0), event(1)])
    with read(options(kafka_broker.bootstrap, topic, auto_offset_reset=policy)) as reading:
        # With `latest` the end must be settled before the next record comes.
        reading.wait(lambda r: r.statuses and r.statuses[-1].caught_up)
        produce(kafka_broker.bootstrap, topic, [event(2)])
        reading.wait_for_events(len(expected))
    assert reading.incomes() == expected
    assert reading.lost == {}


def test_records_gone_by_retention_are_told_as_lost_with_their_number(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(100)])
    with kafka_broker.admin() as admin:
        admin.delete_records({TopicPartition(topic, 0): 60})
    resume = Resume(positions={"0": 25}, store_id="s")
    with read(options(kafka_broker.bootstrap, topic), resume=resume) as reading:
        reading.wait_for_events(40)
        reading.wait(lambda r: r.lost)
    assert reading.offsets() == list(range(60, 100))
    assert reading.lost == {"0": 35}


def test_records_removed_while_reading_is_paused_are_told_as_lost(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    settings = options(
        kafka_broker.bootstrap,
        topic,
        fetch_max_bytes=65536,
        partition_fetch_max_bytes=16384,
        fetch_min_bytes=1,
        batch_max_records=100,
    )
    produce(kafka_broker.bootstrap, topic, [event(n, pad="x" * 500) for n in range(2000)])
    with read(settings, channel=Channel(high=200, low=50)) as reading:
        reading.wait(lambda r: r.channel.full(), take=False)
        end = 1990
        with kafka_broker.admin() as admin:
            admin.delete_records({TopicPartition(topic, 0): end})
        reading.wait(lambda r: r.offsets()[-1:] == [1999])
        reading.wait(lambda r: r.lost)
    offsets = reading.offsets()
    assert offsets == sorted(set(offsets))
    assert len(offsets) + (reading.lost["0"] or 0) == 2000


def test_gaps_of_compaction_are_not_losses(kafka_broker: KafkaBroker, new_topic: NewTopic) -> None:
    topic = new_topic(cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01")
    for n in range(5):
        producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap)
        for key in range(20):
            producer.send(topic, event(n * 20 + key), key=b"%d" % key)
        producer.close()
        time.sleep(0.15)  # A new segment begins by the clock; only closed ones are compacted.
    with read(options(kafka_broker.bootstrap, topic)) as reading:
        reading.wait(lambda r: r.offsets()[-1:] == [99])
    assert set(range(80, 100)) <= set(reading.incomes())
    assert reading.incomes() == reading.offsets()
    assert reading.lost == {}


def test_a_topic_made_anew_is_read_from_its_beginning_and_told_as_lost(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(30)])
    with read(options(kafka_broker.bootstrap, topic)) as reading:
        reading.wait_for_events(30)
        with kafka_broker.admin() as admin:
            admin.delete_topics([topic])
            reading.wait(lambda _: topic not in admin.list_topics())
        kafka_broker.create_topic(topic)
        # More records than before: the old position would be valid, and wrong.
        produce(kafka_broker.bootstrap, topic, [event(n) for n in range(1000, 1040)])
        reading.wait(lambda r: r.incomes()[-1:] == [1039], timeout=90)
    assert reading.incomes() == [*range(30), *range(1000, 1040)]
    assert reading.lost == {"0": None}


def test_tombstones_garbage_and_large_records_are_rejected_and_the_rest_goes_on(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic(max_message_bytes="15000000")
    large = event(3, pad="x" * 11_000_000)
    values = [event(0), None, b"\xff\x00garbage", large, event(4), None, event(6)]
    produce(kafka_broker.bootstrap, topic, values)
    with read(options(kafka_broker.bootstrap, topic)) as reading:
        reading.wait(lambda r: r.incomes()[-1:] == [6])
    assert reading.offsets() == [0, 4, 6]
    assert [offset for reason, offset in reading.rejected() if reason == "empty_record"] == [1, 5]
    assert {offset: reason for reason, offset in reading.rejected()}[3] == "too_large"
    assert sorted(offset for _, offset in reading.rejected()) == [1, 2, 3, 5]
    assert reading.positions() == {"0": 7}


def test_a_full_channel_stops_fetching_and_nothing_is_lost(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic(2)
    small = {
        "fetch_max_bytes": 131072,
        "partition_fetch_max_bytes": 65536,
        "fetch_min_bytes": 1,
        "batch_max_records": 200,
    }
    for partition in range(2):
        values = [event(n, pad="x" * 500) for n in range(3000)]
        produce(kafka_broker.bootstrap, topic, values, partition=partition)
    channel = Channel(high=500, low=100)
    most = 0
    with read(options(kafka_broker.bootstrap, topic, **small), channel=channel) as reading:
        reading.wait(lambda r: channel.full(), take=False)
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:  # Longer than a status takes: it must go on polling.
            most = max(most, channel.queued())
            threading.Event().wait(0.02)
        reading.wait_for_events(6000)
    assert most < 500 + 2 * 131072 // 500
    assert reading.offsets(0) == list(range(3000))
    assert reading.offsets(1) == list(range(3000))


def test_a_schema_left_open_is_inferred_from_the_first_readable_record(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    settings = options(kafka_broker.bootstrap, topic)
    collector = KafkaCollector(settings, EventSchema(id="id", prediction="approve"), b"k")
    produce(kafka_broker.bootstrap, topic, [b"garbage", None])
    with Reading(collector) as reading:
        reading.wait(lambda r: r.statuses and r.statuses[-1].caught_up)
        assert reading.schemas == []
        produce(kafka_broker.bootstrap, topic, [event(n) for n in range(5)])
        reading.wait_for_events(5)
    (resolved,) = reading.schemas
    assert resolved.schema.is_resolved()
    assert resolved.schema.time == "time"
    assert set(resolved.schema.features or ()) == {"income"}
    first = next(item for item in reading.items if isinstance(item, EventBatch | SchemaResolved))
    assert first is resolved
    assert reading.offsets() == [2, 3, 4, 5, 6]
    assert [offset for _, offset in reading.rejected()] == [0, 1]
    pinned = KafkaCollector(settings, EventSchema(id="id"), b"k")
    resume = Resume(positions={"0": 7}, schema=resolved.schema, store_id="s")
    with Reading(pinned, resume) as again:
        again.wait(lambda r: r.schemas)
    assert again.schemas[0].schema == resolved.schema


@pytest.mark.slow  # A member with a name keeps its place for `session_timeout` after it left.
def test_two_members_share_the_partitions_and_a_leaver_gives_them_back(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic(4)
    settings = options(kafka_broker.bootstrap, topic)
    for partition in range(4):
        produce(kafka_broker.bootstrap, topic, [event(n) for n in range(100)], partition=partition)
    with read(settings) as first:
        first.wait_for_events(400)
        with read(settings, resume=Resume(store_id="another")) as second:
            second.wait(lambda r: r.statuses and len(r.statuses[-1].assigned) == 2)
            first.wait(lambda r: len(r.statuses[-1].assigned) == 2)
            assert first.statuses[-1].assigned | second.statuses[-1].assigned == set("0123")
            assert first.statuses[-1].total == 4
        first.wait(lambda r: len(r.statuses[-1].assigned) == 4)
        for partition in range(4):
            values = [event(n) for n in range(100, 150)]
            produce(kafka_broker.bootstrap, topic, values, partition=partition)
        first.wait_for_events(600)
    for partition in range(4):
        assert first.offsets(partition) == list(range(150))
    assert first.lost == {}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_broker_that_goes_away_and_returns_loses_and_repeats_nothing(
    fresh_kafka_broker: KafkaBroker, how: str
) -> None:
    topic = fresh_kafka_broker.create_topic("predictions", 2)
    bootstrap = fresh_kafka_broker.bootstrap
    for partition in range(2):
        produce(bootstrap, topic, [event(n) for n in range(100)], partition=partition)
    with read(options(bootstrap, topic, session_timeout="45s")) as reading:
        reading.wait_for_events(200)
        reading.wait(lambda r: len(r.statuses[-1].caught_up) == 2)
        getattr(fresh_kafka_broker, how)()
        reading.wait(lambda r: not r.statuses[-1].connected)
        assert reading.statuses[-1].problem
        assert reading.statuses[-1].caught_up == frozenset()
        fresh_kafka_broker.start()
        for partition in range(2):
            produce(bootstrap, topic, [event(n) for n in range(100, 150)], partition=partition)
        reading.wait_for_events(300, timeout=90)
        reading.wait(lambda r: r.statuses[-1].connected)
    for partition in range(2):
        assert reading.offsets(partition) == list(range(150))
    assert reading.lost == {}


def test_a_client_that_breaks_is_replaced_and_nothing_is_lost_or_repeated(
    kafka_broker: KafkaBroker, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic()
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(20)])
    poll, broken = KafkaSession.poll, threading.Event()

    def poll_once_broken(session: KafkaSession, timeout_ms: int) -> list[Chunk]:
        if broken.is_set():
            broken.clear()
            raise RuntimeError("a defect of the client")
        return poll(session, timeout_ms)

    monkeypatch.setattr(KafkaSession, "poll", poll_once_broken)
    with read(options(kafka_broker.bootstrap, topic)) as reading:
        reading.wait_for_events(20)
        broken.set()
        reading.wait(lambda r: not r.statuses[-1].connected)
        assert "a defect of the client" in (reading.statuses[-1].problem or "")
        produce(kafka_broker.bootstrap, topic, [event(n) for n in range(20, 30)])
        reading.wait_for_events(30)
        reading.wait(lambda r: r.statuses[-1].connected)
    assert reading.offsets() == list(range(30))
    assert reading.lost == {}


def test_a_missing_topic_is_named_with_the_nearest_one_and_not_created(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic("loan-predictions")
    collector = KafkaCollector(options(kafka_broker.bootstrap, "loan-prediction"), SCHEMA, b"k")
    for attempt in (collector.check, lambda: collector.run(Channel(), Resume())):
        with pytest.raises(CollectorError) as caught:
            attempt()
        message = str(caught.value)
        assert "'loan-prediction' does not exist" in message
        assert kafka_broker.bootstrap in message
        assert "'loan-predictions'" in message
    with kafka_broker.admin() as admin:
        assert "loan-prediction" not in admin.list_topics()


def test_no_broker_is_an_error_within_the_connect_timeout_and_leaves_no_thread() -> None:
    settings = options("127.0.0.1:1", "t", connect_timeout="1s")
    before = threading.active_count()
    with pytest.raises(CollectorError, match=r"no Kafka broker answers at 127\.0\.0\.1:1"):
        KafkaCollector(settings, SCHEMA, b"k").check()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert threading.active_count() == before


def test_a_wrong_password_is_an_error_that_does_not_show_it(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    security = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": SASL_USER}
    wrong = options(
        kafka_broker.bootstrap_sasl, topic, security=security | {"password": "hunter2-secret"}
    )
    with pytest.raises(CollectorError) as caught:
        KafkaCollector(wrong, SCHEMA, b"k").check()
    assert "does not accept user 'pantau'" in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__) + repr(wrong)


def test_a_certificate_that_is_not_trusted_is_an_error_that_says_so(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    settings = options(
        kafka_broker.bootstrap_tls, new_topic(), security={"protocol": "SSL"}, connect_timeout="2s"
    )
    with pytest.raises(CollectorError, match="certificate verify failed"):
        KafkaCollector(settings, SCHEMA, b"k").check()


def test_a_password_file_and_tls_connect(
    kafka_broker: KafkaBroker, new_topic: NewTopic, tmp_path: Path
) -> None:
    topic = new_topic()
    produce(kafka_broker.bootstrap, topic, [event(n) for n in range(5)])
    secret = tmp_path / "password"
    secret.write_text(SASL_PASSWORD + "\n")
    sasl = {
        "protocol": "SASL_PLAINTEXT",
        "mechanism": "PLAIN",
        "username": SASL_USER,
        "password_file": str(secret),
    }
    tls = {"protocol": "SSL", "ca_file": str(kafka_broker.tls_ca)}
    for bootstrap, security in (
        (kafka_broker.bootstrap_sasl, sasl),
        (kafka_broker.bootstrap_tls, tls),
    ):
        settings = options(bootstrap, topic, security=security)
        line = KafkaCollector(settings, SCHEMA, b"k").check()
        assert "1 partition," in line
        with read(settings) as reading:
            reading.wait_for_events(5)
        assert reading.offsets() == list(range(5))


def test_an_empty_topic_is_caught_up_and_costs_no_error(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    with read(options(kafka_broker.bootstrap, new_topic())) as reading:
        reading.wait(lambda r: r.statuses and r.statuses[-1].caught_up == {"0"})
    assert reading.batches == []
    assert reading.statuses[-1].problem is None
    assert reading.error is None


def test_a_static_member_takes_its_partitions_back_at_once_and_fences_its_double(
    kafka_broker: KafkaBroker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    produce(kafka_broker.bootstrap, topic, [event(0)])
    settings = options(
        kafka_broker.bootstrap, topic, group_instance_id="pod-0", session_timeout="45s"
    )
    with read(settings) as first:
        first.wait_for_events(1)
        with read(settings) as second:
            second.wait_for_events(1, timeout=20)
            first.wait(lambda r: r.error is not None, timeout=20)
    assert isinstance(first.error, CollectorError)
    assert "pod-0" in str(first.error)
