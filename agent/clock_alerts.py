"""The alerts of incident clocks as they stand, kept so that a restart tells nothing twice.

Owned by the pipeline's thread.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import msgspec

from agent.notices import Announced
from agent.store import Document, Store
from policies.alert_changes import Stands, changes, settled
from policies.clock_alerts import CLOSED, GONE, TURNED, clock_alert, key_of
from policies.clocks import Incident, Ticking
from policies.model import Alert

_KIND = "clock_alert"

Place = tuple[str, str]
"""A system, and a clock of an incident (`policies.clock_alerts.key_of`)."""


def standing_alerts(store: Store, system: str) -> dict[str, Alert]:
    """Return the alerts of a system's clocks that are not closed, by key."""
    found = {
        key: msgspec.json.decode(body, type=Alert)
        for key, body in sorted(store.documents(system, _KIND).items())
    }
    return {key: alert for key, alert in found.items() if alert.change != "closed"}


class ClockAlerts:
    """Raises, changes and closes alerts as incident clocks go on."""

    def __init__(self, store: Store, systems: Iterable[str]) -> None:
        self._standing: dict[Place, Alert] = {
            (system, key): alert
            for system in systems
            for key, alert in standing_alerts(store, system).items()
        }

    def look(
        self,
        clocks: Sequence[tuple[Incident, Ticking]],
        now: float,
        unknown: Container[str] = (),
    ) -> Announced:
        """Return what changes, given every clock of every incident as it stands.

        Of incidents that are `unknown`, how they stand cannot be told: their alerts stay.
        """
        wanted: dict[Place, Stands] = {}
        known: set[Place] = set()
        for incident, one in clocks:
            place = (incident.system, key_of(incident, one))
            known.add(place)
            stands = clock_alert(incident, one)
            if stands is not None:
                wanted[place] = stands
        announced = Announced()
        for place in sorted({*wanted, *self._standing}):
            if place not in known and place[1].rpartition("/")[2] in unknown:
                continue
            why = CLOSED if place in known else GONE
            self._change(announced, place, wanted.get(place), int(now), why)
        return announced

    def _change(
        self, announced: Announced, place: Place, new: Stands | None, at: int, why: str
    ) -> None:
        old = self._standing.get(place)
        sent = list(changes(old, new, at, why=why, turned=TURNED))
        if not sent:
            return
        if new is None:
            # A closed alert stays in the store as such: nothing is ever deleted there and put
            # again in one transaction.
            self._standing.pop(place)
            kept = sent[-1]
        else:
            kept = self._standing[place] = settled(old, new, at)
        system, key = place
        announced.items += sent
        announced.documents.append(Document(system, _KIND, key, msgspec.json.encode(kept)))
