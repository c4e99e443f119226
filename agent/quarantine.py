"""What was put aside since the last summary, by source: for the audit log, without payloads."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.store import Quarantined
from policies.model import Notice, rfc3339

EVERY = 3_600.0
"""Seconds between two summaries of a source."""


@dataclass
class _Tally:
    since: int
    reasons: dict[str, int] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)


@dataclass
class QuarantineTally:
    """Counts rejected records until they are summed up.  `bootid` makes the records' ids unique."""

    bootid: str
    _open: dict[tuple[str, str], _Tally] = field(default_factory=dict)
    _made: int = 0

    def add(
        self,
        system: str,
        source: str,
        reasons: dict[str, int],
        places: list[Quarantined],
        now: float,
    ) -> None:
        """Count records by reason; of their places the newest by partition is kept."""
        if not reasons:
            return
        tally = self._open.setdefault((system, source), _Tally(int(now)))
        for reason, amount in reasons.items():
            tally.reasons[reason] = tally.reasons.get(reason, 0) + amount
        for place in places:
            newest = tally.offsets.get(place.partition, -1)
            tally.offsets[place.partition] = max(newest, place.place)

    def due(self, now: float, *, all_of_it: bool = False) -> list[Notice]:
        """Return a summary for each source whose oldest count is an hour old, or for all."""
        ripe = [k for k, t in self._open.items() if all_of_it or now - t.since >= EVERY]
        return [self._notice(key, now) for key in sorted(ripe)]

    def _notice(self, key: tuple[str, str], now: float) -> Notice:
        system, source = key
        tally = self._open.pop(key)
        self._made += 1
        return Notice(
            name="quarantine.summary",
            id=f"quarantine.summary/{self.bootid}/{self._made}",
            time=int(now),
            system=system,
            data={
                "source": source,
                "total": sum(tally.reasons.values()),
                "reasons": dict(sorted(tally.reasons.items())),
                "offsets": dict(sorted(tally.offsets.items())),
                "since": rfc3339(tally.since),
                "until": rfc3339(int(now)),
            },
        )
