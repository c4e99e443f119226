"""Brings what is durable in the write-ahead log into the tree, on a thread of its own.

Nothing waits for it: a record is acknowledged before, and published some seconds after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from exporters.audit import disk
from exporters.audit.log_tree import LogTree
from exporters.audit.opening import Opened
from exporters.audit.place import Place
from exporters.audit.publishing import Cosign, publish
from exporters.audit.tree_files import TreeDamaged
from exporters.audit.wal import WalError
from exporters.audit.wal_reader import WalReader
from exporters.log import RateLimited, clean_text, get_logger

MOST_AT_ONCE = 16_384
"""Records between two checkpoints at most, so that a long way is not begun anew after a failure."""

_log = RateLimited(get_logger(__name__))

Broken = (TreeDamaged, disk.Differs, WalError)
"""What no second attempt can mend."""


class Publisher:
    """Publishes one epoch.  `wake` asks for it, `publish` does it here and now.

    `ahead` is asked once, before anything is signed, what others know of the log: the answer says
    why it must not be continued.  `told` is called with every new checkpoint, on whichever thread
    made it.  `chore` is done once, after that; it is asked to end early when its argument returns
    False.  `broken` says why nothing can be published any more, `problem` what went wrong the
    last time; both may be read from any thread.
    """

    def __init__(
        self,
        at: Place,
        log: Opened,
        cosign: Cosign,
        told: Callable[[LogTree, bytes], None],
        ahead: Callable[[bytes], str | None] = lambda _: None,
    ) -> None:
        self.broken: str | None = None
        self.problem: str | None = None
        self.chore: Callable[[Callable[[], bool]], object] | None = None
        self._at, self._log, self._cosign, self._told = at, log, cosign, told
        self._ahead: Callable[[bytes], str | None] | None = ahead
        self._tree, self._shown = log.tree, False
        self._reader = WalReader(log.wal.directory)
        self._working = threading.Lock()
        self._woken = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    @property
    def size(self) -> int:
        """How many records are published."""
        return self._tree.size

    def start(self) -> None:
        """Begin to wait for `wake`."""
        self._thread = threading.Thread(target=self._run, name="audit-tree", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Publish soon what is durable by then."""
        self._woken.set()

    def publish(self) -> None:
        """Publish what is durable now, and return when it is exposed.

        Raises one of `Broken`, or OSError: then it may be tried again.
        """
        with self._working:
            while self._tree.size < self._log.wal.size and self.broken is None:
                self._advance()

    def stop(self, timeout: float) -> None:
        """End the thread; what it is doing is finished, if that takes no longer than `timeout`."""
        self._ending = True
        self._woken.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(max(0.1, timeout))

    def attempt(self) -> None:
        """Publish; what goes wrong is kept in `problem` or `broken` instead of raised."""
        try:
            self.publish()
        except Broken as error:
            self.broken = clean_text(str(error))
            _log.log("error", "audit_tree_broken", problem=self.broken)
        except OSError as error:
            self.problem = clean_text(str(error))
            _log.log("warning", "audit_publish_failed", problem=self.problem)
        else:
            if self.problem is not None:
                self.problem = None
                _log.forget("audit_publish_failed")
                _log.log("info", "audit_publish_recovered", size=self.size)
        self._do_chore()

    def _do_chore(self) -> None:
        chore, self.chore = self.chore, None
        if chore is not None and not self._ending:
            try:
                chore(lambda: not self._ending)
            except OSError as error:
                _log.log("warning", "audit_chore_failed", problem=clean_text(str(error)))

    def _run(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._ending:
                return
            self.attempt()

    def _ask_others(self) -> None:
        """See that nobody knows of a longer log: then this one is an older copy put back."""
        shown = self._log.files.checkpoint()
        if self._ahead is not None and shown is not None:
            problem = self._ahead(shown)
            if problem is not None:
                raise TreeDamaged(problem)
        self._ahead = None

    def _advance(self) -> None:
        if self._ahead is not None:
            self._ask_others()
        log, start = self._log, self._tree.size
        log.files.require_right_edge(start)
        if self._shown and log.files.checkpoint() is None:
            raise TreeDamaged("checkpoint is missing")
        end = min(log.wal.size, start + MOST_AT_ONCE)
        grown = self._tree.grow(self._reader.read(start, end))
        content = publish(self._at, log.files, log.origin, grown, log.signer, self._cosign)
        self._tree, self._shown = grown, True
        self._told(grown, content)
