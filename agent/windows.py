"""Window arithmetic: names, lengths, alignment (contract C2).  All times are epoch seconds."""

from __future__ import annotations

from collections.abc import Sequence

from policies.model import WINDOW_SECONDS, Window

LENGTHS = WINDOW_SECONDS
"""Every window length a configuration may name, in seconds, short first."""


def containing(moment: int, length: str) -> Window:
    """Return the window of this length that holds `moment`; windows align to the Unix epoch."""
    seconds = LENGTHS[length]
    start = moment - moment % seconds
    return Window(start=start, end=start + seconds, length=length)


def by_length(names: Sequence[str]) -> list[str]:
    """Return the names, short first, without repetition."""
    return sorted(set(names), key=LENGTHS.__getitem__)
