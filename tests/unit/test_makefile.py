"""What `make` would do, without doing it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "benchmarks" / "evidently.lock"


def would_install(cache: Path) -> bool:
    """Tell whether `make evidence` would install Evidently into a cache."""
    done = subprocess.run(
        ["make", "--dry-run", "PYTHON=python3", "evidence"],
        cwd=ROOT,
        env={**os.environ, "PANTAU_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return "Installing Evidently" in done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_evidently_is_installed_once_for_each_lock_whatever_the_age_of_files(
    tmp_path: Path,
) -> None:
    stamp = tmp_path / "evidently" / ".complete"
    stamp.parent.mkdir()
    assert would_install(tmp_path)
    shutil.copy(LOCK, stamp)
    os.utime(stamp, (0, 0))
    assert not would_install(tmp_path)
    stamp.write_text("another lock")
    assert would_install(tmp_path)
