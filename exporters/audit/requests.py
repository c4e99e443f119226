"""What a command did to the log's files, for the running agent to record.

Only the writer may append, so a command leaves a request in the private state; the agent records
it at once, or at its next start, and removes it.  A request to record that a key was destroyed is
there before the key is: whoever finds it destroys what is left, and so neither is done alone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from exporters.audit import disk, vault
from exporters.audit.place import Place
from exporters.audit.types import RECORDS
from exporters.audit.writer import LogWriter
from exporters.base import Numbered
from exporters.log import get_logger
from policies.model import Notice

FOLDER = "requests"
ERASURE = "privacy.erasure"
DISCLOSURE = "privacy.disclosure"
NAMES = ("export.made", ERASURE, DISCLOSURE)

_log = get_logger(__name__)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record to be written: its name, its id, when (epoch seconds), what it says.

    `destroy` is what has to be gone before it says so.
    """

    name: str
    id: str
    time: int
    data: dict[str, Any]
    destroy: vault.Target | None = None


def ask(state: Path, name: str, now: float, data: dict[str, Any]) -> None:
    """Leave a request durably. Raises OSError; ValueError for what could not be recorded."""
    require(name, data)
    _leave(state, Request(name=name, id=_fresh(name), time=int(now), data=data))


def require(name: str, data: dict[str, Any]) -> None:
    """Raise ValueError for what could not be recorded."""
    if name not in NAMES:
        raise ValueError(f"no command may ask for a record {name!r}")
    msgspec.convert(data, RECORDS[name])


def erase(at: Place, now: float, found: Sequence[tuple[vault.Target, dict[str, Any]]]) -> None:
    """Destroy each target, once it is durably noted what is to be recorded of it.

    Raises ValueError before anything is done; OSError: then the agent does what is missing.
    """
    for _, data in found:
        require(ERASURE, data)
    for target, data in found:
        # The same target has the same name: asked for again, it is recorded once.
        name = hashlib.sha256(f"{target.path} {target.key}".encode()).hexdigest()[:32]
        request = Request(
            name=ERASURE, id=f"{ERASURE}/{name}", time=int(now), data=data, destroy=target
        )
        _leave(at.state, request)
    vault.destroy(at.state, at.public, [target for target, _ in found])


def _fresh(name: str) -> str:
    return f"{name}/{secrets.token_hex(16)}"


def _leave(state: Path, request: Request) -> None:
    disk.make_directory(state / FOLDER, 0o700)
    path = state / FOLDER / f"{request.id[-32:]}.json"
    disk.write_whole(path, msgspec.json.encode(request), 0o600)


def record_all(at: Place, writer: LogWriter) -> None:
    """Record what was asked for. Raises OSError or WalError; then it is tried again."""
    for path, request in _pending(at.state):
        if request is not None:
            if request.destroy is not None:
                vault.destroy(at.state, at.public, [request.destroy])
            notice = Notice(
                name=request.name,
                id=request.id,
                time=request.time,
                system=None,
                data=request.data,
            )
            writer.add_items([Numbered(0, notice)])
        path.unlink()


def _pending(state: Path) -> Iterator[tuple[Path, Request | None]]:
    folder = state / FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.json")):
        try:
            request = msgspec.json.decode(path.read_bytes(), type=Request)
            known = request.name in NAMES
        except msgspec.MsgspecError:
            known = False
        if not known:
            _log.error("audit_request_refused", file=path.name)
        yield path, request if known else None
