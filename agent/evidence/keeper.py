"""Keeps samples for their time and has reports of breaches rendered, on a thread of its own.

Nothing of it can hold the agent up: what fails is counted, told, and noted beside the sample.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.config.model import Evidence
from agent.evidence.child import Child, End, Limits
from agent.evidence.cite import Found
from agent.evidence.compare import NothingToCompareError, Origin, reference_of, write_question
from agent.evidence.folder import Entry, Failure, Folder
from agent.evidence.sample import decode
from exporters.agent_metrics import AgentMetrics
from exporters.deadline import Deadline
from exporters.log import RateLimited, get_logger
from policies.model import Notice, rfc3339

_logger = get_logger(__name__)

LOOK_EVERY = 30.0
"""Seconds between two looks for what has expired, was erased, or can be tried again."""

_LATER: tuple[End, ...] = ("no_memory", "stopped")
"""Ends after which rendering is tried again."""

INSTALL = "install Evidently (`pip install 'pantau[evidence]'`) or set `evidence.python` to an "
INSTALL += "interpreter that has it"


class Keeper:
    """`keep`, `told`, `committed` are the pipeline's thread's; `start`, `stop`, `idle` the main's.

    `references`: by system where its reference's sample is, if it has a reference.
    """

    def __init__(
        self,
        options: Evidence,
        folder: Folder,
        metrics: AgentMetrics,
        *,
        references: Mapping[str, Origin | None],
        child: Child | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options, self._folder, self._metrics = options, folder, metrics
        self._references, self._clock = references, clock
        python = options.python or Path(sys.executable)
        limits = Limits(options.memory_mb, options.free_mb, options.timeout)
        self._child = child or Child(python, limits)
        self._log = RateLimited(_logger)
        self._told: deque[Notice] = deque()
        self._erased: dict[str, str] = {}
        self._handed: list[str] = []
        self._wake, self._idle = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)
        # Now, and never beside a `keep`, whose half-made folder looks the same.
        folder.sweep()

    def keep(self, found: Sequence[Found]) -> None:
        """Keep the samples of windows that have just been judged; never raises."""
        for one in found:
            try:
                self._folder.keep(one, int(self._clock()))
            except OSError as error:
                self._failed_to_keep(error)
        if found:
            with self._lock:
                self._idle.clear()
                self._wake.set()

    def told(self) -> list[Notice]:
        """Return what happened since the last call, for the audit log.

        Once these are durable, `committed` is to be called.
        """
        notices = []
        while self._told:
            notices.append(self._told.popleft())
        with self._lock:
            self._handed += [n.id for n in notices if n.id in self._erased]
        return notices

    def committed(self) -> None:
        """Take note that all that `told` has returned is durable; never raises.

        A note that cannot be removed is tried again; its erasure has the same id at the next start,
        by which the log knows it.
        """
        with self._lock:
            while self._handed:
                try:
                    self._folder.forget_erased(self._erased[self._handed[-1]])
                except OSError as error:
                    self._failed_to_keep(error)
                    return
                del self._erased[self._handed.pop()]

    def start(self) -> None:
        """Begin; what an earlier run left is taken up."""
        self._wake.set()
        self._thread.start()

    def idle(self, timeout: float) -> bool:
        """Wait until nothing is left to render; False after `timeout` seconds."""
        return self._idle.wait(timeout)

    def stop(self, deadline: Deadline) -> None:
        """Kill what is being rendered and end; safe without `start`, and twice."""
        self._stopping = True
        self._wake.set()
        self._child.stop()
        if self._thread.ident is not None:
            self._thread.join(deadline.remaining())

    # The thread.

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(LOOK_EVERY)
            self._wake.clear()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - evidence must not end anything else
                self._failed_to_keep(error)
            with self._lock:
                if not self._wake.is_set():
                    self._idle.set()

    def look(self) -> None:
        """Remove what has expired, tell what was erased, render what is waiting, newest first."""
        self._tell_erased()
        self._expire()
        for entry in reversed(self._folder.entries()):
            if self._stopping:
                return
            waiting = entry.rules and not self._folder.report(entry.digest)
            if waiting and self._folder.failure(entry.digest) is None:
                self._render(entry)

    def _tell_erased(self) -> None:
        with self._lock:
            known = set(self._erased.values())
        for digest in self._folder.erased():
            if digest not in known:
                data = {"what": "evidence", "evidence": digest}
                notice = self._notice("privacy.erasure", digest, None, data)
                with self._lock:
                    self._erased[notice.id] = digest
                    self._told.append(notice)

    def _expire(self) -> None:
        """Keep what is young enough, of that the newest, and one window each to compare with."""
        oldest = self._clock() - self._options.ttl
        compared: set[tuple[str, str]] = set()
        gone = 0
        newest = sorted(self._folder.entries(), key=lambda e: e.window.end, reverse=True)
        for kept, entry in enumerate(newest, start=1):
            key = (entry.system, entry.window.length)
            superseded = not entry.rules and key in compared
            if not entry.rules:
                compared.add(key)
            if entry.made < oldest or superseded or kept > self._options.max_windows:
                self._folder.remove(entry.digest)
                gone += not superseded
        if gone:
            _logger.info("evidence_expired", windows=gone)

    def _render(self, entry: Entry) -> None:
        with self._folder.working() as work:
            end, words, against = self._ask(entry, work)
            if end == "made":
                self._folder.put_report(entry.digest, work)
        if end == "stopped":
            return
        self._metrics.evidence(end)
        if end == "made":
            _logger.info("evidence_made", system=entry.system, evidence=entry.digest)
        else:
            self._warn(entry, end, words)
            if end not in _LATER:
                self._folder.fail(entry.digest, Failure(end, words))
        if end not in _LATER:
            self._tell_made(entry, end, against)

    def _ask(self, entry: Entry, work: Path) -> tuple[End, str, str | None]:
        try:
            current = decode(self._folder.sample(entry.digest))
            origin = self._references.get(entry.system)
            reference, against = reference_of(self._folder, entry, origin)
            if not write_question(work, current, reference):
                return "failed", "the two samples have no column in common", against
        except (OSError, msgspec.MsgspecError, NothingToCompareError) as error:
            return "failed", str(error), None
        end, words = self._child.run(work)
        if end == "made" and not all((work / n).exists() for n in ("report.html", "report.json")):
            return "failed", "the renderer wrote no report", against
        return end, words, against

    def _warn(self, entry: Entry, end: End, words: str) -> None:
        # What a library says of a failure may quote values: it stays beside the sample.
        advice = INSTALL if end == "not_installed" else str(self._folder.place(entry.digest))
        self._log.log(
            "warning", "evidence_failed", key=end, system=entry.system, why=end, see=advice
        )
        del words

    def _tell_made(self, entry: Entry, end: End, against: str | None) -> None:
        files = self._folder.report(entry.digest)
        data: dict[str, Any] = {
            "evidence": entry.digest,
            "result": end,
            "window": {
                "start": rfc3339(entry.window.start),
                "end": rfc3339(entry.window.end),
                "length": entry.window.length,
            },
            "rules": list(entry.rules),
        }
        if against is not None:
            data["against"] = against
        if files:
            data |= {"html": files["report.html"], "json": files["report.json"]}
        self._told.append(self._notice("evidence.made", entry.digest, entry.system, data))

    def _notice(self, name: str, digest: str, system: str | None, data: dict[str, Any]) -> Notice:
        at = int(self._clock())
        mark = digest.removeprefix("sha256:")[:32]
        return Notice(name=name, id=f"{name}/{mark}", time=at, system=system, data=data)

    def _failed_to_keep(self, error: Exception) -> None:
        self._metrics.evidence("not_kept")
        what = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        self._log.log("error", "evidence_not_kept", folder=str(self._folder.path), error=what)
