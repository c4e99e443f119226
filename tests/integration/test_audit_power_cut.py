"""The power goes at any call that changes the disk, and what was not flushed is gone.

With two lives the process is killed there first and another one takes over: it finds in the
kernel's memory what no disk has, and must not take it for durable.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit_scenarios import SCENARIOS
from tests.support.shares import run_shares

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1_800)]

PREPARE = [sys.executable, "-m", "tests.support.audit_faults", "--prepare"]
PROGRAM = [sys.executable, "-m", "tests.support.audit_power"]
STARTS = ("begins", "grows", "new segments", "next epoch", "rotates its key", "sealed texts")
"""Scenarios whose runs end with windows that another life can be given again."""


@pytest.mark.parametrize(
    ("name", "lives"), [*((name, 1) for name in SCENARIOS), *((name, 2) for name in STARTS)]
)
def test_after_a_power_cut_nothing_acknowledged_is_lost(
    folder: Path, name: str, lives: int
) -> None:
    places, cuts = cut_everywhere(folder, name, lives)
    assert [cut for cut in cuts if cut["problem"] is not None] == []
    assert len(cuts) == 2 * places > 200
    assert {cut["code"] for cut in cuts} == {0, -9}
    assert max(cut["acknowledged"] for cut in cuts) > min(cut["acknowledged"] for cut in cuts)


def cut_everywhere(folder: Path, name: str, lives: int) -> tuple[int, list[dict[str, Any]]]:
    """Cut at every place, on all processors; return how many there are, and what came of each."""
    cuts: list[dict[str, Any]] = []
    places: set[int] = set()
    subprocess.run([*PREPARE, str(folder), name], check=True)
    for first, *others in run_shares(folder, PROGRAM, name, str(lives)):
        places.add(json.loads(first))
        cuts += map(json.loads, others)
    (number,) = places
    return number, cuts
