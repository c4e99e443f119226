"""The plain decode: each event to a typed object with msgspec, and nothing else.

It is what any program in Python must at least do with these events, so the other figures are
also given as a ratio to this one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from benchmarks.events import CATEGORICAL, NUMERIC
from benchmarks.inputs import read
from benchmarks.measure import Run, report, timed

Features = msgspec.defstruct(
    "Features", [*((n, float) for n in NUMERIC), *((n, str) for n in CATEGORICAL)], gc=False
)


class Event(msgspec.Struct, gc=False):
    """The benchmark's event, typed."""

    event_id: str
    time: str
    model_version: str
    prediction: int
    score: float
    features: Features  # type: ignore[valid-type]
    audit: dict[str, str]


def run(path: Path) -> Run:
    """Decode every event of the file."""
    lines = read(path)
    decode = msgspec.json.Decoder(Event).decode

    def work() -> int:
        for line in lines:
            decode(line)
        return len(lines)

    return timed(work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    options = parser.parse_args()
    report(run(options.events))
