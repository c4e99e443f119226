"""The published log over HTTP: its files as they are, to whoever has the token, and nothing else.

    checkpoint  tile/...  checkpoints/<size>  blobs/<sha256>  log.json  epochs/<ULID>/...
    checkpoints/     the sizes of the checkpoints that are kept, one in a line

A path is served if it is exactly of one of these forms; so no other file can be asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.audit.format import tiles
from exporters.audit.read.files import kept_sizes, read_tile
from exporters.audit.read.source import Folder, Part, Source, SourceError

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
JSON = "application/json"
NOW = "no-cache"
FOREVER = "private, max-age=31536000, immutable"
"""What is written once never changes; `private`, since it is for holders of the token."""

_EPOCH = re.compile(r"epochs/[0-9A-HJKMNP-TV-Z]{26}/")
_BLOB = re.compile(r"blobs/[0-9a-f]{64}")
_KEPT = re.compile(r"checkpoints/[0-9]{20}")


class Found(NamedTuple):
    """A file to be sent."""

    content: bytes
    type: str
    caching: str


def application(directory: Path, token: str, prefix: str = "/audit") -> Starlette:
    """Return an ASGI application that serves the log in `directory` below `prefix`."""
    whole = Folder(directory)
    wanted = _digest(token)

    def answer(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(given.strip()), wanted):
            return _refusal(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        try:
            found = find(whole, request.path_params["path"])
        except SourceError:
            return _refusal(503, "the file cannot be read now; try again")
        if found is None:
            return _refusal(404, "there is no such file in the log")
        headers = {"Cache-Control": found.caching, "X-Content-Type-Options": "nosniff"}
        return Response(found.content, media_type=found.type, headers=headers)

    route = Route(f"{prefix}/{{path:path}}", answer, methods=["GET"])
    return Starlette(routes=[route])


def find(source: Source, path: str) -> Found | None:
    """Return the public file at `path`, None if there is none. Raises `SourceError`.

    A partial tile or bundle that a wider one has replaced is made from that.
    """
    epoch = _EPOCH.match(path)
    if epoch is not None:
        return _find_in(Part(source, epoch[0]), path[epoch.end() :], None)
    return _find_in(source, path, source)


def _find_in(source: Source, path: str, blobs: Source | None) -> Found | None:
    tile = tiles.parse_path(path)
    if tile is not None:
        return _found(read_tile(source, tile), BYTES, FOREVER)
    if path == "checkpoint":
        return _found(source.read(path), TEXT, NOW)
    if path == "checkpoints/":
        sizes = kept_sizes(source)
        return Found("".join(f"{size}\n" for size in sizes).encode(), TEXT, NOW)
    if path == "log.json":
        return _found(_hint(source.read(path)), JSON, NOW)
    if _KEPT.fullmatch(path):
        return _found(source.read(path), TEXT, FOREVER)
    if blobs is not None and _BLOB.fullmatch(path):
        return _found(blobs.read(path), BYTES, FOREVER)
    return None


def _hint(content: bytes | None) -> bytes | None:
    """Leave out where the private files are: that is for commands on the log's own machine."""
    try:
        hint = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return None
    if isinstance(hint, dict) and hint.pop("state", None) is not None:
        return json.dumps(hint, indent=2).encode() + b"\n"
    return content


def _found(content: bytes | None, kind: str, caching: str) -> Found | None:
    return None if content is None else Found(content, kind, caching)


def _refusal(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{text}\n", status, {"Cache-Control": "no-store", **(headers or {})}, TEXT)


def _digest(token: str) -> bytes:
    # Compared by digest, so that the time taken tells nothing of the token's length either.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
