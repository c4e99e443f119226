"""The files of incidents as the running agent sees them: what is new, and what it puts back.

A file that is lost or older than what the agent knows is written again, so that the commands, which
cannot read the store beside a running agent, find every open incident.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from agent.incidents import IncidentError, encoded, files_in, held, path_of, read, write
from policies.clocks import Incident
from policies.incident_merge import accounted
from policies.visible import shown

_log = structlog.get_logger("agent.incidents")

Seen = frozenset[tuple[str, int, int, int]]


class IncidentFiles:
    """The files in one folder.  Owned by the pipeline's thread; nothing in a file stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Seen | None = None
        self._found: dict[str, Incident] = {}
        self._strange: set[str] = set()
        self._problems: list[str] = []
        self._unwritten: dict[str, str] = {}

    def changed(self) -> list[Incident]:
        """Return the incidents of the folder if a file in it changed since the last time."""
        try:
            seen = _signature(self._folder)
            if seen == self._seen:
                return []
            files = files_in(self._folder) if seen else []
        except OSError as error:
            self._complain([shown(f"{self._folder}: {error}")])
            return []
        self._seen, self._found, self._strange = seen, {}, set()
        problems = []
        for file in files:
            try:
                self._found[file.stem] = read(file)
            except IncidentError as error:
                self._strange.add(file.stem)
                problems.append(str(error))
        self._complain(problems)
        return list(self._found.values())

    def leave(self, incident: Incident, why: str) -> None:
        """Leave an incident's file to people, and say why if it is open."""
        self._strange.add(incident.id)
        self._found.pop(incident.id, None)
        if incident.closed is None:
            problem = shown(f"{path_of(self._folder, incident.id)}: {why}")
            self._complain([*self._problems, problem])

    def put_back(self, incidents: Iterable[Incident]) -> None:
        """Write the files that are lost and needed, and those that say less than is known."""
        for incident in incidents:
            found = self._found.get(incident.id)
            wanted = incident.closed is None if found is None else found != incident
            if wanted and incident.id not in self._strange:
                self._put_back(incident)

    def _put_back(self, incident: Incident) -> None:
        file = path_of(self._folder, incident.id)
        try:
            with held(self._folder, wait=False) as alone:
                # Who holds it may be stating something of this incident: the next look sees it.
                if not alone or file.exists() != (incident.id in self._found):
                    return
                wanted = accounted(incident, read(file)) if file.exists() else incident
                if wanted is None:
                    return
                write(file, encoded(wanted))
        except (OSError, IncidentError) as error:
            problem = shown(f"{file}: cannot be written: {error}")
            if self._unwritten.get(incident.id) != problem:
                _log.warning("incident_unwritten", problem=problem)
            self._unwritten[incident.id] = problem
            return
        self._unwritten.pop(incident.id, None)
        if incident.id not in self._found:
            _log.info("incident_restored", incident=incident.id)
        self._found[incident.id] = wanted

    def _complain(self, problems: list[str]) -> None:
        for problem in problems:
            if problem not in self._problems:
                _log.warning("incident_unreadable", problem=problem)
        self._problems = problems


def _signature(folder: Path) -> Seen:
    """Return what tells whether a file changed; empty if there is no folder.  Raises OSError."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(_mark(entry) for entry in entries if entry.name.endswith(".json"))
    except FileNotFoundError:
        return frozenset()


def _mark(entry: os.DirEntry[str]) -> tuple[str, int, int, int]:
    try:
        about = entry.stat()
    except OSError:
        # It is gone again, or leads nowhere; what is wrong with it is said when it is read.
        return entry.name, 0, 0, 0
    return entry.name, about.st_ino, about.st_mtime_ns, about.st_ctime_ns
