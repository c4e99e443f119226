"""A small read-only HTTP server for pages made on request: metrics and health."""

from __future__ import annotations

import gzip
import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from exporters.log import RateLimited, get_logger

TEXT = "text/plain; charset=utf-8"

_MIN_GZIP = 1_024
_READ_TIMEOUT = 10.0
_SLOT_SECONDS = 0.2

_log = RateLimited(get_logger(__name__))


class Page(NamedTuple):
    """An answer: status code, content type and body."""

    status: int
    content_type: str
    body: bytes


Pages = Mapping[str, Callable[[], Page]]
"""What makes the page of each path; called on a thread per request."""


class HttpServer:
    """Serves `pages` to GET and HEAD on its own threads, at most `max_requests` at once.

    Nobody keeps others out: a request and its answer may take `max_seconds`, and when all threads
    are taken the connection that has one longest is closed for the newest.
    Answers are compressed for clients that accept gzip.  Other paths are 404 and name the paths
    there are, other methods 405; a page that raises is 500 and logged.  `port` 0 takes a free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        pages: Pages,
        *,
        max_requests: int = 32,
        max_seconds: float = 30.0,
    ) -> None:
        """Bind and listen; raises OSError."""
        self._server = _Server(host, port, pages, max_requests, max_seconds)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="http-server",
            daemon=True,
        )
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Stop answering and release the port; safe twice."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout)
            self._thread = None
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, host: str, port: int, pages: Pages, max_requests: int, max_seconds: float
    ) -> None:
        self.pages = pages
        self._max_seconds = max_seconds
        self._since: dict[socket.socket, float] = {}
        self._changing = threading.Lock()
        self._slots = threading.BoundedSemaphore(max_requests)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind; `::` answers IPv4 too."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the request a thread, the oldest's when all are busy; or hang up."""
        if not self._slots.acquire(blocking=False) and not self._slot_of_the_oldest():
            _log.log("warning", "request_refused", reason="too many requests at once")
            self.shutdown_request(request)
            return
        with self._changing:
            self._since[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._forget(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, then free the slot."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def service_actions(self) -> None:
        """Hang up on those who take too long; called between requests, and ten times a second."""
        begun = time.monotonic() - self._max_seconds
        with self._changing:
            late = [request for request, since in self._since.items() if since < begun]
        for request in late:
            _hang_up(request)

    def _slot_of_the_oldest(self) -> bool:
        with self._changing:
            oldest = next(iter(self._since), None)
        if oldest is not None:
            _hang_up(oldest)
        return self._slots.acquire(timeout=_SLOT_SECONDS)

    def _forget(self, request: socket.socket) -> None:
        with self._changing:
            self._since.pop(request, None)
        self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is no event."""


def _hang_up(request: socket.socket) -> None:
    """Let the thread that reads or writes there come to its end."""
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    server_version = "pantau"
    sys_version = ""
    timeout = _READ_TIMEOUT

    def do_GET(self) -> None:
        self._answer(self._page())

    def do_HEAD(self) -> None:
        self._answer(self._page())

    def _refuse(self) -> None:
        page = Page(HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"only GET and HEAD are answered here\n")
        self._answer(page, {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815

    def _page(self) -> Page:
        path = urlsplit(self.path).path
        make = self.server.pages.get(path)
        if make is None:
            known = "".join(f"{known}\n" for known in self.server.pages)
            return Page(HTTPStatus.NOT_FOUND, TEXT, f"not found; there is:\n{known}".encode())
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - one page must not take the server down
            _log.log("error", "page_failed", key=path, path=path, error=type(error).__name__)
            return Page(HTTPStatus.INTERNAL_SERVER_ERROR, TEXT, b"internal error; see the log\n")

    def _answer(self, page: Page, headers: Mapping[str, str] | None = None) -> None:
        body = page.body
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Vary", "Accept-Encoding")
        if len(body) >= _MIN_GZIP and _accepts_gzip(self.headers.get("Accept-Encoding", "")):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: probes and scrapes are no events."""


def _accepts_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip (RFC 9110 §12.5.3)."""
    offers: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.strip().partition(";")
        name, _, weight = parameter.strip().partition("=")
        try:
            offers[coding.strip()] = float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            offers[coding.strip()] = 0.0
    return offers.get("gzip", offers.get("*", 0.0)) > 0.0
