"""A client for servers that are not trusted: each answer has one deadline and a greatest length."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Collection, Mapping
from typing import NamedTuple, Self

import httpx

from exporters.name_lookup import NameLookupLoop

IDLE_SECONDS = 30.0
"""How long nothing at all may come, unless the caller says otherwise."""

FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)
"""What a request raises when there is no answer, or none that is taken."""


class Answer(NamedTuple):
    """What came back: the status, the content type without parameters, and the body."""

    status: int
    kind: str
    body: bytes


class BoundedClient:
    """Asks for one thing at a time, without compression: the bounds hold for what is received.

    `idle` is how long nothing at all may come, whatever the deadline, or httpx's finer limits;
    `verify` is whom to trust, as httpx takes it.

    A context manager: its connections are closed at the end.
    """

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        idle: httpx.Timeout | float = IDLE_SECONDS,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        # Only a cancelled coroutine ends in time wherever it waits: for a name, a header, a byte.
        self._runner = asyncio.Runner(loop_factory=NameLookupLoop)
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "pantau", "Accept-Encoding": "identity", **(headers or {})},
            timeout=idle,
            transport=transport,
            verify=verify,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; nothing can be asked afterwards."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        most: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted: Collection[int] = (httpx.codes.OK,),
    ) -> Answer:
        """Return the answer; its body is empty unless the status is one of `wanted`.

        Raises one of `FAILURES`, also when the answer takes more than `seconds`, or its body has
        more than `most` bytes or any Content-Encoding.
        """

        async def asked() -> Answer:
            try:
                async with (
                    asyncio.timeout(seconds),
                    self._client.stream(method, url, content=content, headers=headers) as response,
                ):
                    body = await _body(response, most) if response.status_code in wanted else b""
            except TimeoutError as error:
                raise TimeoutError(f"no whole answer within {seconds:g} s") from error
            kind = response.headers.get("content-type", "").partition(";")[0].strip()
            return Answer(response.status_code, kind, body)

        return self._runner.run(asked())


def reason(error: BaseException) -> str:
    """Return why a request failed, one of `FAILURES`, in the words of the system where it has any.

    "All connection attempts failed" would not tell a port that is closed from a network that is.
    """
    if isinstance(error, httpx.TimeoutException):
        return "timed out"
    cause = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    if isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if (
        isinstance(error, httpx.ConnectError)
        and isinstance(cause, OSError)
        and not isinstance(cause, ssl.SSLError | socket.gaierror)
        and cause.errno
    ):
        return f"[Errno {cause.errno}] {os.strerror(cause.errno)}"
    return str(error) or type(error).__name__


async def _body(response: httpx.Response, most: int) -> bytes:
    coding = response.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        raise httpx.DecodingError(f"the answer has Content-Encoding {coding!r}, which is refused")
    body = bytearray()
    async for block in response.aiter_raw():
        body += block
        if len(body) > most:
            raise httpx.RemoteProtocolError(f"the answer has more than {most} bytes")
    return bytes(body)
