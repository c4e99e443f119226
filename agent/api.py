"""The API port: the audit log, read-only, to whoever has the token.  Off unless configured."""

from __future__ import annotations

import logging
import os
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agent.config.api import Api as Options
from exporters.base import ExportError

if TYPE_CHECKING:
    import uvicorn

MIN_TOKEN = 16
BACKLOG = 64

_log = structlog.get_logger("agent.api")


class Api:
    """Serves on its own thread from `start` to `stop`."""

    def __init__(self, options: Options, folder: Path, audit: Path) -> None:
        """`folder` is where relative paths start, `audit` the published log."""
        self._options, self._folder, self._audit = options, folder, audit
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = options.port

    def start(self) -> None:
        """Read the token, take the port, begin to answer. Raises `ExportError`."""
        import uvicorn

        from agent.api_connections import REQUEST_SECONDS, Protocol
        from exporters.audit.serving import application

        # A warning is a client's malformed request: anybody could fill the log with them.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        token = read_token(self._folder / self._options.token_file)
        cert, key = self._tls()
        listening = self._listen()
        config = uvicorn.Config(
            application(self._audit, token),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ssl_certfile=cert,
            ssl_keyfile=key,
            # Those whose sockets and times are bounded; others may be installed, too.
            loop="asyncio",
            http=Protocol,
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=int(REQUEST_SECONDS),
        )
        try:
            config.load()
        except (OSError, ValueError) as error:
            listening.close()
            why = f"api: the certificate cannot be used: {error}"
            raise ExportError(why, retry=False) from error
        self.port = int(listening.getsockname()[1])
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="api", daemon=True
        )
        self._thread.start()
        _log.info("api_listening", host=self._options.host, port=self.port)

    def stop(self, timeout: float) -> None:
        """Stop answering; safe twice."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is None or thread is None:
            return
        server.should_exit = True
        end = time.monotonic() + timeout
        thread.join(max(0.0, min(timeout / 2, 5.0)))
        server.force_exit = True
        thread.join(max(0.0, end - time.monotonic()))

    def _listen(self) -> socket.socket:
        from agent.api_connections import Listening, most_connections

        host, port = self._options.host, self._options.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = Listening(family, socket.SOCK_STREAM)
        listening.most = most_connections()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            what = os.strerror(error.errno) if error.errno else str(error)
            raise ExportError(
                f"api cannot listen on {host}:{port}: {what}. Stop what listens there, or set "
                "another `api.port`.",
                retry=False,
            ) from error
        return listening

    def _tls(self) -> tuple[str | None, str | None]:
        cert, key = self._options.cert_file, self._options.key_file
        if cert is None or key is None:
            return None, None
        return str(self._folder / cert), str(self._folder / key)


def read_token(path: Path) -> str:
    """Return the token in a file, and warn if others can read it, too.

    Raises `ExportError` if there is none worth the name.
    """
    try:
        token = path.read_text(encoding="ascii").strip()
        exposed = path.stat().st_mode & stat.S_IROTH
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not ASCII"
        raise ExportError(f"api.token_file {path}: {why}", retry=False) from error
    if len(token) < MIN_TOKEN or any(c <= " " for c in token):
        raise ExportError(
            f"api.token_file {path} must hold one token of {MIN_TOKEN} characters or more, for "
            "example from: openssl rand -hex 32",
            retry=False,
        )
    if exposed:
        _log.warning(
            "api_token_exposed",
            file=str(path),
            problem="every user of this machine can read the token: chmod o-r, and take a new one",
        )
    return token
