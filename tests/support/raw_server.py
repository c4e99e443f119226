"""A server that answers every connection with bytes as given, however little that is HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

DRIP_SECONDS = 0.2


class RawServer:
    """Sends `parts` one after the other on each connection, when a request has come."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = list(parts)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._done = threading.Event()
        self.port = int(self._listening.getsockname()[1])
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        while not self._done.is_set():
            connection, _ = self._listening.accept()
            with connection, suppress(ConnectionError):
                self.requests.append(connection.recv(65536))
                for part in self._parts:
                    if self._done.is_set():
                        break
                    connection.sendall(part)
                    if len(part) == 1:
                        time.sleep(DRIP_SECONDS)

    def stop(self) -> None:
        self._done.set()
        socket.create_connection(("127.0.0.1", self.port)).close()


@contextmanager
def answering(*parts: bytes) -> Iterator[RawServer]:
    """Serve `parts` for as long as the block runs; a part of one byte takes a while."""
    server = RawServer(parts)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        server._listening.close()


def whole(body: bytes, *headers: bytes) -> bytes:
    """Return an answer of status 200."""
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 200 OK", length, *headers, b"", body])


def dripping(text: bytes) -> Iterator[bytes]:
    """Yield the bytes of a text, one at a time."""
    return (text[i : i + 1] for i in range(len(text)))
