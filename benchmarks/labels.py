"""What a million predictions cost that wait for their labels: `python -m benchmarks.labels`."""

from __future__ import annotations

import argparse
import gc
import json
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from agent.labels.gather import gather, outcome_rows
from agent.labels.intake import LabelCounts, close_panes, take_events, take_labels
from agent.labels.kinds import LABELS
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState
from agent.layout import build_layout
from agent.persist_labels import collect, mark_clean, restore, restore_room
from agent.signals.context import Settings, SignalContext
from agent.signals.table import compute, label_based
from agent.store import Changes, Store
from agent.summary import empty
from collectors.batch import Categorical, EventBatch
from collectors.schema import EventSchema
from policies.model import Window

START = 1_767_225_600
BATCH = 5_000
DAYS = 30
SCHEMA = EventSchema(
    id="id",
    time="at",
    prediction="approve",
    score="score",
    label="repaid",
    features={},
    audit={"gender": "gender", "age": "age"},
    task="classification",
)


def settings(pending: int) -> LabelSettings:
    """Return 30 days of windows of an hour and a day, two audit attributes."""
    return LabelSettings(
        pane=60,
        lateness=600,
        lengths=("1h", "1d"),
        attributes=("gender", "age"),
        numeric=False,
        max_pending=pending,
    )


def resident() -> int:
    """Return the memory of this process at present, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def peak() -> int:
    """Return the most memory of this process since `forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [one for one in status.splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Let the peak of memory count from now on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def predictions(rng: np.random.Generator, first: int, n: int, total: int) -> EventBatch:
    """Return the next predictions of a stream of `total` in 30 days."""
    place = np.arange(first, first + n)
    return EventBatch(
        source="bench",
        partition="0",
        next_offset=first + n,
        n=n,
        event_time=(START + place * (DAYS * 86_400) // total) * 1_000_000,
        offset=place,
        event_id=ids(first, n),
        body=np.zeros(n, np.uint32),
        prediction=Categorical(rng.integers(0, 2, n).astype(np.int32), ("0", "1")),
        score=np.round(rng.random(n), 4),
        audit={
            "gender": Categorical(rng.integers(0, 2, n).astype(np.int32), ("f", "m")),
            "age": Categorical(rng.integers(0, 6, n).astype(np.int32), tuple("abcdef")),
        },
    )


def labels(rng: np.random.Generator, first: int, n: int) -> EventBatch:
    """Return a label record for each of the same events, recorded on the last day."""
    return EventBatch(
        source="labels",
        partition="0",
        next_offset=first + n,
        n=n,
        event_time=np.full(n, np.iinfo(np.int64).min),
        recorded_time=np.full(n, (START + (DAYS - 1) * 86_400) * 1_000_000),
        offset=np.arange(first, first + n),
        event_id=ids(first, n),
        body=np.zeros(n, np.uint32),
        label=Categorical(rng.integers(0, 2, n).astype(np.int32), ("0", "1")),
    )


def ids(first: int, n: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return ids that look like hashes and can be told again."""
    with np.errstate(over="ignore"):
        mixed = (np.arange(first, first + n).astype(np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        return (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)


def commit(store: Store, state: LabelState) -> None:
    """Make durable what there is, as the pipeline does about once a second."""
    changes = Changes()
    collect("bench", LABELS, state, changes)
    store.commit(changes)
    mark_clean(state)


def measure(folder: Path, pending: int) -> dict[str, float]:
    """Fill a store; return bytes and seconds."""
    rng = np.random.default_rng(1)
    how = settings(pending)
    store = Store(folder)
    state = restore(store, "bench", how, restore_room(store, "bench", [LABELS], same=True))
    gc.collect()
    before = resident()
    began = time.perf_counter()
    for first in range(0, pending, BATCH):
        batch = predictions(rng, first, BATCH, pending)
        rows = np.arange(BATCH)
        take_events(how, state, batch, rows, ("",), np.zeros(BATCH, np.int64), LabelCounts())
        newest = int(batch.event_time[-1]) // 1_000_000
        close_panes(how, state, newest - how.lateness, (START, newest))
        if first // BATCH % 4 == 3:
            commit(store, state)
    commit(store, state)
    filled = time.perf_counter() - began
    found = {
        "pending": float(state.table.count("outcome", state.number)),
        "disk_bytes": float(store.size()),
        "memory_bytes": float(resident() - before),
        "seconds_to_fill": filled,
    }
    began = time.perf_counter()
    day = gather(how, state, START, START + 86_400)
    outcome_rows(state, day, version=None, mature=False)
    found["seconds_for_a_day"] = time.perf_counter() - began
    began = time.perf_counter()
    for first in range(0, pending, BATCH):
        batch = labels(rng, first, BATCH)
        arrived = np.full(BATCH, START)
        latest = int(batch.recorded_time[0]) if batch.recorded_time is not None else 0
        take_labels(how, state, batch, np.arange(BATCH), arrived, latest, LabelCounts())
        if first // BATCH % 4 == 3:
            commit(store, state)
    commit(store, state)
    found["seconds_to_label_all"] = time.perf_counter() - began
    found["disk_bytes_labelled"] = float(store.size())
    found["memory_bytes_labelled"] = float(resident() - before)
    store.close()
    return found


def measure_window(folder: Path, n: int) -> dict[str, float]:
    """Return what it takes to measure one day of `n` predictions, each with its label."""
    rng = np.random.default_rng(1)
    how = settings(n)
    store = Store(folder)
    state = restore(store, "bench", how, restore_room(store, "bench", [LABELS], same=True))
    for first in range(0, n, BATCH):
        place = np.arange(first, first + BATCH)
        batch = replace(
            predictions(rng, first, BATCH, n),
            event_time=(START + place * 86_400 // n) * 1_000_000,
            label=Categorical(rng.integers(0, 2, BATCH).astype(np.int32), ("0", "1")),
        )
        rows = np.arange(BATCH)
        take_events(how, state, batch, rows, ("",), np.zeros(BATCH, np.int64), LabelCounts())
        newest = int(batch.event_time[-1]) // 1_000_000
        close_panes(how, state, newest - how.lateness, (START, newest))
        if first // BATCH % 4 == 3:
            commit(store, state)
    commit(store, state)
    layout = build_layout(SCHEMA, favourable=("1",))
    gc.collect()
    forget_peak()
    before, began = resident(), time.perf_counter()
    end = START + 86_400
    rows_of_all = outcome_rows(state, gather(how, state, START, end), version=None, mature=True)
    context = SignalContext(
        layout=layout,
        summary=empty(layout),
        reference=None,
        window=Window(start=START, end=end, length="1d"),
        settings=Settings(privileged={"gender": "m"}),
        outcomes=rows_of_all,
    )
    signals = compute(context, label_based())
    found = {
        "window_rows": float(rows_of_all.n),
        "window_signals": float(sum(s.status == "ok" for s in signals.published)),
        "window_seconds": time.perf_counter() - began,
        "window_peak_bytes": float(peak() - before),
    }
    store.close()
    return found


def apart(
    function: Callable[[Path, int], dict[str, float]], folder: Path, n: int
) -> dict[str, float]:
    """Run a measurement in a process of its own: what others have freed would hide its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, folder, n).result()


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=1_000_000)
    pending = parser.parse_args().pending
    with tempfile.TemporaryDirectory() as folder:
        found = apart(measure, Path(folder) / "pending", pending)
        found |= apart(measure_window, Path(folder) / "window", pending)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
