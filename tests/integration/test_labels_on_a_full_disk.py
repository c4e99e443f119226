"""A disk that fills while labels are joined: the final reports are those of an undisturbed run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.store import StoreError
from tests.property.test_restart_labels import HOUR, PLACES, Life, final, stream
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.integration


def test_rows_of_labels_that_found_no_room_are_there_once_there_is_room(tmp_path: Path) -> None:
    parts = stream(random.Random(1))
    quiet = Life(tmp_path / "quiet", parts, HOUR)
    while read(quiet, 50):
        pass
    expected = final(quiet.end())

    refused = 0
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        troubled = Life(disk.path / "state", parts, HOUR)
        rounds = 0
        while read(troubled, 20):
            rounds += 1
            if rounds % 3 == 0:
                disk.fill()
                # Room that SQLite took before may serve for one commit or another.
                refused += is_refused(troubled)
                disk.free()
                troubled.commit()
                if rounds % 2 == 0:
                    troubled.die()
        found = final(troubled.end())
    assert refused > 3
    assert found == expected


def read(life: Life, size: int) -> bool:
    """Read a little of every partition; tell whether there was anything."""
    found = [life.read(place, size) for place in PLACES]
    return any(found)


def is_refused(life: Life) -> bool:
    try:
        life.commit()
    except StoreError as error:
        return "full" in str(error)
    return False
