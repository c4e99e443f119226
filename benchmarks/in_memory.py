"""Pantau from bytes in memory to the last report in the audit log: the whole agent, one process."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from agent.config.load import load
from agent.run import assemble, finished, start, stop
from benchmarks import memory_source
from benchmarks.agent_setup import write_config
from benchmarks.inputs import read
from benchmarks.measure import Run, report
from exporters.log import configure


def run(events: Path, reference: Path, *, versions: bool) -> Run:
    """Run the agent over the file's events; start-up and the reference are not counted."""
    memory_source.register()
    memory_source.EVENTS[:] = read(events)
    with tempfile.TemporaryDirectory(prefix="pantau-bench-") as directory:
        config = load(
            write_config(Path(directory), reference, {"type": "memory"}, versions=versions)
        )
        configure(config.agent.log_level)
        parts = assemble(config)
        start(parts)
        while not finished(parts):
            time.sleep(0.02)
        stop(parts, "end of input")
        wall, cpu = time.perf_counter(), time.process_time()
        accepted = parts.metrics.registry.get_sample_value(
            "pantau_events_total", {"source": "memory"}
        )
        parts.store.close()
    assert accepted == len(memory_source.EVENTS), f"{accepted} events accepted"
    started_wall, started_cpu = memory_source.STARTED
    return Run(
        events=len(memory_source.EVENTS),
        wall=wall - started_wall,
        cpu=cpu - started_cpu,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--versions", action="store_true", help="report model versions too")
    options = parser.parse_args()
    report(run(options.events, options.reference, versions=options.versions))
