"""The generated events as files in the cache, made once and read by every benchmark."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.events import Stream, chunks

WINDOW_EVENTS = 10_000
WINDOW_SECONDS = 300
RATE = WINDOW_EVENTS / WINDOW_SECONDS
"""Events per second of event time: a `5m` window holds `WINDOW_EVENTS`."""

_CHUNK = 50_000


def cache() -> Path:
    """Return the directory of the benchmarks' downloads and inputs."""
    root = Path(os.environ.get("PANTAU_CACHE", ".cache")) / "benchmarks"
    root.mkdir(parents=True, exist_ok=True)
    return root


def event_file(stream: Stream) -> Path:
    """Return a JSON Lines file of the stream, generating it if it is not there yet."""
    name = "-".join(
        f"{value:g}"
        for value in (stream.count, stream.rate, stream.seed, stream.shuffle, stream.shift)
    )
    path = cache() / f"events-{name}.jsonl"
    if not path.exists():
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as out:
            for lines in chunks(stream, _CHUNK):
                out.write(b"\n".join(lines) + b"\n")
        unfinished.replace(path)
    return path


def read(path: Path, limit: int | None = None) -> list[bytes]:
    """Return the events of a JSON Lines file, as bytes objects in memory."""
    return path.read_bytes().splitlines()[:limit]
