"""Fetches and builds what tests take from outside, before the clock of any test runs.

Usage: python -m tests.real.prepare [PART ...], without one all.  A cold cache costs minutes, which
no test may have to pay within its own time.  What is missing is told here, and again by each test
that cannot run without it; where components are required it ends with 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from tests.real.components import require_compiled_reader
from tests.real.evidently import require_evidently
from tests.real.fixtures import require_kafka
from tests.real.otlp_receiver import require_receiver
from tests.real.verifiers import require_programs

PARTS: dict[str, Callable[[], object]] = {
    "reader": require_compiled_reader,
    "kafka": require_kafka,
    "otlp": require_receiver,
    "evidently": require_evidently,
    "verifiers": require_programs,
}


def main(names: list[str]) -> int:
    """Prepare the parts named; return 1 if one is missing that is required."""
    if unknown := [name for name in names if name not in PARTS]:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    status = 0
    for name in names or PARTS:
        started = time.monotonic()
        try:
            PARTS[name]()
        except pytest.skip.Exception as skipped:
            print(f"{name}: {skipped.msg}")
        except pytest.fail.Exception as failed:
            print(f"{name}: {failed.msg}", file=sys.stderr)
            status = 1
        else:
            print(f"{name}: ready ({time.monotonic() - started:.0f} s)")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
