"""Window arithmetic: names, lengths, alignment (contract C2).  All times are epoch seconds."""

from __future__ import annotations

from collections.abc import Sequence

from policies.model import Window

LENGTHS: dict[str, int] = {
    "5m": 300,
    "1h": 3_600,
    "12h": 43_200,
    "1d": 86_400,
    "7d": 604_800,
    "30d": 2_592_000,
    "90d": 7_776_000,
}
"""Every window length a configuration may name, in seconds, short first."""


def containing(moment: int, length: str) -> Window:
    """Return the window of this length that holds `moment`; windows align to the Unix epoch."""
    seconds = LENGTHS[length]
    start = moment - moment % seconds
    return Window(start=start, end=start + seconds, length=length)


def by_length(names: Sequence[str]) -> list[str]:
    """Return the names, short first, without repetition."""
    return sorted(set(names), key=LENGTHS.__getitem__)
