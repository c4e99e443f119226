"""The Kafka client: how it is made from options, and what its errors mean to a person."""

from __future__ import annotations

import difflib
import logging
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    FencedInstanceIdError,
    IllegalSaslStateError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient

from collectors.base import CollectorError
from collectors.kafka_network import speed_up
from collectors.kafka_options import KafkaOptions
from collectors.kafka_sockets import close_failed

_AUTHENTICATION = (
    SaslAuthenticationFailedError,
    IllegalSaslStateError,
    UnsupportedSaslMechanismError,
)


def connect(options: KafkaOptions) -> KafkaConsumer:
    """Return a consumer connected to the brokers, not yet subscribed.

    Raises `CollectorError` if that does not succeed within `connect_timeout`.
    """
    _quiet()
    speed_up()
    close_failed()
    clients: list[KafkaNetClient] = []
    failures: list[BaseException] = []

    def client(**configs: Any) -> KafkaNetClient:
        made = KafkaNetClient(**configs)
        clients.append(made)
        _watch_connections(made, failures)
        return made

    settings = _settings(options)
    try:
        consumer = KafkaConsumer(kafka_client=client, **settings)
    except Exception as error:
        # A consumer that could not be made cannot be closed; its I/O thread would stay.
        for one in clients:
            one.close()
        raise _not_connected(error, failures, options) from error
    # The consumer does not pass this setting on to the part that asks for metadata: without it
    # a deleted topic would come back, empty, wherever brokers create topics on request.
    cluster = getattr(consumer, "_cluster", None)
    if cluster is not None and isinstance(getattr(cluster, "config", None), dict):
        cluster.config["allow_auto_create_topics"] = False
    return consumer


def require_topic(consumer: KafkaConsumer, options: KafkaOptions) -> int:
    """Return the number of partitions of the topic; raise `CollectorError` if there is none."""
    try:
        topics = consumer.topics()
    except KafkaError as error:
        raise CollectorError(explain(error, options)) from error
    if options.topic in topics:
        return len(consumer.partitions_for_topic(options.topic) or ())
    near = difflib.get_close_matches(options.topic, sorted(topics), n=1, cutoff=0.5)
    nearest = f"; the nearest existing topic is {near[0]!r}" if near else ""
    raise CollectorError(
        f"topic {options.topic!r} does not exist at {_brokers(options)}, or this user may not see "
        f"it{nearest}: correct `topic`, or create the topic (the agent never does)"
    )


def explain(error: BaseException, options: KafkaOptions) -> str:
    """Return what an error of the client means and what to do, without any secret."""
    where = _brokers(options)
    who = f"user {options.security.username!r}" if options.security.username else "this client"
    if isinstance(error, _AUTHENTICATION):
        return (
            f"Kafka at {where} does not accept {who} by {options.security.mechanism}: check "
            "`security.username`, the password and `security.mechanism`"
        )
    if isinstance(error, AuthorizationError):
        return (
            f"{who} may not read topic {options.topic!r} as group {options.group!r} at {where} "
            f"({type(error).__name__}): grant Read on the topic and on the group"
        )
    if isinstance(error, FencedInstanceIdError):
        return (
            f"another agent took this one's place in group {options.group!r} "
            f"({options.group_instance_id or 'named by the store'}): stop one of them, or give "
            "each a store and a `group_instance_id` of its own"
        )
    return f"Kafka at {where}, topic {options.topic!r}: {_text(error)}"


def disconnected_from(consumer: KafkaConsumer) -> str | None:
    """Return which leaders of the assigned partitions have no connection, or None.

    Reads the client's connections, which have no public view; where they are not found there,
    None.
    """
    manager = getattr(getattr(consumer, "_client", None), "_manager", None)
    connections = getattr(manager, "_conns", None)
    cluster = getattr(consumer, "_cluster", None)
    if not isinstance(connections, dict) or cluster is None:
        return None
    up = {node for node, c in list(connections.items()) if getattr(c, "connected", False)}
    if not up:
        return "no connection to any broker"
    for partition in consumer.assignment():
        leader = cluster.leader_for_partition(partition)
        if leader is None or leader == -1:
            return f"partition {partition.partition} has no leader"
        if leader not in up:
            return f"no connection to broker {leader}, the leader of {partition.partition}"
    return None


def partition_count(consumer: KafkaConsumer, topic: str, known: int) -> int:
    """Return the number of partitions from what the client knows, without asking the brokers."""
    cluster = getattr(consumer, "_cluster", None)
    partitions = None if cluster is None else cluster.partitions_for_topic(topic)
    return len(partitions) if partitions else known


def fenced(consumer: KafkaConsumer) -> bool:
    """Tell whether another member seems to have taken over this one's `group_instance_id`.

    The client stops its heartbeats then and says nothing.  For a moment it looks the same while
    it joins: ask twice.
    """
    coordinator = getattr(consumer, "_coordinator", None)
    beating = getattr(coordinator, "_heartbeat_enabled", True)
    stable = getattr(coordinator, "stable", None)
    return not beating and callable(stable) and bool(stable())


