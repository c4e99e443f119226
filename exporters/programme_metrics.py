"""Metrics of the whole programme by country and sector, and of nothing finer.

Label values come from the configuration; nobody's data is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LABELS = ("country", "sector")
Place = tuple[str, str]
"""Country and sector, empty where a system names none."""

_RESPONSE = (900.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0, 1_209_600.0, 2_592_000.0)


class Counted(NamedTuple):
    """How many systems there are at a place, and how many of them are so."""

    systems: int = 0
    assessed: int = 0
    high_risk: int = 0
    overseen: int = 0
    mitigations: int = 0


class Gaps(NamedTuple):
    """Mean size of a gap before and after the mitigations of which both are known."""

    before: float
    after: float


class ProgrammeMetrics:
    """Gauges and counters of the programme; every method is thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"pantau_programme_{name}", text, LABELS, registry=registry)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"pantau_programme_{name}", text, LABELS, registry=registry)

        self._counts = {
            "systems": gauge("systems", "Systems in the inventory."),
            "assessed": gauge(
                "systems_assessed", "Systems with an impact assessment that holds today."
            ),
            "high_risk": gauge("systems_high_risk", "Systems of the high tier."),
            "overseen": gauge(
                "systems_high_risk_overseen",
                "Systems of the high tier with the human involvement that it asks for.",
            ),
            "mitigations": gauge("mitigations", "Declared mitigations of gaps between groups."),
        }
        self._reviewed = gauge(
            "high_risk_reviewed_share",
            "Mean share of predictions that a human decided, over systems of the high tier where "
            "it is known.",
        )
        self._before = gauge(
            "mitigation_gap_before", "Mean size of the gap in the last window before a mitigation."
        )
        self._after = gauge(
            "mitigation_gap_after", "Mean size of the same gap in the newest window after it."
        )
        self._complaints = counter("complaints", "Complaints about decisions, as they were read.")
        self._appeals = counter("appeals", "Appeals against decisions, as they were read.")
        self._response = Histogram(
            "pantau_programme_finding_open_seconds",
            "Time from raising an alert about a limit to its being over, by event time.",
            LABELS,
            buckets=_RESPONSE,
            registry=registry,
        )
        self._open = gauge("incidents_open", "Incidents that no human has closed.")
        self._late = gauge("incidents_overdue", "Open incidents with a clock that has run out.")
        self._stages = Histogram(
            "pantau_programme_incident_response_seconds",
            "Time from detection or awareness of an incident to a stage, as stated; once closed.",
            (*LABELS, "stage"),
            buckets=_RESPONSE,
            registry=registry,
        )
        self._outcomes = Counter(
            "pantau_programme_incident_clocks",
            "Clocks of closed incidents: closed in_time or overdue, or not_started.",
            (*LABELS, "outcome"),
            registry=registry,
        )

    def count(self, counts: Mapping[Place, Counted]) -> None:
        """Set how many systems there are."""
        for place, counted in counts.items():
            for name, gauge in self._counts.items():
                gauge.labels(*place).set(getattr(counted, name))

    def reviewed(self, place: Place, share: float | None) -> None:
        """Set the share of predictions that humans decided; None: it is known of no system."""
        if share is None:
            # A series that stays would tell the share of a window long past.
            self._reviewed.labels(*place)
            self._reviewed.remove(*place)
        else:
            self._reviewed.labels(*place).set(share)

    def gaps(self, gaps: Mapping[Place, Gaps]) -> None:
        """Set the gaps before and after mitigations."""
        for place, one in gaps.items():
            self._before.labels(*place).set(one.before)
            self._after.labels(*place).set(one.after)

    def over(self, place: Place, seconds: float) -> None:
        """Count a finding that is over after `seconds`."""
        self._response.labels(*place).observe(seconds)

    def incidents(self, counts: Mapping[Place, tuple[int, int]]) -> None:
        """Set how many incidents are open, and how many of them have a clock that has run out."""
        for place, (still_open, overdue) in counts.items():
            self._open.labels(*place).set(still_open)
            self._late.labels(*place).set(overdue)

    def closed(
        self, place: Place, seconds: Mapping[str, float], outcomes: Mapping[str, int]
    ) -> None:
        """Count a closed incident: how long each stage took, and how its clocks ended."""
        for stage, one in seconds.items():
            self._stages.labels(*place, stage).observe(one)
        for outcome, n in outcomes.items():
            self._outcomes.labels(*place, outcome).inc(n)

    def heard(self, place: Place, *, complaints: int, appeals: int) -> None:
        """Count what people said."""
        self._complaints.labels(*place).inc(complaints)
        self._appeals.labels(*place).inc(appeals)
