"""The application log: JSON lines on standard error, for people and log shippers.

Event names are past-tense snake case (`window_closed`, `delivery_failed`); what varies goes into
keys.  One line per window or per minute, never one per event.  Secrets and the credentials in
addresses are blanked; personal data is never passed in, and of an exception the calls are told
without its message.  This is not the audit log.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from exporters.defects import render

Level = Literal["debug", "info", "warning", "error"]

_SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|secret|token|authorization|credential|api_?key|private_?key)",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(r"_(file|path)$", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(\w://)[^/\s@'\"]+@")
_IN_TEXT = re.compile(
    r"((?:password|passphrase|secret|token|authorization)['\"]?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"
    r"(?:'[^']*'|\"[^\"]*\"|[^\s,;)}\]]+)",
    re.IGNORECASE,
)
_BLANK = "***"

_CHATTY = ("httpx", "httpcore", "kafka", "asyncio", "urllib3")
"""Libraries that tell each request or reconnect at `info`; they speak from `warning` on."""


def configure(
    level: Level = "info", format: Literal["json", "console"] = "json", stream: TextIO | None = None
) -> None:
    """Send structlog and the standard library's logging to `stream` (standard error).

    Call once, first thing in `main`; a second call replaces the first.  `console` is for people at
    a terminal; the keys are the same.
    """
    target = sys.stderr if stream is None else stream
    threshold = getattr(logging, level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.ExceptionRenderer(render),
        redact,
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(format, target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _CHATTY:
        quiet = threshold if level == "debug" else max(threshold, logging.WARNING)
        logging.getLogger(name).setLevel(quiet)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _renderer(format: str, target: TextIO) -> Processor:
    if format == "console":
        return structlog.dev.ConsoleRenderer(colors=target.isatty())
    return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module; `name` goes into the key `logger`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank the values of keys that name a secret, and credentials inside texts."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if key.startswith("_"):
        return value
    if _SECRET_KEY.search(key) and not _NOT_SECRET.search(key):
        return _BLANK
    if isinstance(value, Mapping):
        return {str(k): _clean(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean_text(str(value))


def clean_text(text: str) -> str:
    """Return `text` without the credentials of addresses and without `password=...` values."""
    return _IN_TEXT.sub(rf"\g<1>{_BLANK}", _IN_ADDRESS.sub(rf"\g<1>{_BLANK}@", text))


class RateLimited:
    """Logs the first line of each key at once, then at most one per `interval` seconds.

    A line that follows suppressed ones says how many: `suppressed`.  Thread-safe.  At most
    `max_keys` keys are remembered; the oldest is forgotten first.
    """

    def __init__(
        self,
        logger: structlog.stdlib.BoundLogger,
        *,
        interval: float = 60.0,
        max_keys: int = 1_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger, self._interval, self._max_keys = logger, interval, max_keys
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def log(self, level: Level, event: str, *, key: str = "", **fields: Any) -> bool:
        """Log `event` under `key` (the event's name if empty); tell whether a line was written."""
        suppressed = self._take(key or event)
        if suppressed is None:
            return False
        if suppressed:
            fields["suppressed"] = suppressed
        getattr(self._logger, level)(event, **fields)
        return True

    def forget(self, key: str) -> None:
        """Let the next line of `key` through at once: its trouble is over."""
        with self._lock:
            self._seen.pop(key, None)

    def _take(self, key: str) -> int | None:
        now = self._clock()
        with self._lock:
            last, suppressed = self._seen.get(key, (-float("inf"), 0))
            if now - last < self._interval:
                self._seen[key] = (last, suppressed + 1)
                return None
            self._seen.pop(key, None)
            while len(self._seen) >= self._max_keys:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = (now, 0)
            return suppressed
