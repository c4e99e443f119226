"""Incidents as files beside the store: humans state, the agent counts, records and warns.

The commands write one JSON file per incident into `<store>/incidents`; the running agent takes new
statements from there into its store, so that a file that goes missing stops no clock.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from agent.clock_alerts import ClockAlerts
from agent.incident_responses import Responses
from agent.notices import Announced
from agent.store import Document, Store
from exporters.agent_metrics import AgentMetrics
from exporters.open_clocks import OpenClock, OpenClocks
from policies.clock_alerts import key_of
from policies.clocks import (
    EVENTS,
    MOMENTS,
    STAGES,
    ClockState,
    Incident,
    Ticking,
    stage_of,
    ticking,
)
from policies.effective import Clock
from policies.model import Notice, rfc3339
from policies.nearest import did_you_mean

FOLDER = "incidents"
MAX_FILE = 65_536
MAX_WORDS = 500
"""Most characters of who said something, or of a reason."""
EARLIER_NAMED = 20
"""Most earlier statements of a moment that a record names, the newest; the file has all of them."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KIND = "incident"

_log = structlog.get_logger("agent.incidents")


class IncidentError(Exception):
    """Something about an incident that a person must mend; the message says what."""


def check(incident: Incident) -> Incident:
    """Return the incident if it is well formed; raises `IncidentError`."""
    if not _ID.fullmatch(incident.id):
        raise IncidentError("an incident's id needs 1 to 64 letters, digits, dots or dashes")
    if incident.event not in EVENTS:
        hint = did_you_mean(incident.event, EVENTS)
        raise IncidentError(f"{incident.event!r} is no kind of event{hint}")
    ended = [text for one in incident.ended.values() for text in (one.by, one.reason)]
    ended += [one.by for one in incident.earlier]
    said = (*incident.by.values(), incident.closed_by or "", incident.reason or "", *ended)
    if any(len(text) > MAX_WORDS for text in said):
        raise IncidentError(f"a name or reason is longer than {MAX_WORDS} characters")
    named = {*incident.moments, *(one.moment for one in incident.earlier)}
    strange = sorted(named - set(MOMENTS))
    if strange:
        raise IncidentError(f"{strange[0]!r} is no moment{did_you_mean(strange[0], MOMENTS)}")
    return incident


def path_of(folder: Path, incident_id: str) -> Path:
    """Return the file of an incident; raises `IncidentError` for an id that is none."""
    if not _ID.fullmatch(incident_id):
        raise IncidentError("an incident's id needs 1 to 64 letters, digits, dots or dashes")
    return folder / f"{incident_id}.json"


def read(file: Path) -> Incident:
    """Return the incident in a file; raises `IncidentError`."""
    if not file.exists():
        known = [one.stem for one in sorted(file.parent.glob("*.json"))]
        raise IncidentError(f"there is no incident {file.stem!r}{did_you_mean(file.stem, known)}")
    try:
        if file.stat().st_size > MAX_FILE:
            raise IncidentError(f"{file}: is larger than {MAX_FILE} bytes")
        incident = check(msgspec.json.decode(file.read_bytes(), type=Incident))
    except (OSError, msgspec.MsgspecError) as error:
        raise IncidentError(f"{file}: cannot be read: {error}") from error
    if file.stem != incident.id:
        raise IncidentError(f"{file}: holds the incident {incident.id!r}")
    return incident


def read_all(folder: Path) -> tuple[list[Incident], list[str]]:
    """Return every readable incident of a folder, by id, and what is wrong with the others."""
    found, problems = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            found.append(read(file))
        except IncidentError as error:
            problems.append(str(error))
    return found, problems


def encoded(incident: Incident) -> bytes:
    """Return an incident as it stands in its file; raises `IncidentError` if it is too large."""
    body = msgspec.json.encode(incident)
    if len(body) > MAX_FILE:
        raise IncidentError(
            f"the incident {incident.id} has been stated again too often: no more fits into its "
            f"file ({MAX_FILE} bytes); close it and give what follows another id"
        )
    return body


def words(text: str, option: str, what: str) -> str:
    """Return what a human wrote; raises `IncidentError` if it is nothing, with what to write."""
    if not text.strip():
        raise IncidentError(f"{option}: is empty; {what}")
    return text.strip()


def write(file: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing, durably."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with part.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


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
        self._folder = folder
        self._clocks = clocks
        self._metrics = metrics
        self._seen: frozenset[tuple[str, int, int]] = frozenset()
        self._told: dict[tuple[str, str], tuple[ClockState, int | None, int]] = {}
        self._open: dict[str, Incident] = {
            key: msgspec.json.decode(body, type=Incident)
            for system in clocks
            for key, body in store.documents(system, _KIND).items()
        }
        self._alerts = ClockAlerts(store, clocks)
        self._responses = responses
        if responses is not None:
            for incident in self._open.values():
                responses.take(incident)
        self._problems: list[str] = []
        # What was closed before this start has been recorded.
        self._done = {key for key, incident in self._open.items() if incident.closed is not None}

    def look(self, now: float) -> Announced:
        """Take in what humans stated since, and return what to record of it."""
        announced = Announced()
        for incident in self._stated():
            if incident.system in self._clocks and self._open.get(incident.id) != incident:
                self._open[incident.id] = incident
                self._done.discard(incident.id)
                if self._responses is not None:
                    self._responses.take(incident)
                body = msgspec.json.encode(incident)
                announced.documents.append(Document(incident.system, _KIND, incident.id, body))
        clocks = self._ticking(now)
        announced.add(self._record(clocks, now))
        announced.add(self._alerts.look(clocks, now))
        self._tell(clocks)
        if self._responses is not None:
            self._responses.look(self._open.values(), clocks)
        return announced

    def _stated(self) -> list[Incident]:
        """Return the incidents of the folder if a file in it changed since the last look."""
        try:
            with os.scandir(self._folder) as entries:
                seen = frozenset(
                    (entry.name, entry.inode(), entry.stat().st_mtime_ns)
                    for entry in entries
                    if entry.name.endswith(".json")
                )
            if seen == self._seen:
                return []
            found, problems = read_all(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            found, problems, seen = [], [f"{self._folder}: {error}"], self._seen
        self._seen = seen
        for problem in problems:
            if problem not in self._problems:
                _log.warning("incident_unreadable", problem=problem)
        self._problems = problems
        return found

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
