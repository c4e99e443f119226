"""A real server process of a test: started on free ports, awaited, stopped."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")

_PATIENCE = 30.0


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(probe: Callable[[], T | None], what: str, patience: float = _PATIENCE) -> T:
    """Ask `probe` until it returns something; fail naming `what` after `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = probe()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"within {patience:g} s there was no {what}")


class Server:
    """One program listening on `port`; `start` and `stop` as often as wanted."""

    def __init__(self, arguments: Sequence[str], port: int, ready: str, folder: Path) -> None:
        self._arguments, self._folder = list(arguments), folder
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program and wait until it answers."""
        log = self._folder / "output.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._arguments, cwd=self._folder, stdout=output, stderr=output
            )
        eventually(self._is_ready, f"answer from {self._arguments[0]}; see its output: {log}")

    def _is_ready(self) -> bool | None:
        if self._process is None or self._process.poll() is not None:
            output = (self._folder / "output.log").read_text(errors="replace")
            raise AssertionError(f"{self._arguments[0]} ended at once:\n{output[-2_000:]}")
        try:
            return httpx.get(self.url + self._ready, timeout=2.0).is_success or None
        except httpx.HTTPError:
            return None

    def stop(self) -> None:
        """End the program; safe twice."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10.0)
        self._process = None
