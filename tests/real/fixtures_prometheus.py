"""Fixtures: a real Prometheus, a real Alertmanager and a receiver of its notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.alertmanager import Alertmanager, Receiver
from tests.real.prometheus import Prometheus


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Return `start("host:port", ...)`: a running Prometheus that scrapes these targets."""
    running: list[Prometheus] = []

    def start(*targets: str) -> Prometheus:
        folder = tmp_path / f"prometheus-{len(running)}"
        folder.mkdir()
        server = Prometheus(folder, list(targets))
        running.append(server)
        server.start()
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """What Alertmanager notifies."""
    hook = Receiver()
    yield hook
    hook.stop()


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver) -> Iterator[Alertmanager]:
    """A running Alertmanager; `stop` and `start` it at will."""
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    server = Alertmanager(folder, receiver.url)
    server.start()
    yield server
    server.stop()
