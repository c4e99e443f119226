"""How much of the disk must be left: for the agent to go on as ever, and to take its ballast."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporters.audit.room import Room

GB = 1 << 30


def with_disk(monkeypatch: pytest.MonkeyPatch, total: int, free: int) -> None:
    """Let the disk have so many bytes, and so many that this user may still write."""
    blocks = SimpleNamespace(f_frsize=1, f_blocks=total, f_bavail=free, f_bfree=total)
    monkeypatch.setattr(os, "statvfs", lambda _: blocks)


@pytest.mark.parametrize(
    ("total", "free", "low"),
    [
        (1_000, 49, True),
        (1_000, 50, False),
        # Of a large disk a gigabyte is enough.
        (100 * GB, GB - 1, True),
        (100 * GB, GB, False),
    ],
)
def test_room_is_low_below_a_twentieth_of_the_disk_and_a_gigabyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, free: int, low: bool
) -> None:
    with_disk(monkeypatch, total, free)
    assert Room(tmp_path, 0).low() is low


@pytest.mark.parametrize(("free", "taken"), [(4 * 4_096 - 1, False), (4 * 4_096, True)])
def test_the_ballast_is_taken_where_four_times_its_size_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, taken: bool
) -> None:
    with_disk(monkeypatch, GB, free)
    room = Room(tmp_path, 4_096)
    assert room.take() is taken
    assert (tmp_path / "ballast").exists() is taken
    assert room.give() is taken
    assert not (tmp_path / "ballast").exists()
