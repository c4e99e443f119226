"""The incident clocks that are open now, for alerts that leave the agent.

Time that is left changes each minute, so it is told when an alert is posted and is no part of the
alert itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from policies.clocks import left_words
from policies.model import rfc3339

SHOWN = 5
"""How many clocks an alert names before it says how many more there are."""


class OpenClock(NamedTuple):
    """A clock of an incident; `due` in epoch seconds, None while nobody said `starts` yet.

    `rule` is the label of the alert that stands for it.
    """

    incident: str
    title: str
    starts: str
    due: int | None
    rule: str = ""


class OpenClocks:
    """Holds the open clocks by system; it may be set and read from any thread."""

    def __init__(self) -> None:
        self._open: Mapping[str, Sequence[OpenClock]] = {}

    def set(self, clocks: Mapping[str, Sequence[OpenClock]]) -> None:
        """Take what is open now, instead of what was."""
        self._open = clocks

    def words(self, system: str, now: float) -> str:
        """Return the clocks of a system in words, the most urgent first; empty if none is open."""
        clocks = sorted(
            self._open.get(system, ()), key=lambda one: (one.due is None, one.due or 0, one)
        )
        texts = [_words(one, now) for one in clocks[:SHOWN]]
        if len(clocks) > SHOWN:
            texts.append(f"and {len(clocks) - SHOWN} more")
        return "; ".join(texts)

    def left(self, system: str, rule: str, now: float) -> str:
        """Return how long the clock has that an alert stands for; empty if there is none."""
        found = [one for one in self._open.get(system, ()) if one.rule == rule]
        due = found[0].due if found else None
        return "" if due is None else left_words(due - now)


def _words(clock: OpenClock, now: float) -> str:
    what = f"{clock.incident}: {clock.title}"
    if clock.due is None:
        return f"{what}: waits for {clock.starts}"
    state = "running" if clock.due >= now else "overdue"
    return f"{what}: {state}, due {rfc3339(clock.due)}, {left_words(clock.due - now)}"
