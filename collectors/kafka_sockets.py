"""A socket that could not be connected, in kafka-python 3: it is left open.

Its `KafkaNetSocket` makes the socket, and on failure raises without closing it, so that every try
to reach a broker that is away holds a file descriptor until the garbage collector comes by.
"""

from __future__ import annotations

from typing import Any

import structlog
from kafka.net.inet import KafkaNetSocket

_log = structlog.get_logger(__name__)


_connect: Any = getattr(KafkaNetSocket, "sock_connect", None)


def close_failed() -> bool:
    """Make failed connections close their sockets, for this process; safe to call again.

    Return False, saying so, where this kafka-python is built differently.
    """
    if _connect is None:
        _log.warning("kafka_network_unknown", effect="failed connections stay open for a while")
        return False
    KafkaNetSocket.sock_connect = _connect_or_close
    return True


async def _connect_or_close(self: Any, net: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return await _connect(self, net, sock, *args, **kwargs)
    except BaseException:
        # Nothing waits for it any more: the wait's own clean-up runs before the error comes here.
        sock.close()
        raise
