"""Where a published log is read from: a folder, or an address that serves one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

from exporters.audit import beneath, blobs
from exporters.audit.place import NOTE_BYTES

MAX_BYTES = blobs.MOST
"""A file may be this large; a full bundle has at most 16 MiB."""
MAX_SECONDS = 300.0
NOTE_SECONDS = 30.0
"""What a checkpoint may take, and other small files: a server decides when it is whole."""

_NOTE = re.compile(r"(.*/)?(checkpoint|checkpoints/[0-9]+|log\.json)")


class SourceError(Exception):
    """The log cannot be read: where, and why."""


class Source(Protocol):
    """Published files by their path in the log."""

    name: str

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        ...


class Folder:
    """A log on this machine: regular files in its folder, no larger than those of a served log."""

    def __init__(self, root: Path) -> None:
        self.root, self.name = root, str(root)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        try:
            return beneath.read(self.root, path, _most(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SourceError(f"{error.filename or self.root / path}: {error.strerror}") from error


class Web:
    """A log at an http(s) address; `token` is sent as a bearer token.

    A context manager: its connections are closed at the end.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        from exporters.bounded_http import FAILURES, BoundedClient

        self._base, self.name = url.rstrip("/") + "/", url
        self._client = BoundedClient({"Authorization": f"Bearer {token}"} if token else {})
        self._failures = FAILURES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        url = self._base + path
        most = _most(path)
        seconds = NOTE_SECONDS if most == NOTE_BYTES else MAX_SECONDS
        try:
            answer = self._client.ask("GET", url, seconds=seconds, most=most)
        except self._failures as error:
            raise SourceError(f"{url}: {str(error) or type(error).__name__}") from error
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise SourceError(f"{url}: {_meaning(answer.status)}")
        return answer.body


class Part:
    """The files of another source below `prefix`: an older epoch's."""

    def __init__(self, whole: Source, prefix: str) -> None:
        self.whole, self.prefix = whole, prefix
        self.name = f"{whole.name}/{prefix}"

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        return self.whole.read(self.prefix + path)


def _most(path: str) -> int:
    return MAX_BYTES if _NOTE.fullmatch(path) is None else NOTE_BYTES


def is_address(place: str) -> bool:
    """Tell whether `place` is an http(s) address; other text is a folder, or nothing at all."""
    try:
        parts = urlsplit(place)
        # Only asked for, the port is looked at.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _meaning(status: int) -> str:
    if status in (401, 403):
        return f"status {status}: a token is needed, or this one is not accepted (--token-file)"
    return f"status {status}"
