"""Writes the audit log: every report, alert and notice as a durable record, once."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from exporters.audit import blobs, disk, place, types
from exporters.audit.liveness import Liveness
from exporters.audit.log_tree import LogTree
from exporters.audit.opening import Opened, Terms, WrongOrigin, digest_key, open_log
from exporters.audit.options import AuditOptions
from exporters.audit.publisher import Publisher
from exporters.audit.publishing import alone
from exporters.audit.record import CHANGES, Author, Draft, RecordRefused, change_id, drafts, seal
from exporters.audit.seen import Seen
from exporters.audit.wal import WalError
from exporters.base import ExportError, Numbered, Standing
from exporters.context import Context
from exporters.log import get_logger
from exporters.traced import recorded

NOTE_EVERY_SECONDS = 10.0
BATCH_BYTES = 4 << 20

_log = get_logger(__name__)


@dataclass(slots=True)
class _Batch:
    """Sealed records on their way to the disk, and what to note once they are there."""

    payloads: list[bytes] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    size: int = 0


class AuditExporter:
    """The audit log as an exporter: an item is durable in the log when `export` returns."""

    name = "audit"
    required = True

    def __init__(self, options: AuditOptions, context: Context) -> None:
        self._options, self._context = options, context
        public = (context.base / options.path).absolute()
        state = None if options.state is None else (context.base / options.state).absolute()
        self._place = place.locate(public, state)
        self._author = Author("", context.bootid, context.agent_version, context.config_digest)
        self._seen = Seen()
        self._missed: Counter[str] = Counter()
        self._liveness = Liveness(context, options.heartbeat)
        self._lock: int | None = None
        self._log: Opened | None = None
        self._publisher: Publisher | None = None
        self._noted_at = self._noted_size = 0.0
        self._published_at = float("-inf")

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
            batch = _Batch()
            for numbered in items:
                self._add_item(batch, numbered)
                if batch.size >= BATCH_BYTES:
                    self._append(batch)
                    batch = _Batch()
            self._append(batch)
        except (OSError, WalError) as error:
            raise self._failure(error) from error

    def tick(self, now: float) -> None:
        """Note a step of the clock, that the agent is alive, and how far the log has come."""
        del now
        due = self._liveness.due()
        try:
            if due or self._missed:
                self._append_own(due)
        except (OSError, WalError) as error:
            self._missed.update(draft.name for draft in due)
            raise self._failure(error) from error
        try:
            if self._monotonic() - self._noted_at >= NOTE_EVERY_SECONDS:
                self._write_note(clean=False)
        except OSError as error:
            raise self._failure(error) from error
        self._publish_if_due()

    def stop(self, timeout: float) -> None:
        """Publish what is durable, note that the writer stopped in order, give the lock back."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.stop(timeout)
            publisher.attempt()
        with suppress(OSError):
            if self._log is not None:
                self._write_note(clean=True)
        if self._log is not None:
            log, self._log = self._log, None
            with suppress(OSError):
                log.wal.close()
        fd, self._lock = self._lock, None
        if fd is not None:
            os.close(fd)

    def _open(self) -> None:
        disk.make_directory(self._place.public / blobs.FOLDER)
        disk.make_directory(self._place.state, 0o700)
        disk.make_directory(self._place.wal, 0o700)
        self._lock = place.lock(self._place)
        terms = Terms(
            origin=self._options.origin,
            default=default_origin(self._context),
            writer=f"pantau {self._context.agent_version}",
            now=self._context.clock(),
            segment_bytes=self._options.segment_mb << 20,
            retention_days=None,
            seal=self._seal_at,
        )
        log, self._seen = open_log(self._place, terms)
        self._log = log
        self._author = msgspec.structs.replace(self._author, origin=log.origin)
        self._append_own(log.first)
        place.write_hint(self._place, log.origin, log.signer.vkeys, terms.retention_days)
        self._write_note(clean=False)
        for draft in log.first:
            if draft.name == "log.gap":
                _log.error("audit_log_has_a_gap", problem=draft.data["reason"])
        self._publisher = Publisher(self._place, log, alone, self._told)
        self._publisher.start()

    # Publishing.

    def _publish_if_due(self) -> None:
        publisher = self._publisher
        if publisher is None:
            return
        if publisher.broken is not None:
            raise ExportError(f"audit log {self._place.public}: {publisher.broken}")
        now = self._monotonic()
        if now - self._published_at < self._options.checkpoint_every:
            return
        if publisher.size < self._opened().wal.size:
            self._published_at = now
            publisher.wake()

    def _told(self, tree: LogTree, content: bytes) -> None:
        """Take notice of a new checkpoint; called on the publisher's thread."""

    # Writing.

    def _add_item(self, batch: _Batch, numbered: Numbered) -> None:
        item = numbered.item
        try:
            records = drafts(item)
        except RecordRefused as error:
            self._refuse(batch, type(item).__name__.lower(), error)
            return
        for draft in records:
            traced = msgspec.structs.replace(draft, trace=numbered.trace)
            self._add(batch, traced if numbered.trace else draft)

    def _add(self, batch: _Batch, draft: Draft) -> None:
        """Seal a draft into the batch, unless it is in the log already."""
        if draft.id is not None and (draft.id in batch.ids or draft.id in self._seen):
            return
        try:
            prepared = self._prepare(batch, draft)
            if prepared is not None:
                self._seal(batch, prepared)
        except RecordRefused as error:
            self._refuse(batch, draft.name, error)

    def _refuse(self, batch: _Batch, name: str, error: RecordRefused) -> None:
        _log.error("audit_record_refused", record=name, problem=str(error))
        batch.refused[name[:100]] += 1

    def _prepare(self, batch: _Batch, draft: Draft) -> Draft | None:
        """Return the draft with only what its type lists; None if it says nothing new."""
        if draft.name not in types.RECORDS:
            raise RecordRefused(f"there is no record type {draft.name!r}")
        if draft.name in CHANGES:
            return self._prepare_change(batch, draft)
        return _only_listed(draft)

    def _prepare_change(self, batch: _Batch, draft: Draft) -> Draft | None:
        """Put the text into a blob and the digest that stood before into the record."""
        data = dict(draft.data)
        text = data.pop("text", None)
        system = data.get("system", draft.system)
        key = digest_key(draft.name, system)
        old = batch.digests.get(key, self._opened().digests.get(key))
        record_id = change_id(draft.id or "", old)
        if data.get("digest") == old or record_id in batch.ids or record_id in self._seen:
            return None
        if text is not None:
            content = text if isinstance(text, bytes) else str(text).encode()
            data |= {"blob": blobs.put(self._place.public, content), "bytes": len(content)}
        data |= {k: v for k, v in (("old", old), ("system", system)) if v is not None}
        batch.digests[key] = str(data.get("digest"))
        return _only_listed(msgspec.structs.replace(draft, id=record_id, data=data))

    def _seal(self, batch: _Batch, draft: Draft) -> None:
        log = self._opened()
        payload = self._seal_at(draft, log.origin, log.wal.size + len(batch.payloads))
        batch.payloads.append(payload)
        batch.drafts.append(draft)
        batch.size += len(payload)
        if draft.id is not None:
            batch.ids.add(draft.id)

    def _seal_at(self, draft: Draft, origin: str, seq: int) -> bytes:
        author = msgspec.structs.replace(self._author, origin=origin)
        return seal(
            draft,
            author,
            seq=seq,
            time=self._context.clock(),
            mono=self._context.monotonic_ns(),
        )

    def _append_own(self, records: Sequence[Draft]) -> None:
        batch = _Batch()
        for draft in records:
            self._seal(batch, draft)
        self._append(batch)

    def _append(self, batch: _Batch) -> None:
        """Make the batch durable, and with it a note of what is missing."""
        missed = self._missed + batch.refused
        if missed:
            data = {"reason": "not written: refused, or no room", "counts": dict(missed)}
            self._seal(batch, Draft(name="log.gap", id=None, data=data, sev="warning"))
        if not batch.payloads:
            return
        log = self._opened()
        began, started = time.time_ns(), time.perf_counter()
        log.wal.append(batch.payloads)
        recorded(self._context.tracer, [(d.trace, d.name, d.id) for d in batch.drafts], began)
        if self._context.metrics is not None:
            self._context.metrics.audit_appended(time.perf_counter() - started)
        self._missed.clear()
        log.digests.update(batch.digests)
        for record_id in batch.ids:
            self._seen.add(record_id)
        for draft in batch.drafts:
            self._liveness.note(draft)

    def _write_note(self, *, clean: bool) -> None:
        log = self._opened()
        self._noted_at = self._monotonic()
        if clean or log.wal.size != self._noted_size:
            noted = place.Noted(
                epoch=log.epoch,
                origin=log.origin,
                size=log.wal.size,
                clean=clean,
                digests=log.digests,
            )
            place.write_note(self._place, noted)
            self._noted_size = log.wal.size

    def _opened(self) -> Opened:
        if self._log is None:
            raise WalError("it is not open")
        return self._log

    def _monotonic(self) -> float:
        return self._context.monotonic_ns() / 1e9

    def _failure(self, error: OSError | WalError) -> ExportError:
        where = f"audit log {self._place.public}"
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
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


def _only_listed(draft: Draft) -> Draft:
    """Return the draft without the fields that its record type does not list."""
    withheld = draft.data.keys() - types.listed_fields(draft.name)
    if not withheld:
        return draft
    _log.error("audit_fields_withheld", record=draft.name, fields=sorted(withheld))
    kept = {key: value for key, value in draft.data.items() if key not in withheld}
    return msgspec.structs.replace(draft, data=kept)
