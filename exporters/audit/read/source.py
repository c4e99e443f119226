"""Where a published log is read from: a folder, or an address that serves one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30.0
MAX_BYTES = 64 << 20
"""A served file may be this large; a full bundle has at most 16 MiB."""


class SourceError(Exception):
    """The log cannot be read: where, and why."""


class Source(Protocol):
    """Published files by their path in the log."""

    name: str

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        ...


class Folder:
    """A log on this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.name = root, str(root)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SourceError(f"{self.root / path}: {error.strerror}") from error


class Web:
    """A log at an http(s) address; `token` is sent as a bearer token.

    A context manager: its connections are closed at the end.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        import httpx

        headers = {"Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._base, self.name = url.rstrip("/") + "/", url
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS)
        self._error = httpx.HTTPError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        try:
            with self._client.stream("GET", self._base + path) as answer:
                if answer.status_code == 404:
                    return None
                if answer.status_code != 200:
                    raise SourceError(f"{self._base}{path}: {_meaning(answer.status_code)}")
                return self._body(path, answer.iter_bytes())
        except self._error as error:
            raise SourceError(
                f"{self._base}{path}: {str(error) or type(error).__name__}"
            ) from error

    def _body(self, path: str, chunks: Iterator[bytes]) -> bytes:
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > MAX_BYTES:
                raise SourceError(f"{self._base}{path}: more than {MAX_BYTES} bytes")
        return bytes(body)


class Part:
    """The files of another source below `prefix`: an older epoch's."""

    def __init__(self, whole: Source, prefix: str) -> None:
        self.whole, self._prefix = whole, prefix
        self.name = f"{whole.name}/{prefix}"

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file. Raises `SourceError`."""
        return self.whole.read(self._prefix + path)


def is_address(place: str) -> bool:
    """Tell whether `place` is an http(s) address; other text is a folder."""
    return urlsplit(place).scheme in ("http", "https")


def _meaning(status: int) -> str:
    if status in (401, 403):
        return f"status {status}: a token is needed, or this one is not accepted (--token-file)"
    return f"status {status}"
