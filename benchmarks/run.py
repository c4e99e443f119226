"""`make bench`: run every benchmark several times, print the table, write `docs/performance.md`.

Peers and the plain decode run beside Pantau in the same run, on the same core and the same events.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from benchmarks import machine, page, resident
from benchmarks.broker import broker, fill
from benchmarks.events import Stream
from benchmarks.inputs import RATE, WINDOW_EVENTS, event_file
from benchmarks.measure import Result, Run, measured, start
from tests.real.evidently import require_evidently
from tests.real.kafka_broker import KafkaBroker

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
PANTAU = Path(PYTHON).with_name("pantau")
AGENT_CORE, BROKER_CORE = 0, 1
PACED_RATE = 20_000
PARTS = ("memory", "kafka", "resident", "evidently", "help")


def main() -> None:
    """Measure what is asked for; everything by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000, help="per run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--paced-seconds", type=int, default=60)
    parser.add_argument("--only", nargs="+", choices=PARTS)
    options = parser.parse_args()
    wanted = options.only or PARTS

    events = event_file(Stream(options.events, RATE))
    reference = event_file(Stream(WINDOW_EVENTS, RATE, seed=8))
    repeat = _repeater(options.runs)

    results = [
        repeat(
            "decode",
            "Plain decode (msgspec, typed)",
            lambda: measured(AGENT_CORE, PYTHON, "-m", "benchmarks.decode", str(events)),
        )
    ]
    if "memory" in wanted:
        decoder = partial(measured, AGENT_CORE, PYTHON, "-m", "benchmarks.columns", str(events))
        results.append(repeat("columns", "Pantau's decoder alone, bytes to columns", decoder))
        results.append(
            repeat("memory", "**Pantau, bytes in memory**", lambda: _in_memory(events, reference))
        )
        results.append(
            repeat(
                "memory-versions",
                "the same, each window reported for the model version as well",
                lambda: _in_memory(events, reference, "--versions"),
            )
        )
    paced = None
    if "kafka" in wanted or "resident" in wanted:
        with broker(BROKER_CORE) as one:
            if "kafka" in wanted:
                count = fill(one, "events", _lines(events))
                arguments = (one.bootstrap, "events", str(count), str(reference))
                results.append(
                    repeat(
                        "kafka",
                        "**Pantau, Kafka**",
                        lambda: measured(
                            AGENT_CORE, PYTHON, "-m", "benchmarks.from_kafka", *arguments
                        ),
                    )
                )
            if "resident" in wanted:
                paced = _resident(one, reference, options.paced_seconds)
    if "evidently" in wanted:
        results += _evidently(repeat, events, reference)
    _publish(
        results, paced, _help_seconds() if "help" in wanted else [], complete=options.only is None
    )


def _repeater(runs: int) -> Callable[[str, str, Callable[[], Run]], Result]:
    def repeat(name: str, what: str, once: Callable[[], Run]) -> Result:
        done = []
        for number in range(1, runs + 1):
            print(f"{name}: run {number} of {runs} ...", file=sys.stderr, flush=True)
            done.append(once())
        return Result(name=name, what=what, runs=tuple(done))

    return repeat


def _in_memory(events: Path, reference: Path, *more: str) -> Run:
    arguments = (str(events), str(reference), *more)
    return measured(AGENT_CORE, PYTHON, "-m", "benchmarks.in_memory", *arguments)


def _resident(one: KafkaBroker, reference: Path, seconds: int) -> Run:
    print(f"resident: {PACED_RATE} events/s for {seconds} s ...", file=sys.stderr, flush=True)
    events = event_file(Stream(PACED_RATE * seconds, RATE, seed=9))
    return resident.run(one, PANTAU, reference, _lines(events), PACED_RATE, AGENT_CORE)


def _evidently(
    repeat: Callable[[str, str, Callable[[], Run]], Result], events: Path, reference: Path
) -> list[Result]:
    python = str(require_evidently())
    module = ("-m", "benchmarks.evidently_drift", str(reference), str(events))
    by_default = partial(measured, AGENT_CORE, python, *module)
    by_psi = partial(measured, AGENT_CORE, python, *module, "--method", "psi")
    return [
        repeat("evidently", "Evidently, drift preset, from data frames", by_default),
        repeat("evidently-psi", "Evidently, drift preset with PSI, from data frames", by_psi),
    ]


def _help_seconds() -> list[float]:
    """Return the wall time of `pantau --help`, eleven times, after one that fills the caches."""
    seconds = []
    for _ in range(12):
        began = time.perf_counter()
        process = start(AGENT_CORE, [str(PANTAU), "--help"])
        process.communicate()
        assert process.returncode == 0, "pantau --help failed"
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def _publish(
    results: list[Result], paced: Run | None, help_seconds: list[float], *, complete: bool
) -> None:
    """Print the tables; after a complete run also write the page and the JSON file."""
    described = machine.describe()
    lines = [page.speed_table(results, results[0]), ""]
    if paced is not None:
        lines.append(
            f"- Resident memory of `pantau run` at {paced.notes['sent_per_second']:,.0f} events/s"
            f" from Kafka over {paced.wall:.0f} s: median {paced.resident_mib:.0f} MiB, peak"
            f" {paced.peak_mib:.0f} MiB; {paced.cpu / paced.wall:.0%} of one core;"
            f" {paced.notes['behind_at_the_end']:,} events behind when the last one was sent."
        )
    if help_seconds:
        lines.append(
            f"- `pantau --help`: {statistics.median(help_seconds):.2f} s"
            f" (median of {len(help_seconds)} runs on one core)."
        )
    measured_text = "\n".join([*lines, "", page.machine_table(described)])
    print(measured_text)
    if not complete:
        print("\nNot everything was measured: nothing is written.", file=sys.stderr)
        return
    page.write(ROOT / "docs" / "performance.md", measured_text)
    document = {
        "machine": described,
        "results": results,
        "resident": paced,
        "help_seconds": help_seconds,
    }
    target = ROOT / "benchmarks" / "results" / "latest.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


if __name__ == "__main__":
    main()
