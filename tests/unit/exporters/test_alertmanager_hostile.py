"""What an answer of Alertmanager can cost: neither the memory, nor more than the time of a post."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporters.alertmanager import AlertmanagerExporter, AlertmanagerOptions
from exporters.base import ExportError, Standing
from exporters.context import tell_nobody
from policies.model import Notice
from tests.support.raw_server import RawServer, answering, dripping, whole
from tests.unit.exporters.samples import alert

MIB = 1 << 20
BOMB = gzip.compress(bytes(64 * MIB))
ENDLESS = [b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(MIB)] * 64]
OK, REFUSED = b"200 OK", b"400 Bad Request"


def bomb(status: bytes) -> bytes:
    return whole(BOMB, b"Content-Encoding: gzip").replace(OK, status)


def endless(status: bytes) -> list[bytes]:
    return [part.replace(OK, status) for part in ENDLESS]


def exporter(
    server: RawServer, announce: Callable[[Notice], None] = tell_nobody
) -> AlertmanagerExporter:
    options = AlertmanagerOptions.model_validate({"url": server.url, "timeout": "1s"})
    return AlertmanagerExporter(options, announce=announce)


@contextmanager
def little() -> Iterator[None]:
    """Fail if the block takes more than 16 MiB or 5 seconds."""
    tracemalloc.start()
    begin = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    assert time.monotonic() - begin < 5


def post(server: RawServer) -> list[Notice]:
    """Post one alert, as a stop does; return what is told of it."""
    told: list[Notice] = []
    alerts = exporter(server, told.append)
    alerts.start(Standing((), [alert()]))
    alerts.stop(1.0)
    return told


@pytest.mark.parametrize("parts", [[bomb(OK)], endless(OK)], ids=["compressed", "endless"])
def test_a_success_is_one_whatever_comes_with_it(parts: list[bytes]) -> None:
    with answering(*parts) as server, little():
        told = post(server)
    assert [one.data["outcome"] for one in told] == ["delivered"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param([bomb(REFUSED)], "Content-Encoding 'gzip', which is refused", id="compressed"),
        pytest.param(endless(REFUSED), f"more than {MIB} bytes", id="endless"),
        pytest.param(
            [b"HTTP/1.1 400 Bad Request\r\n\r\n", *dripping(b"x" * 50)],
            "no whole answer within",
            id="a dripping body",
        ),
        pytest.param(
            [*dripping(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 50)],
            "no whole answer within",
            id="a dripping head",
        ),
    ],
)
def test_an_answer_to_a_post_has_a_length_and_a_deadline(parts: list[bytes], message: str) -> None:
    with answering(*parts) as server, little(), pytest.raises(ExportError, match=message):
        post(server)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param([bomb(OK)], "Content-Encoding 'gzip', which is refused", id="compressed"),
        pytest.param(endless(OK), f"more than {MIB} bytes", id="endless"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n\r\n", *dripping(b"x" * 50)],
            "no whole answer within 1 s",
            id="dripping",
        ),
        pytest.param([whole(b"[" * 500_000)], "not as an Alertmanager", id="deeply nested"),
    ],
)
def test_the_answer_to_a_check_has_them_too(parts: list[bytes], message: str) -> None:
    with answering(*parts) as server, little(), pytest.raises(ExportError, match=message):
        exporter(server).check()
