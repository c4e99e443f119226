"""What the commands know of incidents: their files, and what the agent's store holds beside them.

Beside a running agent the store cannot be read; that agent writes lost files again by itself.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent.incidents import FOLDER, KIND, IncidentError, decoded, path_of, read, read_all, unknown
from agent.store import StoreBusy, StoreError, peek
from policies.clocks import Incident
from policies.incident_merge import accounted, by_id
from policies.visible import shown


class Known(msgspec.Struct, frozen=True):
    """Every incident that is known, by id; what cannot be read; whether an agent has the store."""

    incidents: dict[str, Incident]
    problems: list[str]
    busy: bool


def known(store: Path) -> Known:
    """Return the incidents of a store's folder.  Writes nothing."""
    told, problems = read_all(store / FOLDER)
    held, more, busy = _held(store)
    found = by_id(held)
    for one in told:
        before = found.get(one.id)
        now = one if before is None else accounted(before, one)
        if now is not None:
            found[one.id] = now
        elif before is not None:
            more.append(_conflict(before, path_of(store / FOLDER, one.id)))
    return Known(dict(sorted(found.items())), problems + more, busy)


def find(store: Path, incident_id: str) -> Incident | None:
    """Return an incident as it is known, None if it is not.

    Raises `IncidentError` for a file that cannot be read, or is of another incident.
    """
    file = path_of(store / FOLDER, incident_id)
    told = read(file) if file.exists() else None
    held = by_id(_held(store)[0]).get(incident_id)
    if told is None or held is None:
        return told or held
    now = accounted(held, told)
    if now is None:
        raise IncidentError(_conflict(held, file))
    return now


def require(store: Path, incident_id: str) -> Incident:
    """Return an incident as it is known; raises `IncidentError` if it is not."""
    found = find(store, incident_id)
    if found is not None:
        return found
    everything = known(store)
    error = unknown(incident_id, everything.incidents)
    if everything.busy:
        text = f"{error} (an agent runs; if it knows the incident, it writes its file in a moment)"
        raise IncidentError(text)
    raise error


def _held(store: Path) -> tuple[list[Incident], list[str], bool]:
    """Return the incidents in the store, what is wrong with others, and whether it is in use."""
    try:
        documents = peek(store, KIND)
    except StoreBusy:
        return [], [], True
    except StoreError as error:
        return [], [f"{error}; incidents that have no file any more are not seen"], False
    found, problems = [], []
    for document in documents:
        try:
            found.append(decoded(document.body))
        except (ValueError, IncidentError) as error:
            problems.append(shown(f"{store}: the incident {document.key}: {error}"))
    return found, problems, False


def _conflict(held: Incident, file: Path) -> str:
    return shown(
        f"{file}: the agent knows {held.id} as {held.event} of {held.system}, which this file is "
        "not; move it away and give the new incident another id"
    )
