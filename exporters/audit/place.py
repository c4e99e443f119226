"""Where an audit log lies on disk, and the notes beside it.

    <path>/            published: the newest epoch's tree (`tree_files.py`), log.json (a hint only)
      epochs/<epoch>/             the trees of the epochs before it
      blobs/<sha256>              texts that records of any epoch name
    <path>.state/      private:   lock, head.json, writer.json, keys/<epoch>.json, quarantine/
      wal/<epoch>/<first>.wal     records, from before they are in the tree

An epoch is one run of record numbers from 0 under one origin, signed by its own keys.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from exporters.audit import beneath, disk
from exporters.audit.format import checkpoint, note
from exporters.audit.frames import HEADER_SIZE, Good, scan
from exporters.audit.signer import KeyFileDamaged, Signer, key_file
from exporters.audit.types import ChangeData
from exporters.audit.wal import segments

HINT = "log.json"
HINT_SCHEMA = "pantau.audit/1"
HEAD = "head.json"
NOTE = "writer.json"
EPOCHS = "epochs"
NOTE_BYTES = 1 << 20
"""What a checkpoint or a hint may have at most, also when it is served."""
_NOWHERE = Path(os.devnull)
"""No directory, and no way for anybody to make one there."""
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


_Any = TypeVar("_Any")


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


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """How far the writer had come; noted now and then, so it may lag behind.

    `clean`: the writer stopped in order.  `digests`: what each `<x>.change` record last put in
    force, by `name/system`, and under `log.key` the newest signing key that a record names.
    `changes`: all that those records said.
    """

    epoch: str
    origin: str
    size: int
    clean: bool
    digests: dict[str, str] = {}
    changes: dict[str, ChangeData] = {}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The newest tree that may have been signed: durable before anybody sees its checkpoint."""

    epoch: str
    origin: str
    size: int
    root: str


def locate(public: Path, state: Path | None = None) -> Place:
    """Return the place of the log published at `public`; the state lies beside it by default."""
    return Place(public, state or public.with_name(f"{public.name}.state"))


def find(directory: Path) -> Place:
    """Return the place that `directory` belongs to: a published directory, or a state directory.

    A published directory names its state in `log.json`, if that is not `<directory>.state`.
    Anybody may have written that, or made a link: it counts only where the state holds a key that
    signed the log.  Otherwise the directory is a copy: the place's state is nowhere.
    """
    directory = directory.absolute()
    if is_state(directory):
        stem = directory.name.removesuffix(".state")
        return Place(directory.with_name(stem) if stem != directory.name else directory, directory)
    elsewhere = _led_to(directory)
    if elsewhere is None or _signs(elsewhere, directory):
        return locate(directory, elsewhere)
    return Place(directory, _NOWHERE / f"{directory.name}.state")


def foreign(directory: Path) -> Path | None:
    """Return the state that a published directory leads to, if that is not known to be its own."""
    directory = directory.absolute()
    elsewhere = None if is_state(directory) else _led_to(directory)
    return None if elsewhere is None or _signs(elsewhere, directory) else elsewhere


def _led_to(directory: Path) -> Path | None:
    """Return where the state is said to be, None if it can only be beside."""
    named = read_hint(directory).get("state")
    if isinstance(named, str):
        return directory / named
    beside = locate(directory).state
    return beside if beside.is_symlink() else None


def _signs(state: Path, public: Path) -> bool:
    """Tell whether a key in a private directory signed the newest checkpoint of a published one."""
    try:
        signed = beneath.read(public, "checkpoint", NOTE_BYTES)
        origin = checkpoint.parse(note.split(signed)[0]).origin
        path = key_file(state, origin)
        # Whoever named this state may have put anything there, such as a pipe.
        beneath.read(path.parent, path.name, NOTE_BYTES)
        signer = Signer.load(state, origin)
        keys = [note.parse_vkey(vkey) for vkey in signer.vkeys] if signer else []
        return bool(note.open(signed, keys).verified)
    except (OSError, ValueError, KeyFileDamaged):
        return False


def is_state(directory: Path) -> bool:
    """Tell whether a directory holds the private files of a log, not the published ones."""
    return (directory / "wal").is_dir()


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


def began(epoch: str) -> float:
    """Return when (epoch seconds) an epoch began: its ULID says so."""
    return _number(epoch[:10]) / 1000


def read_hint(public: Path) -> Mapping[str, object]:
    """Return what `log.json` says; nothing if it is missing or unreadable."""
    try:
        hint = json.loads(beneath.read(public, HINT, NOTE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return hint if isinstance(hint, dict) else {}


def hinted_keys(public: Path) -> list[str]:
    """Return the public keys that `log.json` names, newest first."""
    keys = read_hint(public).get("vkeys")
    return [str(key) for key in keys] if isinstance(keys, list) else []


def write_hint(place: Place, origin: str, vkeys: Sequence[str], retention_days: int | None) -> None:
    """Write `log.json`: for people and programs that look for the log.

    Where the private files are stands there only if they are not beside it, as usual: commands on
    this machine look there, and nobody else has to know.
    """
    hint: dict[str, object] = {
        "schema": HINT_SCHEMA,
        "origin": origin,
        "epoch": origin.rpartition("/")[2],
        "vkeys": list(vkeys),
        "retention_days": retention_days,
    }
    if place.state.absolute() != locate(place.public.absolute()).state:
        hint["state"] = os.path.relpath(place.state, place.public)
    disk.write_whole(place.public / HINT, json.dumps(hint, indent=2).encode() + b"\n")


def read_note(place: Place) -> Noted | None:
    """Return the writer's note, or None if there is none that can be read."""
    # The release before the tree kept it in head.json.
    return _read(place.state / NOTE, Noted) or _read(place.state / HEAD, Noted)


def write_note(place: Place, noted: Noted) -> None:
    """Write the writer's note durably. Raises OSError."""
    disk.write_whole(place.state / NOTE, msgspec.json.encode(noted), 0o600)


def read_head(place: Place) -> Head | None:
    """Return the tree's head, or None if there is none that can be read."""
    return _read(place.state / HEAD, Head)


def write_head(place: Place, head: Head) -> None:
    """Write the tree's head durably. Raises OSError."""
    disk.write_whole(place.state / HEAD, msgspec.json.encode(head), 0o600)


def _read(path: Path, kind: type[_Any]) -> _Any | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def lock(place: Place) -> int:
    """Take the writer's lock; return its descriptor. Raises LogInUse or OSError."""
    path = place.state / "lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _take(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
        raise LogInUse(f"process {holder or 'unknown'} writes to it") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)


def _crockford(number: int, digits: int) -> str:
    return "".join(_CROCKFORD[number >> 5 * i & 31] for i in reversed(range(digits)))


def _number(text: str) -> int:
    """Return the number that `_crockford` wrote; other signs count as 0."""
    number = 0
    for digit in text:
        number = number << 5 | max(0, _CROCKFORD.find(digit))
    return number
