"""Two slow spots between the socket and a fetch response, in kafka-python 3.

It reads sockets 4 kB at a time, giving the interpreter lock away each time, and copies every
response twice more than needed.  With other threads at work the first costs more than the rest of
reading together.  The
replacements differ in one more thing: bytes that come together with the end of a connection are
still handed on.  Why: `docs/adr/0004-*`.
"""

from __future__ import annotations

import ssl
from typing import Any

import structlog
from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.frame import KafkaBytes

_log = structlog.get_logger(__name__)

_AT_ONCE = 256 * 1024
_NOTHING_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def speed_up() -> bool:
    """Replace both, for this process; False, saying so, where this kafka-python differs."""
    probe = KafkaBytes(3) if issubclass(KafkaBytes, bytearray) else None
    if not hasattr(probe, "_idx") or not callable(getattr(KafkaTCPTransport, "_sock_recv", None)):
        _log.warning("kafka_network_unknown", effect="reading is slower")
        return False
    KafkaTCPTransport._sock_recv = _receive
    KafkaSSLTransport._sock_recv = _receive
    KafkaBytes.read = _read
    return True


def _receive(transport: Any) -> tuple[bytes, KafkaConnectionError | None]:
    """Return all that the socket holds now, and the error if the connection is over."""
    parts = []
    error = None
    while True:
        try:
            part = transport._sock.recv(_AT_ONCE)
        except _NOTHING_NOW:
            break
        except Exception as problem:  # noqa: BLE001 - any ends the connection, as it did before
            error = KafkaConnectionError(problem)
            break
        if not part:
            error = KafkaConnectionError("the broker closed the connection")
            break
        parts.append(part)
    # What came before the end is still worth reading (why a login failed, for one); the end is
    # found again by the next call.
    return (parts[0] if len(parts) == 1 else b"".join(parts)), None if parts else error


def _read(buffer: Any, count: int | None = None) -> bytes:
    """Return the next `count` bytes (None: the rest) and step behind them."""
    start = buffer._idx
    end = len(buffer) if count is None else min(start + count, len(buffer))
    buffer._idx = end
    with memoryview(buffer) as view:
        return bytes(view[start:end])
