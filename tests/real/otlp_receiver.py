"""The OpenTelemetry Collector's own OTLP receiver, built from Go modules on demand.

`otlp/main.go` is the receiver and nothing else of the collector; it writes what it accepted as OTLP
JSON, which is what the readers here return.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.real.components import missing
from tests.real.processes import Server, free_port

SOURCE = Path(__file__).with_name("otlp")
REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("PANTAU_CACHE", REPOSITORY / ".cache")) / "otlp"
GO = "/usr/local/go/bin/go"
"""Where Go's own installation puts it, which is not always on PATH."""


class Entry(NamedTuple):
    """A span, log record or data point, as OTLP JSON has it, with plain attributes."""

    name: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    raw: dict[str, Any]


def require_receiver() -> Path:
    """Return the receiver's program, or end the test as `missing` does."""
    program = CACHE / f"otlpreceiver-{_digest()}"
    with _locked(CACHE / "lock"):
        if not program.exists():
            go = shutil.which("go") or (GO if Path(GO).exists() else None)
            if go is None:
                missing("Go, which builds the OTLP receiver", "https://go.dev/dl, 1.25 or newer")
            _build(go, program)
    return program


class OtlpReceiver(Server):
    """Listens on a free port; `url` is what `OTEL_EXPORTER_OTLP_ENDPOINT` takes."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.folder = folder
        super().__init__(
            [str(require_receiver()), f"127.0.0.1:{port}", str(folder)], port, "", folder
        )

    def hang(self) -> None:
        """Stop answering, with connections still accepted by the kernel."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def spans(self) -> list[Entry]:
        """Return every span received."""
        return [
            Entry(span["name"], _plain(span), resource, span)
            for resource, scope in self._scopes("traces", "resourceSpans", "scopeSpans")
            for span in scope.get("spans", ())
        ]

    def logs(self) -> list[Entry]:
        """Return every log record received; the name is its body."""
        return [
            Entry(record["body"]["stringValue"], _plain(record), resource, record)
            for resource, scope in self._scopes("logs", "resourceLogs", "scopeLogs")
            for record in scope.get("logRecords", ())
        ]

    def points(self) -> list[Entry]:
        """Return every data point received, by the name of its metric."""
        return [
            Entry(metric["name"], _plain(point), resource, {**point, "kind": kind})
            for resource, scope in self._scopes("metrics", "resourceMetrics", "scopeMetrics")
            for metric in scope.get("metrics", ())
            for kind in ("gauge", "sum", "histogram")
            for point in metric.get(kind, {}).get("dataPoints", ())
        ]

    def _scopes(
        self, signal_name: str, resources: str, scopes: str
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        path = self.folder / f"{signal_name}.jsonl"
        # The last line may still be in the writing.
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        for line in lines:
            for resource in json.loads(line)[resources]:
                for scope in resource[scopes]:
                    yield _plain(resource["resource"]), scope

    def _is_ready(self) -> bool | None:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "output.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0 or None


def _plain(holder: dict[str, Any]) -> dict[str, Any]:
    return {a["key"]: _value(a["value"]) for a in holder.get("attributes", ())}


def _value(value: dict[str, Any]) -> Any:
    if not value:
        return ""
    ((kind, content),) = value.items()
    if kind == "intValue":
        return int(content)
    if kind == "arrayValue":
        return [_value(one) for one in content.get("values", ())]
    return content


def _digest() -> str:
    content = b"".join((SOURCE / name).read_bytes() for name in ("main.go", "go.mod", "go.sum"))
    return hashlib.sha256(content).hexdigest()[:16]


def _build(go: str, program: Path) -> None:
    """Build with caches of its own, which are gone afterwards; about a minute."""
    with tempfile.TemporaryDirectory(dir=CACHE) as caches:
        done = subprocess.run(
            [go, "build", "-ldflags=-s -w", "-o", str(program), "."],
            cwd=SOURCE,
            env={
                **os.environ,
                "CGO_ENABLED": "0",
                "GOFLAGS": "-mod=readonly -modcacherw -trimpath",
                "GOMODCACHE": f"{caches}/modules",
                "GOCACHE": f"{caches}/build",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        told = done.stderr.strip().splitlines()[-1:]
        missing("the OTLP receiver", f"{go} build: {'; '.join(told)}; it needs Go 1.25 or newer")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
