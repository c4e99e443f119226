"""Files and sockets that are open, and what is left to the garbage collector to close."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable
from pathlib import Path


def open_files() -> int:
    """Return how many files and sockets this process has open; 0 where that cannot be told."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0  # noqa: PTH208 - iterdir opens one


def left_open(attempt: Callable[[], object]) -> list[str]:
    """Return what Python says of the files and sockets that `attempt` opened and left open."""
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        attempt()
        gc.collect()
    return [str(w.message) for w in told if issubclass(w.category, ResourceWarning)]
