"""A socket that could not be connected, in kafka-python 3: it is left open.

Its `KafkaNetSocket` makes the socket, and on failure raises without closing it, so that every try
to reach a broker that is away holds a file descriptor until the garbage collector comes by.  So
does every try where the two do not agree on TLS.
"""

from __future__ import annotations

from typing import Any

import structlog
from kafka.net.inet import KafkaNetSocket
from kafka.net.transport import KafkaSSLTransport

_log = structlog.get_logger(__name__)


_connect: Any = getattr(KafkaNetSocket, "sock_connect", None)
_handshake: Any = getattr(KafkaSSLTransport, "handshake", None)


def close_failed() -> bool:
    """Make failed connections close their sockets, for this process; safe to call again.

    Return False, saying so, where this kafka-python is built differently.
    """
    if _connect is None or _handshake is None:
        _log.warning("kafka_network_unknown", effect="failed connections stay open for a while")
        return False
    KafkaNetSocket.sock_connect = _connect_or_close
    KafkaSSLTransport.handshake = _agree_or_close
    return True


async def _connect_or_close(self: Any, net: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return await _connect(self, net, sock, *args, **kwargs)
    except BaseException:
        # Nothing waits for it any more: the wait's own clean-up runs before the error comes here.
        sock.close()
        raise


async def _agree_or_close(self: Any) -> Any:
    try:
        return await _handshake(self)
    except BaseException:
        socket = getattr(self, "_sock", None)
        if socket is not None:
            socket.close()
        raise
