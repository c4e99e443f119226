"""`pantau run` as a process of its own: started, watched through its port, stopped or killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.real.kafka_broker import free_ports


class AgentProcess:
    """One life of the agent; its log goes to `log`."""

    def __init__(self, config: Path, log: Path, port: int | None = None) -> None:
        self.log, self.port = log, port
        self._stream = log.open("ab")
        self._process = subprocess.Popen(
            [str(Path(sys.executable).with_name("pantau")), "run", "-c", str(config)],
            stderr=self._stream,
            stdout=self._stream,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )

    def __enter__(self) -> AgentProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self) -> None:
        """Kill at once, as a power cut would."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._stream.close()

    def terminate(self, timeout: float = 40.0) -> int:
        """Ask to stop; return the exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout)
        self._stream.close()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and return at once."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for it to end by itself; return the exit code."""
        code = self._process.wait(timeout)
        self._stream.close()
        return code

    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page; status 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until(self, what: Callable[[], Any], timeout: float = 60.0) -> Any:
        """Return the first true result of `what`; fail when the process ends or time runs out."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            assert self.running(), f"the agent ended:\n{self.tail()}"
            time.sleep(0.1)
        raise AssertionError(
            f"not within {timeout:g} s; /readyz {self.get('/readyz')}\n{self.tail()}"
        )

    def until_ready(self, timeout: float = 60.0) -> None:
        """Wait for `/readyz` to say yes."""
        self.until(lambda: self.get("/readyz")[0] == 200, timeout)

    def tail(self, lines: int = 30) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def events(self) -> list[dict[str, Any]]:
        """Return the log's lines."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found


def free_port() -> int:
    """Return a port that is free at the moment."""
    return int(free_ports(1)[0])


def write_config(folder: Path, text: str, **values: Any) -> Path:
    """Write `pantau.yaml` with `{name}` replaced; return its path."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    path = folder / "pantau.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def lines(documents: Sequence[dict[str, Any]]) -> bytes:
    """Return documents as JSON Lines."""
    return b"".join(json.dumps(d).encode() + b"\n" for d in documents)
