"""Evidently in an environment of its own (`.cache/evidently/`), made on demand.

It needs `pandas<3`, which would break others here, and never shares a process with the agent.  The
environment is the one that `benchmarks.run` uses: the same lock, the same mark of completeness.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.real.components import missing

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "benchmarks" / "evidently.lock"
CACHE = Path(os.environ.get("PANTAU_CACHE", REPOSITORY / ".cache")) / "evidently"


def require_evidently() -> Path:
    """Return the environment's interpreter, or end the test as `missing` does."""
    done = CACHE / ".complete"
    if not done.exists() or done.read_text() != LOCK.read_text():
        try:
            _install()
        except subprocess.CalledProcessError as error:
            told = (error.stderr or "").strip().splitlines()[-1:]
            missing("Evidently in its own environment", "; ".join(told) or str(error))
        done.write_text(LOCK.read_text())
    return CACHE / "bin" / "python"


def run_in_evidently(script: Path, question: object) -> Any:
    """Run a script of ours there: one JSON document to its input, one from its output."""
    answer = subprocess.run(
        [str(require_evidently()), "-W", "ignore", str(script)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DO_NOT_TRACK": "1", "ITERATIVE_DO_NOT_TRACK": "1"},
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.splitlines()[-1])


def _install() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(CACHE)], check=True)
    pip = [str(CACHE / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "install", "--require-hashes", "--no-deps", "-r", str(LOCK)],
        check=True,
        capture_output=True,
        text=True,
    )
