"""Hours of decisions that are unfair to women at first."""

from __future__ import annotations

from typing import Any

from tests.support.events import seconds

START = seconds("2026-03-02 00:00")
HOUR = 3_600
EVERY = 15


def decisions(hour: int, unfair_hours: int) -> list[dict[str, Any]]:
    """Return an hour of decisions; in the first `unfair_hours` women are refused more often."""
    rows = []
    for i in range(HOUR // EVERY):
        woman = i % 2 == 0
        refused = i % 20 < (14 if woman and hour < unfair_hours else 4)
        rows.append(
            {
                "time": START + hour * HOUR + i * EVERY,
                "id": f"{hour}-{i}",
                "approve": "0" if refused else "1",
                "gender": "f" if woman else "m",
            }
        )
    return rows
