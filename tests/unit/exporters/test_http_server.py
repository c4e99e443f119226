"""The port of metrics and health: idle connections must not keep a probe out."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from exporters.http_server import TEXT, HttpServer, Page

THREADS = 4


@pytest.fixture
def port() -> Iterator[int]:
    pages = {"/healthz": lambda: Page(200, TEXT, b"fine\n")}
    server = HttpServer("127.0.0.1", 0, pages, max_requests=THREADS, max_seconds=1.0)
    server.start()
    yield server.port
    server.stop(5.0)


def probe(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_idle_connections_do_not_keep_a_probe_out(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            for _ in range(2 * THREADS):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            assert probe(port) == b"fine\n"


def test_who_never_ends_a_request_is_hung_up_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=0.2) as connection:
        ends = time.monotonic() + 5
        received = None
        while received != b"":
            assert time.monotonic() < ends
            with suppress(TimeoutError):
                try:
                    connection.sendall(b"G")
                    received = connection.recv(1)
                except ConnectionError:
                    received = b""
    assert probe(port) == b"fine\n"
