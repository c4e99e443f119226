"""What a server may make us hold, and for how long."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import NoReturn

import httpx
import pytest

from exporters.bounded_http import FAILURES, Answer, BoundedClient, reason
from tests.support.raw_server import RawServer, answering, dripping, whole
from tests.support.unclosed import left_open

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
SECONDS = 1.0
MOST = 1000


def ask(server: RawServer) -> Answer:
    with BoundedClient() as client:
        return client.ask("GET", server.url, seconds=SECONDS, most=MOST)


def test_a_whole_answer_is_returned_as_it_is() -> None:
    with answering(whole(b"x" * MOST, b"Content-Type: text/plain; charset=utf-8")) as server:
        assert ask(server) == Answer(200, "text/plain", b"x" * MOST)
    assert b"accept-encoding: identity\r\n" in server.requests[0].lower()


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "deflate, identity", "anything"])
def test_what_is_compressed_is_refused_before_it_is_unpacked(coding: str) -> None:
    # No coding's bytes: whoever unpacks them fails in another way.
    with (
        answering(whole(b"no such bytes", f"Content-Encoding: {coding}".encode())) as server,
        pytest.raises(httpx.DecodingError, match=f"{coding}', which is refused"),
    ):
        ask(server)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", HEAD.replace(b"1000", b"1001")])
def test_a_longer_answer_is_refused(head: bytes) -> None:
    with (
        answering(head, b"x" * 600, b"x" * 401) as server,
        pytest.raises(httpx.RemoteProtocolError, match="more than 1000 bytes"),
    ):
        ask(server)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([HEAD, *dripping(b"x" * 100)], id="the body"),
        pytest.param([*dripping(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100)], id="the head"),
        pytest.param([HEAD[:-2], *dripping(b"X: y" * 30)], id="a header"),
    ],
)
def test_bytes_that_drip_are_waited_for_until_the_deadline_only(parts: list[bytes]) -> None:
    begin = time.monotonic()
    with answering(*parts) as server, pytest.raises(TimeoutError, match="within 1 s"):
        ask(server)
    assert time.monotonic() - begin < 5


def test_the_body_of_another_status_is_not_read() -> None:
    answer = whole(b"x" * (MOST + 1)).replace(b"200 OK", b"404 Not Found")
    with answering(answer) as server:
        assert ask(server) == Answer(404, "", b"")


def test_nothing_is_left_open_whatever_comes() -> None:
    def attempt() -> None:
        for parts in ([whole(b"x")], [b"nonsense\r\n\r\n"], [HEAD, *dripping(b"x" * 20)]):
            with answering(*parts) as server:
                try:
                    ask(server)
                except FAILURES:
                    continue

    assert left_open(attempt) == []


def test_a_name_server_without_an_answer_holds_neither_the_request_nor_the_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def hangs(*_: object) -> NoReturn:
        released.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    begin = time.monotonic()
    try:
        with BoundedClient() as client, pytest.raises(TimeoutError, match="within 1 s"):
            client.ask("GET", "http://nobody.test", seconds=SECONDS, most=MOST)
        took = time.monotonic() - begin
        lookups = [one for one in threading.enumerate() if one.name == "name-lookup"]
        assert [one.daemon for one in lookups] == [True], "else the process could not end"
    finally:
        released.set()
    assert took < 5


def test_what_the_system_says_is_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    said = []
    for url in (f"http://127.0.0.1:{port}", "http://[bad", "http://a.b..test"):
        with BoundedClient() as client, pytest.raises(FAILURES) as caught:
            client.ask("GET", url, seconds=5, most=MOST)
        said.append(reason(caught.value))
    assert said[0] == f"[Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"
    assert all(said)
    assert reason(httpx.ConnectTimeout("")) == "timed out"
