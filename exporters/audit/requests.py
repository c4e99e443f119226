"""What a command did to the log's files, for the running agent to record.

Only the writer may append, so a command leaves a request in the private state; the agent records
it at once, or at its next start, and removes it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from exporters.audit import disk
from exporters.audit.place import Place
from exporters.audit.types import RECORDS
from exporters.audit.writer import LogWriter
from exporters.base import Numbered
from exporters.log import get_logger
from policies.model import Notice

FOLDER = "requests"
NAMES = ("export.made", "privacy.erasure")

_log = get_logger(__name__)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record to be written: its name, its id, when (epoch seconds), what it says."""

    name: str
    id: str
    time: int
    data: dict[str, Any]


def ask(state: Path, name: str, now: float, data: dict[str, Any]) -> None:
    """Leave a request durably. Raises OSError; ValueError for what could not be recorded."""
    if name not in NAMES:
        raise ValueError(f"no command may ask for a record {name!r}")
    msgspec.convert(data, RECORDS[name])
    request = Request(name=name, id=f"{name}/{secrets.token_hex(16)}", time=int(now), data=data)
    disk.make_directory(state / FOLDER, 0o700)
    disk.write_whole(state / FOLDER / f"{request.id[-32:]}.json", msgspec.json.encode(request))


def record_all(at: Place, writer: LogWriter) -> None:
    """Record what was asked for. Raises OSError or WalError; then it is tried again."""
    for path, request in _pending(at.state):
        if request is not None:
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
