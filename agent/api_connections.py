"""What strangers can hold of the API port: how many connections, and each for how long.

Uvicorn bounds requests, but neither sockets nor the time before a request; and a process that has
no file descriptor left cannot write its audit log either.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import weakref
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from exporters.log import RateLimited, get_logger

MAX_CONNECTIONS = 64
REQUEST_SECONDS = 10.0
"""How long a client may take for a request, and may keep a connection without one."""
ANSWER_SECONDS = 300.0
"""How long it may take to fetch the answer, of 16 MiB at most."""

_SHARE_OF_DESCRIPTORS = 8

_log = RateLimited(get_logger("agent.api"))


def most_connections() -> int:
    """Return how many connections there may be: 64, or an eighth of the file descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, soft // _SHARE_OF_DESCRIPTORS))


class Listening(socket.socket):
    """A listening socket that has at most `most` connections open, and hangs up on further ones.

    They are counted when accepted: a TLS handshake that never ends is not seen any later.
    """

    most = MAX_CONNECTIONS

    def __init__(self, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self._given: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection; ConnectionAbortedError if it is one too many."""
        connection, address = super().accept()
        if sum(given.fileno() >= 0 for given in self._given) >= self.most:
            connection.close()
            _log.log("warning", "connection_refused", key="most", most=self.most)
            raise ConnectionAbortedError("too many connections at once")
        self._given.add(connection)
        return connection, address


class Protocol(H11Protocol):
    """HTTP/1.1 that hangs up on a client that does not finish its request, or fetch its answer."""

    _deadline: asyncio.TimerHandle | None = None
    _answered_by = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect_within(REQUEST_SECONDS)

    def handle_events(self) -> None:
        """Give a request that has begun the time of its answer."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._answered_by = self.loop.time() + ANSWER_SECONDS
            self._expect_within(ANSWER_SECONDS)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        # First: what was sent ahead is the next request, and begins within the call.
        self._expect_within(REQUEST_SECONDS)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _expect_within(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        # An answer is complete when it is written, which is before the client has fetched it.
        if self.transport.get_write_buffer_size() and self.loop.time() < self._answered_by:
            self._expect_within(REQUEST_SECONDS)
        else:
            # Not `close`, which waits until what was written is fetched.
            self.transport.abort()
