"""How incidents are answered, by country and sector, from what humans stated of them.

An incident is counted when it is closed, since nothing of it changes any more.  The store keeps all
incidents, so the totals of a start are those of the one before: nothing is lost or counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from exporters.programme_metrics import Place, ProgrammeMetrics
from policies.clocks import OUTCOMES, Incident, Ticking, outcome_of, responses, ticking
from policies.effective import Clock


class Responses:
    """Counts closed incidents once, and those that are open.  Owned by the pipeline's thread."""

    def __init__(
        self,
        places: Mapping[str, Place],
        clocks: Mapping[str, Sequence[Clock]],
        metrics: ProgrammeMetrics,
    ) -> None:
        self._places, self._clocks, self._metrics = places, clocks, metrics
        self._counted: set[str] = set()
        for place in set(places.values()):
            # A series that is there before anything happens lets a first time be seen as a rise.
            metrics.closed(place, {}, dict.fromkeys(OUTCOMES, 0))

    def take(self, incident: Incident) -> None:
        """Count an incident if it is closed and was not counted yet."""
        if incident.closed is None or incident.id in self._counted:
            return
        self._counted.add(incident.id)
        clocks = ticking(self._clocks[incident.system], incident, incident.closed)
        outcomes = Counter[str](o for one in clocks if (o := outcome_of(one)) is not None)
        self._metrics.closed(self._places[incident.system], responses(incident), outcomes)

    def look(
        self, incidents: Iterable[Incident], clocks: Sequence[tuple[Incident, Ticking]]
    ) -> None:
        """Tell how many of these incidents are open, given how their clocks stand."""
        late = {incident.id for incident, one in clocks if one.state == "overdue"}
        counts = dict.fromkeys(self._places.values(), (0, 0))
        for incident in incidents:
            if incident.closed is None:
                place = self._places[incident.system]
                still_open, overdue = counts[place]
                counts[place] = (still_open + 1, overdue + (incident.id in late))
        self._metrics.incidents(counts)
