"""Pantau from a real Kafka broker to the last report in the audit log.

The topic is full before the agent starts, so what is measured is how fast the agent catches up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from agent.config.load import load
from agent.run import Parts, assemble, finished, start, stop
from benchmarks.agent_setup import write_config
from benchmarks.measure import Run, memory_mib, report
from exporters.log import configure


def run(bootstrap: str, topic: str, events: int, reference: Path) -> Run:
    """Read `events` events of the topic, timed from the first one taken to the last one durable."""
    collector = {
        "type": "kafka",
        "brokers": [bootstrap],
        "topic": topic,
        "group": f"benchmark-{time.time_ns()}",
        "decoder": "json",
    }
    with tempfile.TemporaryDirectory(prefix="pantau-bench-") as directory:
        config = load(write_config(Path(directory), reference, collector))
        configure(config.agent.log_level)
        parts = assemble(config)
        start(parts)
        skipped = _wait_for(parts, 1)
        wall, cpu = time.perf_counter(), time.process_time()
        accepted = _wait_for(parts, events)
        stop(parts, "benchmark")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        parts.store.close()
    assert accepted == events, f"{accepted} events accepted of {events}"
    resident, peak = memory_mib()
    return Run(events=events - skipped, wall=wall, cpu=cpu, resident_mib=resident, peak_mib=peak)


def _wait_for(parts: Parts, events: int) -> int:
    """Wait until so many events are accepted; return how many are."""
    while (accepted := _accepted(parts)) < events:
        assert not finished(parts), "the agent ended early"
        time.sleep(0.01)
    return accepted


def _accepted(parts: Parts) -> int:
    source = parts.collectors[0].input.source
    value = parts.metrics.registry.get_sample_value("pantau_events_total", {"source": source})
    return int(value or 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("events", type=int)
    parser.add_argument("reference", type=Path)
    options = parser.parse_args()
    report(run(options.bootstrap, options.topic, options.events, options.reference))
