"""Resident memory of `pantau run` while a producer sends events at a fixed rate."""

from __future__ import annotations

import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from benchmarks.agent_setup import write_config
from benchmarks.broker import PARTITIONS, send_paced
from benchmarks.measure import Run, cpu_seconds, memory_mib, start
from tests.real.kafka_broker import KafkaBroker, free_ports

PATIENCE = 60.0
"""Seconds that the agent may take to start, and to catch up once everything is sent."""


def run(
    one: KafkaBroker, pantau: Path, reference: Path, events: Iterable[bytes], rate: int, core: int
) -> Run:
    """Send the events at `rate` a second and watch the agent's memory until it has them all."""
    topic = f"paced-{time.time_ns()}"
    one.create_topic(topic, PARTITIONS)
    (port,) = free_ports(1)
    collector = {
        "type": "kafka",
        "brokers": [one.bootstrap],
        "topic": topic,
        "group": topic,
        "decoder": "json",
    }
    with tempfile.TemporaryDirectory(prefix="pantau-bench-") as directory:
        config = write_config(Path(directory), reference, collector, metrics_port=port)
        agent = start(core, [str(pantau), "run", "-c", str(config)])
        try:
            _wait_until(lambda: _get(port, "/readyz") is not None, "the agent to be ready")
            wall, cpu = time.perf_counter(), cpu_seconds(agent.pid)
            with _Samples(agent.pid) as samples:
                sent, seconds = send_paced(one, topic, events, rate)
                behind = sent - _accepted(port)
                _wait_until(lambda: _accepted(port) >= sent, "the agent to catch up")
            wall, cpu = time.perf_counter() - wall, cpu_seconds(agent.pid) - cpu
            accepted = _accepted(port)
            _, peak = memory_mib(agent.pid)
        finally:
            agent.terminate()
            agent.wait(timeout=PATIENCE)
    assert agent.returncode == 0, f"the agent ended with exit code {agent.returncode}"
    return Run(
        events=accepted,
        wall=wall,
        cpu=cpu,
        resident_mib=statistics.median(samples.values[len(samples.values) // 2 :]),
        peak_mib=peak,
        notes={"sent_per_second": sent / seconds, "behind_at_the_end": behind},
    )


class _Samples:
    """Resident memory of a process, twice a second while the block runs."""

    def __init__(self, pid: int) -> None:
        self.values: list[float] = []
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> _Samples:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(0.5):
            self.values.append(memory_mib(self._pid)[0])


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:g} s for {what}")
        time.sleep(0.1)


def _get(port: int, path: str) -> str | None:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}")
    except httpx.HTTPError:
        return None
    return answer.text if answer.status_code == httpx.codes.OK else None


def _accepted(port: int) -> int:
    found = re.search(
        r"^pantau_events_total\{.*\} (.+)$", _get(port, "/metrics") or "", re.MULTILINE
    )
    return int(float(found[1])) if found else 0
