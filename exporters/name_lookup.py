"""An event loop that a name server without an answer cannot keep from being closed."""

from __future__ import annotations

import asyncio
import socket
import threading
from asyncio import Future
from contextlib import suppress
from typing import Literal

_V4 = tuple[Literal[socket.AddressFamily.AF_INET], socket.SocketKind, int, str, tuple[str, int]]
_V6 = tuple[
    Literal[socket.AddressFamily.AF_INET6],
    socket.SocketKind,
    int,
    str,
    tuple[str, int, int, int] | tuple[int, bytes],
]
_Addresses = list[_V4 | _V6]


class NameLookupLoop(asyncio.SelectorEventLoop):
    """Looks names up on daemon threads.

    Python joins the threads of asyncio's own executor when the loop is closed and when the process
    ends, and a lookup cannot be cancelled.
    """

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> _Addresses:
        """Return what `socket.getaddrinfo` does, or raise what it raises."""
        found: Future[_Addresses] = self.create_future()

        def settle(answer: _Addresses | Exception) -> None:
            if found.cancelled():
                return
            if isinstance(answer, Exception):
                found.set_exception(answer)
            else:
                found.set_result(answer)

        def look_up() -> None:
            answer: _Addresses | Exception
            try:
                answer = socket.getaddrinfo(host, port, family, type, proto, flags)
            except (OSError, ValueError) as error:  # a name that is none is a ValueError
                answer = error
            with suppress(RuntimeError):  # nobody waits: the loop was closed meanwhile
                self.call_soon_threadsafe(settle, answer)

        threading.Thread(target=look_up, name="name-lookup", daemon=True).start()
        return await found
