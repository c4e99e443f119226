"""`pantau check` beside a running agent, and beside something else on its port."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from exporters.agent_metrics import AgentMetrics
from exporters.base import Standing
from exporters.health import Health
from exporters.prometheus import PrometheusExporter, PrometheusOptions
from tests.unit.cli import stream


def checked(
    folder: Path, port: int, capsys: pytest.CaptureFixture[str], host: str = "127.0.0.1"
) -> tuple[int, dict[str, Any]]:
    """Return the exit code, and what is said of the exporter."""
    config = stream.write(folder)
    text = config.read_text(encoding="utf-8").replace("port: 0", f"port: {port}")
    config.write_text(text.replace("host: 127.0.0.1", f"host: {host}"), encoding="utf-8")
    code = main(["check", "-c", str(config), "--output", "json"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (exporter,) = [d for d in found if d.get("name") == "prometheus"]
    return code, exporter


@contextmanager
def agent(health: Health, host: str = "127.0.0.1") -> Iterator[int]:
    options = PrometheusOptions(host=host, port=0)
    exporter = PrometheusExporter(options, AgentMetrics("0"), health)
    exporter.start(Standing((), ()))
    try:
        yield exporter.port
    finally:
        exporter.stop(5.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_port_that_the_agent_itself_has_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    health = Health()
    health.started()
    with agent(health, host) as port:
        code, exporter = checked(tmp_path, port, capsys, host)
    assert (code, exporter["ok"]) == (0, True)
    assert "is in use by a running agent (ready)" in exporter["detail"]


def test_an_agent_that_is_not_ready_is_one_too_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with agent(Health()) as port:
        code, exporter = checked(tmp_path, port, capsys)
    assert (code, exporter["ok"]) == (0, True)
    assert "running agent (not ready: its /readyz says why)" in exporter["detail"]


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_another_server_on_the_port_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code, exporter = checked(tmp_path, server.server_address[1], capsys)
    server.shutdown()
    server.server_close()
    assert (code, exporter["ok"]) == (3, False)
    assert "Stop what listens there" in exporter["detail"]


def test_one_that_says_nothing_is_a_failure_soon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.check_connections._PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, exporter = checked(tmp_path, silent.getsockname()[1], capsys)
    assert (code, exporter["ok"]) == (3, False)
