"""Pantau's JSON decoder alone: bytes to columns, with ids hashed, bodies summed and times read."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from agent.config.load import load
from agent.config.resolve import event_schema
from benchmarks import memory_source
from benchmarks.agent_setup import write_config
from benchmarks.inputs import read
from benchmarks.measure import Run, report, timed
from collectors.decoders import table


def run(events: Path) -> Run:
    """Decode every event of the file in batches as the other benchmarks do."""
    memory_source.register()
    with tempfile.TemporaryDirectory(prefix="pantau-bench-") as directory:
        config = load(write_config(Path(directory), events, {"type": "memory"}))
    schema = event_schema(config.systems[0])
    assert schema.is_resolved()
    decoder = table.load("json")(schema, b"benchmark")
    lines = read(events)

    def work() -> int:
        rows = 0
        for first in range(0, len(lines), memory_source.BATCH):
            records = lines[first : first + memory_source.BATCH]
            offsets = range(first, first + len(records))
            rows += decoder.decode("memory", "0", records, offsets, offsets.stop).n
        return rows

    return timed(work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    options = parser.parse_args()
    report(run(options.events))
