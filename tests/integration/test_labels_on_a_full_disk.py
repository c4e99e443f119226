"""A disk that fills while labels are joined: the final reports are those of an undisturbed run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.store import StoreError
from tests.property.test_restart_labels import HOUR, final, lives, stream
from tests.support.lives import Lives
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.integration


def test_rows_of_labels_that_found_no_room_are_there_once_there_is_room(tmp_path: Path) -> None:
    parts = stream(random.Random(1))
    expected = final(lives(tmp_path / "quiet", parts, HOUR).undisturbed(50))

    refused = 0
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        troubled = lives(disk.path / "state", parts, HOUR)
        rounds = 0
        while troubled.read_each(lambda: 20):
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


def is_refused(life: Lives) -> bool:
    try:
        life.commit()
    except StoreError as error:
        return "full" in str(error)
    return False
