"""Writes the audit log: every report, alert and notice as a durable record, once."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from exporters.audit import blobs, disk, place, requests, unnamed, upkeep
from exporters.audit.believed import Believed
from exporters.audit.liveness import Liveness
from exporters.audit.opening import Opened, Terms, WrongOrigin, open_log
from exporters.audit.options import AuditOptions
from exporters.audit.outlets import Outlets
from exporters.audit.publisher import Publisher
from exporters.audit.record import Draft
from exporters.audit.retention import DAY
from exporters.audit.room import FULL, Room
from exporters.audit.wal import WalError, drop_published
from exporters.audit.witness import Witness, Witnesses
from exporters.audit.writer import LogWriter
from exporters.base import ExportError, Numbered, Standing
from exporters.context import Context
from exporters.log import get_logger

NOTE_EVERY_SECONDS = 10.0
TIDY_EVERY_SECONDS = 3_600.0

_log = get_logger(__name__)


class AuditExporter:
    """The audit log as an exporter: an item is durable in the log when `export` returns."""

    name = "audit"
    required = True
    takes_withheld = True

    def __init__(self, options: AuditOptions, context: Context) -> None:
        self._options, self._context = options, context
        public = (context.base / options.path).absolute()
        state = None if options.state is None else (context.base / options.state).absolute()
        self._place = place.locate(public, state)
        self._liveness = Liveness(context, options.heartbeat)
        self._room = Room(self._place.state, options.ballast_mb << 20)
        self._writer = LogWriter(self._place, context, self._liveness, self._room)
        self._outlets = Outlets(options, context)
        self._lock: int | None = None
        self._publisher: Publisher | None = None
        self._noted_at = self._noted_size = 0.0
        self._published_at = float("-inf")
        self._tidied_at = 0.0

    def check(self) -> str:
        """Say where the log is, how long, and how much room there is."""
        public = self._place.public
        parent = next(p for p in (public, *public.parents) if p.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            raise ExportError(f"audit log {public}: {parent} is not a directory one can write to")
        noted = place.read_note(self._place)
        known = "a new log" if noted is None else f"{noted.size} records or more"
        free = shutil.disk_usage(parent).free / 2**30
        return f"audit log {public}: {known}, {free:.1f} GiB free"

    def start(self, standing: Standing) -> None:
        """Take the lock, find the end of the log, and say in it how the last run ended."""
        del standing
        try:
            disk.make_directory(self._place.state, 0o700)
            disk.make_directory(self._place.wal, 0o700)
            self._lock = place.lock(self._place)
            self._room.take()
            self._open()
        except place.LogInUse as error:
            raise ExportError(
                f"audit log {self._place.public}: {error}; one agent writes one log, so stop the "
                "other or give this one its own `path`",
                retry=False,
            ) from error
        except WrongOrigin as error:
            raise ExportError(
                f"audit log {self._place.public} belongs to {error}, but `origin` is "
                f"{self._options.origin}: give it another `path`, or the old `origin`",
                retry=False,
            ) from error
        except (OSError, WalError) as error:
            raise self._failure(error) from error

    def export(self, items: Sequence[Numbered]) -> None:
        """Append what is not in the log yet, and return when it is on the disk."""
        try:
            self._reopen()
            self._writer.add_items(items)
        except (OSError, WalError) as error:
            raise self._failure(error) from error

    def tick(self, now: float) -> None:
        """Do what is due: heartbeats, clock steps, keys, epochs, room, the next checkpoint."""
        del now
        try:
            self._reopen()
            # What was left out is told before a heartbeat that counts from there.
            self._writer.look_for_room()
            self._say(self._liveness.due())
            if self._monotonic() - self._noted_at >= NOTE_EVERY_SECONDS:
                self._write_note(clean=False)
            requests.record_all(self._place, self._writer)
            self._look_after()
        except (OSError, WalError) as error:
            raise self._failure(error) from error
        self._publish_if_due()

    def stop(self, timeout: float) -> None:
        """Publish what is durable, note that the writer stopped in order, give the lock back."""
        complete = self._writer.finish()
        self._stop_publishing(timeout, finish=True)
        with suppress(OSError):
            if self._writer.log is not None:
                self._write_note(clean=complete)
        self._close()
        self._outlets.close(timeout)
        fd, self._lock = self._lock, None
        if fd is not None:
            self._room.give()
            with suppress(OSError):
                os.close(fd)

    # Opening and closing an epoch.

    def _open(self, broken: str | None = None) -> None:
        disk.make_directory(self._place.public / blobs.FOLDER)
        terms = Terms(
            origin=self._options.origin,
            default=default_origin(self._context),
            writer=f"pantau {self._context.agent_version}",
            now=self._context.clock(),
            segment_bytes=self._options.segment_mb << 20,
            retention_days=self._options.retention // DAY,
            seal=self._writer.seal_last,
            broken=broken,
        )
        log, seen = open_log(self._place, terms)
        self._writer.begin(log, seen)
        self._writer.add(log.first)
        self._writer.take_over()
        self._write_hint(log)
        self._write_note(clean=False)
        for draft in log.first:
            if draft.name == "log.gap":
                _log.error("audit_log_has_a_gap", problem=draft.data["reason"])
        self._tidied_at = self._monotonic()
        given = [Witness(w.url, w.vkey) for w in self._options.witnesses]
        witnesses = Witnesses(given, log.files, self._outlets.witness_answered)
        ahead = partial(
            witnesses.ahead, keys=log.signer.vkeys, believed=Believed(self._place.state)
        )
        self._publisher = Publisher(self._place, log, witnesses.cosign, self._outlets.tell, ahead)
        self._publisher.start()

    def _reopen(self) -> None:
        """Open the next epoch, if the one before it was ended and something failed since."""
        if self._lock is not None and self._publisher is None:
            self._close()
            self._open()

    def _next_epoch(self, broken: str | None) -> None:
        """End the epoch: in order, or, if it is `broken`, as far as that can be."""
        self._stop_publishing(60.0, finish=broken is None)
        self._close()
        self._open(broken)

    def _stop_publishing(self, timeout: float, *, finish: bool) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.stop(timeout)
            if finish:
                publisher.attempt()

    def _close(self) -> None:
        log, self._writer.log = self._writer.log, None
        if log is not None:
            with suppress(OSError):
                log.wal.close()

    # What is due now and then.

    def _say(self, due: Sequence[Draft]) -> None:
        try:
            if any(draft.name == "heartbeat" for draft in due) and self._room.low():
                self._writer.withhold(draft for draft in due if draft.name == "heartbeat")
                due = [draft for draft in due if draft.name != "heartbeat"]
            if due or self._writer.missed:
                self._writer.add(due)
        except (OSError, WalError):
            self._writer.missed.update(draft.name for draft in due)
            raise

    def _look_after(self) -> None:
        now, log, publisher = self._context.clock(), self._writer.opened(), self._publisher
        changed = upkeep.replace_key(self._place, self._options, self._writer, now)
        published = 0 if publisher is None else publisher.size
        if changed or upkeep.forget_old_keys(log, published, now):
            self._write_hint(log)
        if publisher is not None and publisher.broken is not None:
            # What is published should not tell where on which machine it lies.
            self._next_epoch(publisher.broken.replace(f"{self._place.public}/", ""))
        elif upkeep.is_epoch_over(log, self._options, now):
            upkeep.end_epoch(self._place, self._writer, now, "its time is over")
            self._next_epoch(None)
        if self._monotonic() - self._tidied_at >= TIDY_EVERY_SECONDS:
            self._tidied_at = self._monotonic()
            self._room.take()
            drop_published(log.wal.directory, published)
            upkeep.delete_expired(self._place, self._options, self._writer, now)
            if publisher is not None and self._publisher is publisher and unnamed.due(self._place):
                publisher.chore = partial(unnamed.delete, self._place)
                publisher.wake()

    def _publish_if_due(self) -> None:
        publisher, now = self._publisher, self._monotonic()
        if publisher is not None and self._context.metrics is not None:
            self._context.metrics.audit_unpublished(self._writer.opened().wal.size - publisher.size)
        if publisher is None or now - self._published_at < self._options.checkpoint_every:
            return
        if self._writer.short_of_room:
            return  # the tree would use up the room that is left for records
        if publisher.size < self._writer.opened().wal.size:
            self._published_at = now
            publisher.wake()

    # Notes beside the log.

    def _write_hint(self, log: Opened) -> None:
        days = self._options.retention // DAY
        place.write_hint(self._place, log.origin, log.signer.vkeys, days)

    def _write_note(self, *, clean: bool) -> None:
        log = self._writer.opened()
        self._noted_at = self._monotonic()
        if clean or log.wal.size != self._noted_size:
            noted = place.Noted(
                epoch=log.epoch,
                origin=log.origin,
                size=log.wal.size,
                clean=clean,
                digests=log.digests,
                changes=log.changes,
            )
            place.write_note(self._place, noted)
            self._noted_size = log.wal.size

    def _opened(self) -> Opened:
        return self._writer.opened()

    def _monotonic(self) -> float:
        return self._context.monotonic_ns() / 1e9

    def _failure(self, error: OSError | WalError) -> ExportError:
        where = f"audit log {self._place.public}"
        if isinstance(error, OSError) and error.errno in FULL:
            return ExportError(
                f"{where}: the disk under {self._place.state} is full; make room: what is not "
                "written yet waits in the store"
            )
        return ExportError(f"{where}: {error}; what is not written yet waits in the store")


def default_origin(context: Context) -> str:
    """Return `<host>/<system>`, or `<host>/pantau` if the agent watches several systems."""
    system = context.systems[0].id if len(context.systems) == 1 else "pantau"
    parts = (socket.gethostname() or "localhost", system)
    return "/".join(re.sub(r"[^A-Za-z0-9._~-]+", "-", part) for part in parts)


def build(options: AuditOptions, context: Context) -> AuditExporter:
    """Return the exporter; relative paths start from the configuration's folder."""
    return AuditExporter(options, context)
