"""Evidently's drift preset over the same windows; runs in its own environment.

Measured from data frames in memory, so without reading or decoding the events: what the preset
itself costs.  The reference is a window of the same size.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

# Before the import: nothing is to be sent anywhere.
os.environ |= {"DO_NOT_TRACK": "1", "ITERATIVE_DO_NOT_TRACK": "1"}

import msgspec
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

from benchmarks.inputs import WINDOW_EVENTS, read
from benchmarks.measure import Run, memory_mib, report


def frame(lines: list[bytes]) -> pd.DataFrame:
    """Return the 25 features and the score as columns."""
    rows = [msgspec.json.decode(line) for line in lines]
    return pd.DataFrame([row["features"] | {"score": row["score"]} for row in rows])


def run(reference: Path, current: Path, windows: int, method: str | None) -> Run:
    """Run the preset on the first `windows` windows of `current`."""
    known = frame(read(reference, WINDOW_EVENTS))
    lines = read(current, WINDOW_EVENTS * windows)
    parts = [
        frame(lines[first : first + WINDOW_EVENTS]) for first in range(0, len(lines), WINDOW_EVENTS)
    ]
    preset = DataDriftPreset(method=method) if method else DataDriftPreset()
    Report([preset]).run(parts[0], known)  # lazy imports are not what is measured
    wall, cpu = time.perf_counter(), time.process_time()
    for part in parts:
        drift = Report([preset]).run(part, known).dict()
        assert drift["metrics"], "the preset gave no metrics"
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    resident, peak = memory_mib()
    return Run(events=len(lines), wall=wall, cpu=cpu, resident_mib=resident, peak_mib=peak)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("current", type=Path)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--method")
    options = parser.parse_args()
    report(run(options.reference, options.current, options.windows, options.method))
