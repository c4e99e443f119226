"""Where an audit log lies on disk, and the notes beside it.

    <path>/            published: log.json (a hint only), blobs/
    <path>.state/      private:   lock, head.json, wal/<epoch>/<first seq>.wal, quarantine/

An epoch is one run of record numbers from 0 under one origin.  `docs/adr/0006` says why the
records are in the private part until the log has a tree.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from exporters.audit import disk
from exporters.audit.frames import HEADER_SIZE, Good, scan
from exporters.audit.wal import segments

HINT = "log.json"
HINT_SCHEMA = "pantau.audit/1"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class LogInUse(Exception):
    """Another process writes this log."""


class Place(NamedTuple):
    """The two directories of a log."""

    public: Path
    state: Path

    @property
    def wal(self) -> Path:
        """The folder with one folder of segments per epoch."""
        return self.state / "wal"

    @property
    def quarantine(self) -> Path:
        """Where bytes that were cut off are kept."""
        return self.state / "quarantine"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A note of how far the log had come; written now and then, so it may lag behind.

    `clean`: the writer stopped in order.  `digests`: what each `<x>.change` record last put in
    force, by `name/system`.
    """

    epoch: str
    origin: str
    size: int
    clean: bool
    digests: dict[str, str] = {}


def locate(public: Path, state: Path | None = None) -> Place:
    """Return the place of the log published at `public`; the state lies beside it by default."""
    return Place(public, state or public.with_name(f"{public.name}.state"))


def find(directory: Path) -> Place:
    """Return the place that `directory` belongs to: a published directory, or a state directory.

    A published directory names its state in `log.json`, if that is not `<directory>.state`.
    """
    directory = directory.absolute()
    if (directory / "wal").is_dir():
        stem = directory.name.removesuffix(".state")
        return Place(directory.with_name(stem) if stem != directory.name else directory, directory)
    named = read_hint(directory).get("state")
    return locate(directory, directory / named if isinstance(named, str) else None)


def epochs(place: Place) -> list[str]:
    """Return the epochs that have segments, oldest first."""
    folders = sorted(place.wal.iterdir()) if place.wal.is_dir() else []
    return [folder.name for folder in folders if folder.is_dir() and segments(folder)]


def first_record(folder: Path) -> bytes | None:
    """Return the record at the very beginning of an epoch's oldest segment, if it is whole."""
    found = segments(folder)
    if not found:
        return None
    path = found[0][1]
    with path.open("rb") as file:
        first = next(scan(file, path.stat().st_size), None)
    whole = isinstance(first, Good) and first.offset == HEADER_SIZE
    return first.payload if isinstance(first, Good) and whole else None


def has_records(folder: Path) -> bool:
    """Tell whether any whole record can be found in an epoch."""
    for _, path in segments(folder):
        with path.open("rb") as file:
            if any(isinstance(found, Good) for found in scan(file, path.stat().st_size)):
                return True
    return False


def new_epoch(now: float, existing: list[str]) -> str:
    """Return a ULID that sorts after every existing epoch, even if the clock went back."""
    stamp = int(now * 1000)
    if existing:
        stamp = max(stamp, _number(existing[-1][:10]) + 1)
    return _crockford(stamp, 10) + _crockford(secrets.randbits(80), 16)


def read_hint(public: Path) -> Mapping[str, object]:
    """Return what `log.json` says; nothing if it is missing or unreadable."""
    try:
        hint = json.loads((public / HINT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return hint if isinstance(hint, dict) else {}


def write_hint(place: Place, origin: str, epoch: str) -> None:
    """Write `log.json`: for people and programs that look for the log; nothing relies on it."""
    hint = {
        "schema": HINT_SCHEMA,
        "origin": origin,
        "epoch": epoch,
        "state": os.path.relpath(place.state, place.public),
    }
    disk.write_whole(place.public / HINT, json.dumps(hint, indent=2).encode() + b"\n")


def read_head(place: Place) -> Head | None:
    """Return the note, or None if there is none that can be read."""
    try:
        return msgspec.json.decode((place.state / "head.json").read_bytes(), type=Head)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write_head(place: Place, head: Head) -> None:
    """Write the note durably. Raises OSError."""
    disk.write_whole(place.state / "head.json", msgspec.json.encode(head), 0o600)


def lock(place: Place) -> int:
    """Take the writer's lock; return its descriptor. Raises LogInUse or OSError."""
    path = place.state / "lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise LogInUse(f"process {holder or 'unknown'} writes to it") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)
    return fd


def _crockford(number: int, digits: int) -> str:
    return "".join(_CROCKFORD[number >> 5 * i & 31] for i in reversed(range(digits)))


def _number(text: str) -> int:
    """Return the number that `_crockford` wrote; other signs count as 0."""
    number = 0
    for digit in text:
        number = number << 5 | max(0, _CROCKFORD.find(digit))
    return number
