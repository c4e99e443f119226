"""Sends each signed checkpoint to a Kafka topic: a copy that the agent's host cannot take back.

The topic should keep everything (`cleanup.policy=delete` with a long retention): compaction keeps
the newest checkpoint of a log only, and with it the proof of nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporters.audit.options import CheckpointTopic
from exporters.log import RateLimited, clean_text, get_logger

MOST_WAITING = 1_000
_BLOCK_MS = 2_000

_log = RateLimited(get_logger(__name__))


class TopicSender:
    """Sends in the background; a broker that is away costs checkpoints there, nothing else.

    `count` is called with `sent` or `failed`.
    """

    def __init__(self, options: CheckpointTopic, base: Path, count: Callable[[str], None]) -> None:
        self._options, self._base, self._count = options, base, count
        self._producer: Any = None
        self._waiting = 0
        self._lock = threading.Lock()

    def send(self, origin: str, content: bytes) -> None:
        """Hand a checkpoint over; returns within seconds and never raises."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                self._failed(RuntimeError("too many checkpoints wait to be sent"))
                return
        try:
            if self._producer is None:
                self._producer = self._connect()
            with self._lock:
                self._waiting += 1
            future = self._producer.send(self._options.topic, key=origin.encode(), value=content)
        except Exception as error:  # noqa: BLE001 - the client's errors have no common base
            self._done()
            self._failed(error)
            return
        future.add_callback(self._arrived)
        future.add_errback(self._lost)

    def close(self, timeout: float) -> None:
        """Send what waits, for at most `timeout` seconds."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=timeout)

    def _connect(self) -> Any:
        from exporters.audit.kafka_producer import producer

        return producer(
            bootstrap_servers=list(self._options.brokers),
            client_id="pantau-audit",
            acks="all",
            max_block_ms=_BLOCK_MS,
            bootstrap_timeout_ms=_BLOCK_MS,
            allow_auto_create_topics=False,
            **_security(self._options, self._base),
        )

    def _arrived(self, _place: object) -> None:
        self._done()
        self._count("sent")

    def _lost(self, error: object) -> None:
        self._done()
        self._failed(error)

    def _done(self) -> None:
        with self._lock:
            self._waiting = max(0, self._waiting - 1)

    def _failed(self, error: object) -> None:
        self._count("failed")
        problem = clean_text(f"{type(error).__name__}: {error}")
        _log.log("warning", "audit_checkpoint_not_sent", problem=problem)


def _security(options: CheckpointTopic, base: Path) -> dict[str, Any]:
    given: dict[str, Any] = {"security_protocol": options.protocol}
    if options.protocol.startswith("SASL_") and options.password_file is not None:
        password = (base / options.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        given |= {
            "sasl_mechanism": options.mechanism,
            "sasl_plain_username": options.username,
            "sasl_plain_password": password,
        }
    files = {
        "ssl_cafile": options.ca_file,
        "ssl_certfile": options.cert_file,
        "ssl_keyfile": options.key_file,
    }
    return given | {k: str(base / path) for k, path in files.items() if path is not None}
