"""Incidents as files beside the store: humans state, the agent counts, records and warns.

The commands write one JSON file per incident into `<store>/incidents`; the running agent takes new
statements from there into its store, so that a file that goes missing stops no clock.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from exporters.audit import disk
from policies.clocks import EARLIEST, EVENTS, LATEST, MOMENTS, Incident
from policies.effective import Clock
from policies.model import rfc3339
from policies.nearest import did_you_mean
from policies.regime import LONGEST_CLOCK, MOST_ID, MOST_TEXT
from policies.visible import acting, is_visible, shown

FOLDER = "incidents"
KIND = "incident"
"""The kind of an incident's document in the store."""
MAX_FILE = 65_536
MAX_WORDS = 500
"""Most characters of who said something, or of a reason."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CLOCK_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_WORD = re.compile(r"[!-~]{1,200}")
_LOCK = ".lock"


class IncidentError(Exception):
    """Something about an incident that a person must mend; the message says what."""


def check(incident: Incident) -> Incident:
    """Return the incident if it is well formed; raises `IncidentError`.

    All that is made of a well-formed incident can be made: alerts, records, drafts.
    """
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
    for what, at in _times(incident):
        if not EARLIEST <= at <= LATEST:
            raise IncidentError(
                f"{what}: is not between {rfc3339(EARLIEST)} and {rfc3339(LATEST)}; correct the "
                "year"
            )
    for clock in incident.clocks:
        _check_clock(clock)
    return incident


def path_of(folder: Path, incident_id: str) -> Path:
    """Return the file of an incident; raises `IncidentError` for an id that is none."""
    if not _ID.fullmatch(incident_id):
        raise IncidentError("an incident's id needs 1 to 64 letters, digits, dots or dashes")
    return folder / f"{incident_id}.json"


def files_in(folder: Path) -> list[Path]:
    """Return what may be the files of incidents, by name; an editor's own begin with a dot."""
    return [file for file in sorted(folder.glob("*.json")) if not file.name.startswith(".")]


def read(file: Path) -> Incident:
    """Return the incident in a file; raises `IncidentError`."""
    try:
        incident = decoded(_content(file))
    except FileNotFoundError:
        raise unknown(file.stem, (one.stem for one in files_in(file.parent))) from None
    except (OSError, ValueError, IncidentError) as error:
        raise IncidentError(shown(f"{file}: cannot be read: {error}")) from error
    if file.stem != incident.id:
        raise IncidentError(shown(f"{file}: holds the incident {incident.id!r}"))
    return incident


def read_all(folder: Path) -> tuple[list[Incident], list[str]]:
    """Return every readable incident of a folder, by id, and what is wrong with the others."""
    found, problems = [], []
    for file in files_in(folder):
        try:
            found.append(read(file))
        except IncidentError as error:
            problems.append(str(error))
    return found, problems


def decoded(body: bytes) -> Incident:
    """Return the incident in a document; raises `IncidentError`, or ValueError if it is none."""
    return check(msgspec.json.decode(body, type=Incident))


def encoded(incident: Incident) -> bytes:
    """Return an incident as it stands in its file; raises `IncidentError` if it is too large."""
    body = msgspec.json.encode(incident)
    if len(body) > MAX_FILE:
        raise IncidentError(
            f"the incident {incident.id} has been stated again too often: no more fits into its "
            f"file ({MAX_FILE} bytes); close it and give what follows another id"
        )
    return body


def unknown(incident_id: str, known: Iterable[str]) -> IncidentError:
    """Return what to say of an incident that there is not."""
    hint = did_you_mean(incident_id, known)
    return IncidentError(shown(f"there is no incident {incident_id!r}{hint}"))


def words(text: str, option: str, what: str) -> str:
    """Return what a human wrote; raises `IncidentError` if it is nothing, with what to write.

    Nothing is also what nobody can see.  What would act on a terminal is refused.
    """
    acts = acting(text.strip())
    if acts is not None:
        raise IncidentError(
            f"{option}: holds the control character {acts}, which would act on a terminal; write "
            "it as plain text on one line"
        )
    if not is_visible(text):
        raise IncidentError(f"{option}: is empty; {what}")
    return text.strip()


def write(file: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing, durably; it names people."""
    _make_private(file.parent)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.touch(mode=0o600)
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    disk.sync_directory(file.parent)


@contextmanager
def held(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Keep others from changing the incidents of a folder meanwhile.

    Gives whether that is so: without `wait`, false if somebody else is at it.  Raises OSError.
    """
    _make_private(folder)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _make_private(folder: Path) -> None:
    """Create a folder in the store's, which may not be there yet either."""
    disk.make_directory(folder.parent, 0o700)
    disk.make_directory(folder, 0o700)


def _content(file: Path) -> bytes:
    """Return what a file holds; a pipe or a device in its place would keep the reader for good."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise IncidentError("is no file")
        with open(descriptor, "rb", closefd=False) as stream:
            content = stream.read(MAX_FILE + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE:
        raise IncidentError(f"is larger than {MAX_FILE} bytes")
    return content


def _times(incident: Incident) -> Iterator[tuple[str, int]]:
    """Give every time in an incident, and what it is of."""
    yield from incident.moments.items()
    yield from ((f"{one.moment}, as it was stated before", one.at) for one in incident.earlier)
    yield from (("the end of a clock", one.at) for one in incident.ended.values())
    if incident.closed is not None:
        yield "the end of the incident", incident.closed


def _check_clock(clock: Clock) -> None:
    """Refuse a kept clock that no policy can have had."""
    texts = (clock.title, clock.recipient, clock.source)
    if not (
        _CLOCK_ID.fullmatch(clock.id)
        and len(clock.id) <= MOST_ID
        and clock.event in EVENTS
        and clock.starts in MOMENTS
        and 0 < clock.seconds <= LONGEST_CLOCK
        and all(_WORD.fullmatch(word) for word in (clock.verified_on, clock.confidence))
        and all(len(text) <= MOST_TEXT for text in texts)
    ):
        raise IncidentError(f"the clock {clock.id!r} in it is none of a policy")
