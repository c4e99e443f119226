"""A broker with which no connection comes about costs no socket."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from collectors import table
from collectors.base import Collector, CollectorError
from collectors.kafka_options import KafkaOptions
from collectors.schema import EventSchema
from tests.support.unclosed import left_open


class Plain(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1)
        self.request.sendall(b"this is no TLS\n")


@pytest.fixture
def plain() -> Iterator[int]:
    """Give the port of a server that knows no TLS."""
    with socketserver.TCPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_broker_without_tls_leaves_nothing_open(plain: int) -> None:
    options = KafkaOptions.model_validate(
        {
            "brokers": [f"127.0.0.1:{plain}"],
            "topic": "events",
            "connect_timeout": "1s",
            "security": {"protocol": "SSL"},
        }
    )
    collector: Collector = table.build(options, EventSchema(), b"key")
    failures: list[str] = []

    def attempt() -> None:
        try:
            collector.check()
        except CollectorError as error:
            failures.append(str(error))

    assert left_open(attempt) == []
    assert len(failures) == 1
