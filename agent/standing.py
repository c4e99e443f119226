"""What stood when the agent was last running: its newest reports and its firing alerts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agent.clock_alerts import standing_alerts
from agent.store import Store
from exporters.base import Standing
from policies.alerts import Cause
from policies.model import Alert, Report


def standing(store: Store, systems: Sequence[str]) -> Standing:
    """Return the newest report per (system, version, length) and every alert not closed."""
    reports: list[Report] = []
    alerts: list[Alert] = []
    for system in systems:
        for _, body in sorted(store.documents(system, "latest").items()):
            reports.append(msgspec.json.decode(body, type=Report))
        for _, body in sorted(store.documents(system, "cause").items()):
            alerts.append(msgspec.json.decode(body, type=Cause).alert)
        alerts += standing_alerts(store, system).values()
    return Standing(reports=reports, alerts=alerts)
