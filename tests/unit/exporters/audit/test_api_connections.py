"""Strangers at the API port: at worst it is not available, and the agent goes on."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from agent import api_connections
from agent.api import Api
from agent.config.api import Api as Options
from tests.support.unclosed import left_open

TOKEN = "correct-horse-battery-staple"
REQUEST = f"GET /audit/checkpoint HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
BLOB = "blobs/" + "0" * 64
LARGE = REQUEST.replace("checkpoint", BLOB)

OTHERS_LEFT = """
import os, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from agent.api import Api
from agent.config.api import Api as Options
folder = Path(sys.argv[1])
api = Api(Options(token_file=Path("token"), host="127.0.0.1", port=0), folder, folder)
api.start()
print(api.port, file=sys.stderr)
sys.stdin.readline()
print(len([os.open("/dev/null", os.O_RDONLY) for _ in range(64)]), file=sys.stderr)
"""


def new_api(folder: Path) -> Api:
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    (folder / "checkpoint").write_bytes(b"said\n")
    (folder / BLOB).parent.mkdir()
    (folder / BLOB).write_bytes(bytes(16 << 20))
    return Api(Options(token_file=Path("token"), host="127.0.0.1", port=0), folder, folder)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr(api_connections, "REQUEST_SECONDS", 2.0)
    monkeypatch.setattr(api_connections, "ANSWER_SECONDS", 8.0)
    api = new_api(tmp_path)
    api.start()
    yield api
    api.stop(5.0)


def held(api: Api) -> int:
    """Return how many connections the server has."""
    assert api._server is not None
    return len(api._server.server_state.connections)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def answers(connection: socket.socket) -> bool:
    """Ask for the checkpoint; tell whether the answer comes, or the other side hangs up."""
    try:
        connection.sendall(REQUEST.encode())
        received = b""
        while not received.endswith(b"said\n"):
            block = connection.recv(4096)
            if not block:
                return False
            received += block
    except ConnectionError:
        return False
    return True


def asked_anew(port: int) -> bool:
    with connect(port) as connection:
        return answers(connection)


def test_a_flood_of_idle_connections_leaves_file_descriptors_to_others(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    command = [sys.executable, "-c", OTHERS_LEFT, str(tmp_path)]
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        assert child.stdin is not None
        assert child.stderr is not None
        port = int(child.stderr.readline())
        for _ in range(200):
            stack.enter_context(connect(port))
        time.sleep(0.5)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stderr.readline() == "64\n"
        child.kill()


def test_there_are_as_many_connections_as_allowed_and_then_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_connections, "MAX_CONNECTIONS", 3)
    api = new_api(tmp_path)
    api.start()
    try:
        taken = [connect(api.port) for _ in range(3)]
        assert all(answers(connection) for connection in taken)
        assert not asked_anew(api.port)
        taken.pop().close()
        ends = time.monotonic() + 10
        while not asked_anew(api.port):
            assert time.monotonic() < ends
        for connection in taken:
            connection.close()
    finally:
        api.stop(5.0)


def test_few_file_descriptors_allow_fewer_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((1_048_576, 64), (400, 50), (8, 1), (4, 1), (-1, 64)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, s=soft: (s, s))
        assert api_connections.most_connections() == most


NO_TOKEN = b"GET /audit/checkpoint HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(b"", b"", id="sends nothing"),
        pytest.param(b"", b"G", id="never ends the head"),
        pytest.param(NO_TOKEN + b"Content-Length: 1000000\r\n\r\n", b"x", id="nor the body"),
        pytest.param(LARGE.encode(), b"", id="reads no answer"),
    ],
)
def test_nobody_holds_a_connection_for_long(api: Api, first: bytes, again: bytes) -> None:
    ends = time.monotonic() + 20
    with connect(api.port) as connection:
        connection.sendall(first)
        connection.settimeout(0.1)
        time.sleep(0.3)
        assert held(api) == 1
        while time.monotonic() < ends and held(api):
            with suppress(TimeoutError, ConnectionError):
                connection.sendall(again)
            time.sleep(0.1)
        assert held(api) == 0


def test_who_fetches_an_answer_slowly_gets_all_of_it(api: Api) -> None:
    with connect(api.port) as connection:
        connection.sendall(LARGE.encode())
        time.sleep(3.5)
        received = 0
        while received < 16 << 20:
            block = connection.recv(1 << 20)
            assert block
            received += len(block)


def test_who_asks_in_time_keeps_the_connection(api: Api) -> None:
    with connect(api.port) as connection:
        for _ in range(6):
            assert answers(connection)
            time.sleep(0.5)


def test_connections_are_closed_at_the_stop(tmp_path: Path) -> None:
    def serve() -> None:
        api = new_api(tmp_path)
        api.start()
        with connect(api.port) as idle, connect(api.port) as asking:
            assert answers(asking)
            assert idle.fileno() >= 0
            api.stop(5.0)

    assert left_open(serve) == []
