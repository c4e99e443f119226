"""The clocks of every incident in the running agent: counted, recorded, warned of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from agent.clock_alerts import ClockAlerts
from agent.incident_files import IncidentFiles
from agent.incident_responses import Responses
from agent.incidents import KIND, IncidentError, decoded
from agent.notices import Announced
from agent.store import Document, Store
from exporters.agent_metrics import AgentMetrics
from exporters.open_clocks import OpenClock, OpenClocks
from policies.clock_alerts import key_of
from policies.clocks import STAGES, ClockState, Incident, Ticking, stage_of, ticking, with_clocks
from policies.effective import Clock
from policies.incident_merge import accounted, by_id
from policies.model import Notice, rfc3339
from policies.visible import shown

EARLIER_NAMED = 20
"""Most earlier statements of a moment that a record names, the newest; the file has all of them."""

_log = structlog.get_logger("agent.incidents")


class IncidentWatch:
    """The clocks of every open incident.  Owned by the pipeline's thread.

    `look` costs one listing of a small folder while nothing is open.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        clocks: Mapping[str, Sequence[Clock]],
        metrics: AgentMetrics,
        open_clocks: OpenClocks | None = None,
        responses: Responses | None = None,
    ) -> None:
        self._open_clocks = OpenClocks() if open_clocks is None else open_clocks
        self._files = IncidentFiles(folder)
        self._clocks = clocks
        self._metrics = metrics
        self._told: dict[tuple[str, str], tuple[ClockState, int | None, int]] = {}
        self._lost: set[str] = set()
        self._open = by_id(self._kept(store))
        self._alerts = ClockAlerts(store, clocks)
        self._responses = responses
        if responses is not None:
            for incident in self._open.values():
                responses.take(incident)
        # What was closed before this start has been recorded.
        self._done = {key for key, incident in self._open.items() if incident.closed is not None}

    def look(self, now: float) -> Announced:
        """Take in what humans stated since, and return what to record of it."""
        announced = Announced()
        for told in self._files.changed():
            known = self._open.get(told.id)
            now_is = told if known is None else accounted(known, told)
            if told.system not in self._clocks:
                why = f"no system is called {told.system!r}, so none of its clocks runs here"
                self._files.leave(told, why)
            elif now_is is not None:
                announced.add(self._take(now_is))
            elif known is not None:
                self._files.leave(told, _other(known))
        for incident in [one for one in self._open.values() if one.closed is None]:
            announced.add(self._take(incident))
        clocks = self._ticking(now)
        announced.add(self._record(clocks, now))
        announced.add(self._alerts.look(clocks, now, self._lost))
        self._tell(clocks)
        if self._responses is not None:
            self._responses.look(self._open.values(), clocks)
        self._files.put_back(self._open.values())
        return announced

    def _kept(self, store: Store) -> Iterator[Incident]:
        """Give what the store holds of the systems that are watched."""
        for system in self._clocks:
            for key, body in store.documents(system, KIND).items():
                try:
                    yield decoded(body)
                except (ValueError, IncidentError) as error:
                    self._lost.add(key)
                    problem = shown(f"{store.path}: the incident {key}: {error}")
                    _log.warning("incident_unreadable", problem=problem)

    def _take(self, incident: Incident) -> Announced:
        """Take an incident as it stands now, with the definitions of its clocks."""
        announced = Announced()
        known = self._open.get(incident.id)
        if known is None or incident.closed is None:
            incident = with_clocks(incident, self._clocks[incident.system])
        if incident != known:
            self._open[incident.id] = incident
            self._done.discard(incident.id)
            if self._responses is not None:
                self._responses.take(incident)
            body = msgspec.json.encode(incident)
            announced.documents.append(Document(incident.system, KIND, incident.id, body))
        return announced

    def _ticking(self, now: float) -> list[tuple[Incident, Ticking]]:
        """Return every clock of every incident, but of those closed before this start."""
        return [
            (incident, one)
            for incident in self._open.values()
            if incident.id not in self._done
            for one in ticking(self._clocks.get(incident.system, ()), incident, now)
        ]

    def _record(self, clocks: Sequence[tuple[Incident, Ticking]], now: float) -> Announced:
        """Return a record of each clock whose state changed."""
        announced = Announced()
        for incident, one in clocks:
            key = (incident.id, one.clock.id)
            told = (one.state, one.due, len(incident.former(one.clock.starts)))
            if self._told.get(key) != told:
                self._told[key] = told
                announced.items.append(_notice(incident, one, int(now)))
        return announced

    def _tell(self, clocks: Sequence[tuple[Incident, Ticking]]) -> None:
        """Tell the metrics and the alerts how the clocks stand."""
        least: dict[tuple[str, str], float] = {}
        counts: dict[tuple[str, str, str], int] = {
            (system, clock.id, stage): 0
            for system, all_of_it in self._clocks.items()
            for clock in all_of_it
            for stage in STAGES
        }
        still_open: dict[str, list[OpenClock]] = {}
        for incident, one in clocks:
            # Also of a clock that the policy no longer has it is told when none is open any more.
            for each in STAGES:
                counts.setdefault((incident.system, one.clock.id, each), 0)
            stage = stage_of(one)
            if stage is not None:
                counts[incident.system, one.clock.id, stage] += 1
                clock = OpenClock(
                    incident.id, one.clock.title, one.clock.starts, one.due, key_of(incident, one)
                )
                still_open.setdefault(incident.system, []).append(clock)
            if one.left is not None:
                series = (incident.system, one.clock.id)
                least[series] = min(one.left, least.get(series, one.left))
        self._metrics.incident_clocks(least, counts)
        self._open_clocks.set(still_open)


def _other(known: Incident) -> str:
    return (
        f"the agent knows {known.id} as {known.event} of {known.system!r}, whose clocks go on; "
        "give this one another id"
    )


def _notice(incident: Incident, one: Ticking, now: int) -> Notice:
    """Return the record of a clock's state; `id` says it once, however often the agent starts."""
    started = None if one.started is None else rfc3339(one.started)
    due = None if one.due is None else rfc3339(one.due)
    closed = None if one.closed is None else rfc3339(one.closed)
    who = one.closed_by if one.state == "closed" else incident.by.get(one.clock.starts)
    data: dict[str, object] = {
        "incident": incident.id,
        "event": incident.event,
        "clock": one.clock.id,
        "state": one.state,
        "starts": one.clock.starts,
        "source": one.clock.source,
        "verified_on": one.clock.verified_on,
        "confidence": one.clock.confidence,
    }
    data |= {
        key: value
        for key, value in (("started", started), ("due", due), ("closed", closed), ("by", who))
        if value is not None
    }
    former = incident.former(one.clock.starts)
    if former:
        data["earlier"] = [
            {"started": rfc3339(said.at), "by": said.by} for said in former[-EARLIER_NAMED:]
        ]
    again = f"/{len(former)}" if former else ""
    return Notice(
        name="incident.clock",
        id=f"incident.clock/{incident.id}/{one.clock.id}/{one.state}/{due or ''}{again}",
        time=now,
        system=incident.system,
        data=data,
    )