def topic_id(consumer: KafkaConsumer, topic: str) -> str | None:
    """Return the id that changes when a topic is deleted and made again; None if not known."""
    ask = getattr(getattr(consumer, "_cluster", None), "topic_id", None)
    found = ask(topic) if callable(ask) else None
    return None if found is None else str(found)


def begin_and_end(consumer: KafkaConsumer, partition: TopicPartition) -> tuple[int, int]:
    """Return the oldest offset there is and the one after the newest readable record."""
    begin = consumer.beginning_offsets([partition], timeout_ms=5_000)[partition]
    end = consumer.end_offsets([partition], timeout_ms=5_000)[partition]
    return int(begin), max(int(begin), int(end))


def _watch_connections(client: KafkaNetClient, failures: list[BaseException]) -> None:
    """Collect why connections fail; a refused login ends the attempt to start at once.

    By itself the client would go on trying a wrong password until its time is up, and then say
    only that it is.
    """
    manager = getattr(client, "_manager", None)
    make = getattr(manager, "get_connection", None)
    if manager is None or make is None:
        return

    def watched(node_id: Any, *rest: Any, **named: Any) -> Any:
        if failures and isinstance(failures[-1], _AUTHENTICATION):
            raise failures[-1]
        connection = make(node_id, *rest, **named)

        def failed(error: BaseException) -> None:
            failures[:] = [error]

        if not getattr(connection, "_watched", False):
            connection._watched = True
            connection.init_future.add_errback(failed)
        return connection

    manager.get_connection = watched


def _not_connected(
    error: Exception, failures: list[BaseException], options: KafkaOptions
) -> Exception:
    if isinstance(error, KafkaTimeoutError):
        last = f" (last: {_text(failures[-1])})" if failures else ""
        return CollectorError(
            f"no Kafka broker answers at {_brokers(options)} within {options.connect_timeout} s"
            f"{last}: check `brokers`, the network, and whether the listener wants TLS "
            f"(`security.protocol` is {options.security.protocol})"
        )
    if isinstance(error, KafkaError):
        return CollectorError(explain(error, options))
    if isinstance(error, OSError):  # TLS errors are OSErrors too
        return CollectorError(f"the Kafka client for {_brokers(options)}: {error}")
    return error


def _settings(options: KafkaOptions) -> dict[str, Any]:
    security = options.security
    settings: dict[str, Any] = {
        "bootstrap_servers": list(options.brokers),
        "client_id": options.client_id,
        "group_id": options.group,
        "group_instance_id": options.group_instance_id,
        "bootstrap_timeout_ms": options.connect_timeout * 1000,
        "session_timeout_ms": options.session_timeout * 1000,
        "heartbeat_interval_ms": min(3_000, options.session_timeout * 1000 // 3),
        # Lost offsets must be seen here, not passed over: see collectors/kafka.py.
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "partition_assignment_strategy": (CooperativeStickyAssignor,),
        "fetch_max_bytes": options.fetch_max_bytes,
        "max_partition_fetch_bytes": options.partition_fetch_max_bytes,
        "fetch_min_bytes": options.fetch_min_bytes,
        "fetch_max_wait_ms": options.fetch_max_wait_ms,
        "reconnect_backoff_max_ms": 5_000,
        "metadata_max_age_ms": 60_000,
        "metrics_enabled": False,
        "security_protocol": security.protocol,
        "ssl_check_hostname": security.check_hostname,
    }
    for key, path in (
        ("ssl_cafile", security.ca_file),
        ("ssl_certfile", security.cert_file),
        ("ssl_keyfile", security.key_file),
    ):
        if path is not None:
            if not path.is_file():
                raise CollectorError(f"the certificate file {path} does not exist")
            settings[key] = str(path)
    if security.mechanism is not None:
        settings["sasl_mechanism"] = security.mechanism
        settings["sasl_plain_username"] = security.username
        settings["sasl_plain_password"] = _password(options)
    return settings


def _password(options: KafkaOptions) -> str:
    path = options.security.password_file
    if path is None:
        secret = options.security.password
        return secret.get_secret_value() if secret else ""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise CollectorError(f"`security.password_file` {path}: {reason}") from error


def _brokers(options: KafkaOptions) -> str:
    return ", ".join(options.brokers)


def _text(error: BaseException) -> str:
    text = str(error)
    name = type(error).__name__
    return text if name in text else f"{name}: {text}" if text else name


def _quiet() -> None:
    """Keep records out of the log: kafka-python writes what it sends and receives at DEBUG."""
    client = logging.getLogger("kafka")
    if client.getEffectiveLevel() < logging.WARNING:
        client.setLevel(logging.WARNING)
    # A response that it cannot decode it writes in full, as an error.
    logging.getLogger("kafka.protocol.parser").setLevel(logging.CRITICAL)
    # Each attempt to reconnect is several errors there; the collector tells the outage once.
    logging.getLogger("kafka.net").setLevel(logging.CRITICAL)
