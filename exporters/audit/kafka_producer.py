"""A kafka-python 3 producer that leaves no socket open where it cannot reach a broker.

By itself it leaves two: a connection that fails stays open until the garbage collector comes by,
and so does all that belongs to a producer whose brokers are away when it is made.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaProducer
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket


class ClosingSocket(KafkaNetSocket):  # type: ignore[misc]
    """Connects straight to the broker, and closes the socket where that fails."""

    SCHEMES = ("direct",)

    async def sock_connect(self, net: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the connected socket; see the base class."""
        try:
            return await super().sock_connect(net, sock, *args, **kwargs)
        except BaseException:
            sock.close()
            raise


def producer(**settings: Any) -> Any:
    """Return a `KafkaProducer`.  Raises what making one raises, and leaves nothing open then."""
    clients: list[Any] = []

    def client(**configs: Any) -> Any:
        clients.append(KafkaNetClient(**configs))
        return clients[-1]

    try:
        return KafkaProducer(kafka_client=client, proxy_url="direct://", **settings)
    except BaseException:
        for one in clients:
            one.close()
        raise
