"""Appends records to the open epoch: each once, durable when the call returns.

When the disk is full, what matters least gives way first: heartbeats while room is low, then,
once it has been full for a while and the ballast is given up, the signals of windows.  Verdicts,
alerts, decisions and changes are written as long as a byte is left.  What gave way is counted,
and one `log.gap` says so when there is room again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import msgspec

from exporters.audit import blobs, record, salvage, seal, types, vault
from exporters.audit.jcs import canonical
from exporters.audit.liveness import Liveness
from exporters.audit.opening import KEY, Opened, digest_key
from exporters.audit.people import People
from exporters.audit.place import Place
from exporters.audit.record import (
    CHANGES,
    Author,
    Draft,
    RecordRefused,
    change_id,
    drafts,
    rfc3339_ms,
)
from exporters.audit.room import FULL, Room
from exporters.audit.seen import Seen
from exporters.audit.wal import WalError
from exporters.base import Numbered
from exporters.context import Context
from exporters.log import clean_text, get_logger
from exporters.traced import recorded
from policies.model import rfc3339

BATCH_BYTES = 4 << 20
FULL_FOR_SECONDS = 30.0
GIVES_WAY = ("window.signals", "window.restated")

_log = get_logger(__name__)


@dataclass(slots=True)
class Batch:
    """Sealed records on their way to the disk, and what to note once they are there."""

    payloads: list[bytes] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    size: int = 0
    told: bool = False
    """What was missing before is told of."""


class LogWriter:
    """Writes records into `log`, which may be replaced by the next epoch.

    `missed` are records that could not be written at all, until a gap record says so.
    """

    def __init__(self, at: Place, context: Context, liveness: Liveness, room: Room) -> None:
        self.log: Opened | None = None
        self.seen = Seen()
        self.missed: Counter[str] = Counter()
        self.short_of_room = False
        self._at, self._context, self._liveness, self._room = at, context, liveness, room
        self._author = Author("", context.bootid, context.agent_version, context.config_digest)
        self._people = People(at, context.clock)
        self._begun: list[str] = []
        self._withheld: Counter[str] = Counter()
        self._withheld_since: float | None = None
        self._full_since: float | None = None

    def begin(self, log: Opened, seen: Seen) -> None:
        """Write into `log` from here on.

        A run that goes on in another epoch counts as another run there: ids are made of run and
        number, and numbers begin anew.
        """
        if self._begun and log.epoch != self._begun[-1]:
            self._author = msgspec.structs.replace(
                self._author, bootid=f"{self._context.bootid}.{len(self._begun) + 1}"
            )
        if not self._begun or log.epoch != self._begun[-1]:
            self._begun.append(log.epoch)
        self.log, self.seen = log, seen
        self._liveness.restart()

    def opened(self) -> Opened:
        """Return the open epoch; raises OSError if none is open."""
        if self.log is None:
            raise OSError("it is not open")
        return self.log

    def add_items(self, items: Iterable[Numbered]) -> None:
        """Write what is not in the log yet.  Raises OSError or WalError; then try all again."""
        batch = Batch()
        with self._giving_way():
            for numbered in items:
                self._add_item(batch, numbered)
                if batch.size >= BATCH_BYTES:
                    self._append(batch)
                    batch = Batch()
            self._append(batch)

    def add(self, records: Sequence[Draft]) -> None:
        """Write records of the log itself, behind a note of those that are missing before them."""
        batch = Batch()
        self._tell_missed(batch)
        for draft in records:
            self._seal(batch, draft)
        with self._giving_way():
            self._append(batch)

    def take_over(self) -> int:
        """Write again what could not get into the tree of an earlier epoch; return how many.

        What cannot be read is left for the next time that the log is opened.
        """
        taken = 0
        for epoch in salvage.unsettled(self._at):
            if epoch == self.opened().epoch:
                continue
            try:
                taken += self._take_over(epoch)
            except salvage.Unreadable as error:
                _log.error("audit_records_not_taken_over", problem=clean_text(str(error)))
            else:
                salvage.settle(self._at, epoch)
        return taken

    def _take_over(self, epoch: str) -> int:
        log, taken = self.opened(), 0
        known = salvage.ids(self._at, log.epoch)
        batch = Batch()
        for envelope, payload in salvage.left_over(self._at, epoch):
            if envelope.id in known or envelope.id in batch.ids:
                continue
            moved = self._moved(payload, log.wal.size + len(batch.payloads))
            self._put(batch, moved, envelope.id)
            batch.drafts.append(_told_before(envelope))
            taken += 1
            if batch.size >= BATCH_BYTES:
                self._append(batch)
                known |= batch.ids
                batch = Batch()
        self._append(batch)
        return taken

    def seal_last(self, draft: Draft, origin: str, seq: int) -> bytes:
        """Return the bytes of one of the last records of an epoch that is closed.

        Of one that an earlier run wrote, this run only writes the end.  That counts as another run,
        as in `begin`: the same numbers come again in the next epoch.
        """
        if self._begun:
            return self.seal_at(draft, origin, seq)
        author = msgspec.structs.replace(self._author, bootid=f"{self._context.bootid}.0")
        return self._seal_by(author, draft, origin, seq)

    def seal_at(self, draft: Draft, origin: str, seq: int) -> bytes:
        """Return a record's bytes at its place."""
        return self._seal_by(self._author, draft, origin, seq)

    def _seal_by(self, author: Author, draft: Draft, origin: str, seq: int) -> bytes:
        return record.seal(
            draft,
            msgspec.structs.replace(author, origin=origin),
            seq=seq,
            time=self._context.clock(),
            mono=self._context.monotonic_ns(),
        )

    def _moved(self, payload: bytes, seq: int) -> bytes:
        """Return a record as it is written now: what it says stays, its place and time do not."""
        place = {
            "source": self.opened().origin,
            "seq": seq,
            "bootid": self._author.bootid,
            "mono": str(self._context.monotonic_ns()),
            "time": rfc3339_ms(self._context.clock()),
        }
        return canonical(msgspec.json.decode(payload) | place)

    # Room.

    def withhold(self, records: Iterable[Draft]) -> None:
        """Leave records out for want of room; they are counted."""
        for draft in records:
            self._withhold(Counter({draft.name: 1}))

    def look_for_room(self) -> None:
        """Go back to writing everything once there is room for the ballast again, and say so."""
        if self.short_of_room and not self._room.take():
            return
        if self._withheld and not (self._room.low() and not self.short_of_room):
            self.short_of_room = False
            self._say_withheld()
        self.short_of_room = False

    def finish(self) -> bool:
        """Say at the end of a run what was left out of the log; tell whether that is in it."""
        with suppress(OSError, WalError):
            if self._withheld:
                self._say_withheld()
            elif self.missed:
                self.add(())
        return not self._withheld and not self.missed

    def _say_withheld(self) -> None:
        now = self._context.clock()
        since = self._withheld_since if self._withheld_since is not None else now
        data = {
            "reason": "the disk was full: what matters least was left out",
            "counts": dict(self._withheld),
            "since": rfc3339(int(since)),
            "until": rfc3339(int(now)),
        }
        self.add([Draft(name="log.gap", id=None, data=data, sev="warning")])
        self._withheld.clear()
        self._withheld_since = None

    @contextmanager
    def _giving_way(self) -> Iterator[None]:
        """Give up the ballast when the disk has been full for a while.

        Until then everything waits in the store and nothing is lost.  Afterwards the same items
        come again, and find the ballast's room and fewer records to write.
        """
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                self._is_full(error)
            raise

    def _is_full(self, error: OSError) -> None:
        now = self._context.monotonic_ns() / 1e9
        if self._full_since is None:
            self._full_since = now
        if now - self._full_since >= FULL_FOR_SECONDS and self._room.give():
            self.short_of_room = True
            _log.error("audit_disk_full", problem=clean_text(str(error)))

    def _withhold(self, counts: Counter[str]) -> None:
        if counts and self._withheld_since is None:
            self._withheld_since = self._context.clock()
        self._withheld += counts

    # One batch.

    def _add_item(self, batch: Batch, numbered: Numbered) -> None:
        item = numbered.item
        try:
            records = drafts(item)
        except RecordRefused as error:
            self._refuse(batch, type(item).__name__.lower(), error)
            return
        for draft in records:
            traced = msgspec.structs.replace(draft, trace=numbered.trace)
            self._add(batch, traced if numbered.trace else draft)

    def _add(self, batch: Batch, draft: Draft) -> None:
        """Seal a draft into the batch, unless it is in the log already."""
        if draft.id is not None and (draft.id in batch.ids or draft.id in self.seen):
            return
        if self.short_of_room and draft.name in GIVES_WAY:
            if draft.data["part"]["i"] > 1:
                return
            batch.withheld[draft.name] += 1
            draft = _shortened(draft)
        try:
            prepared = self._prepare(batch, self._with_seal(draft))
            if prepared is not None:
                self._seal(batch, prepared)
        except RecordRefused as error:
            self._refuse(batch, draft.name, error)

    def _with_seal(self, draft: Draft) -> Draft:
        """Return the draft with what it withholds sealed.  Raises OSError.

        The key is read each time: once it is destroyed nothing more is sealed under it.
        """
        if draft.secret is None or draft.id is None:
            return draft
        log = self.opened()
        key = vault.replay_key(self._at.state, log.epoch)
        sealed = seal.seal(key, seal.log_of(log.origin), draft.id, draft.secret)
        data = {**draft.data, "sealed": msgspec.to_builtins(sealed)}
        return msgspec.structs.replace(draft, data=data, secret=None)

    def _refuse(self, batch: Batch, name: str, error: RecordRefused) -> None:
        _log.error("audit_record_refused", record=name, problem=str(error))
        batch.refused[name[:100]] += 1

    def _prepare(self, batch: Batch, draft: Draft) -> Draft | None:
        """Return the draft with only what its type lists; None if it says nothing new."""
        if draft.name not in types.RECORDS:
            raise RecordRefused(f"there is no record type {draft.name!r}")
        if draft.name in CHANGES:
            return self._prepare_change(batch, draft)
        return self._without_people(draft)

    def _without_people(self, draft: Draft) -> Draft:
        data = self._people.without(draft.name, draft.id or "", draft.data)
        return _only_listed(msgspec.structs.replace(draft, data=data))

    def _prepare_change(self, batch: Batch, draft: Draft) -> Draft | None:
        """Put the text into a blob and the digest that stood before into the record.

        A digest that stands already is told again only if people `retold` what goes with it.
        """
        data = dict(draft.data)
        text = data.pop("text", None)
        system = data.get("system", draft.system)
        key = digest_key(draft.name, system)
        old = batch.digests.get(key, self.opened().digests.get(key))
        same = data.get("digest") == old
        retold = data.pop("retold", False) and same
        record_id = change_id(draft.id or "", "retold" if retold else old)
        if text is not None:
            # Also of what is in the log already: whoever took the text away gets it back.
            content = text if isinstance(text, bytes) else str(text).encode()
            data |= {"blob": blobs.put(self._at.public, content), "bytes": len(content)}
        if (same and not retold) or record_id in batch.ids or record_id in self.seen:
            return None
        data |= {k: v for k, v in (("old", old), ("system", system)) if v is not None}
        batch.digests[key] = str(data.get("digest"))
        return self._without_people(msgspec.structs.replace(draft, id=record_id, data=data))

    def _seal(self, batch: Batch, draft: Draft) -> None:
        log = self.opened()
        payload = self.seal_at(draft, log.origin, log.wal.size + len(batch.payloads))
        self._put(batch, payload, draft.id)
        batch.drafts.append(draft)
        if draft.name == "log.key.rotate":
            batch.digests[KEY] = str(draft.data["new"])

    def _put(self, batch: Batch, payload: bytes, record_id: str | None) -> None:
        batch.payloads.append(payload)
        batch.size += len(payload)
        if record_id is not None:
            batch.ids.add(record_id)

    def _tell_missed(self, batch: Batch) -> None:
        """Put a note of what is missing into the batch, unless it is there."""
        missing = batch.refused if batch.told else self.missed + batch.refused
        if missing:
            data = {"reason": "not written: refused, or no room", "counts": dict(missing)}
            self._seal(batch, Draft(name="log.gap", id=None, data=data, sev="warning"))
            batch.refused.clear()
            batch.told = True

    def _append(self, batch: Batch) -> None:
        """Make the batch durable, and with it a note of what is missing."""
        self._tell_missed(batch)
        if batch.payloads:
            self._write(batch)
        self.missed.clear()
        self._withhold(batch.withheld)

    def _write(self, batch: Batch) -> None:
        log = self.opened()
        began, started = time.time_ns(), time.perf_counter()
        log.wal.append(batch.payloads)
        recorded(self._context.tracer, [(d.trace, d.name, d.id) for d in batch.drafts], began)
        self._full_since = None
        if self._context.metrics is not None:
            self._context.metrics.audit_appended(time.perf_counter() - started)
        log.digests.update(batch.digests)
        for record_id in batch.ids:
            self.seen.add(record_id)
        self._people.written(batch.ids)
        for draft in batch.drafts:
            self._liveness.note(draft)
            if draft.name in CHANGES:
                key = digest_key(draft.name, draft.data.get("system"))
                log.changes[key] = msgspec.convert(draft.data, types.ChangeData)


def _shortened(draft: Draft) -> Draft:
    """Return a window's record without its signals, so that its verdicts still have one."""
    data = {**draft.data, "signals": [], "part": {"i": 1, "of": 1}, "shortened": True}
    return msgspec.structs.replace(draft, data=data, secret=None)


def _told_before(envelope: types.Envelope) -> Draft:
    """Return a record that is written again as far as counting it goes."""
    data = msgspec.json.decode(envelope.data)
    return Draft(name=types.record_name(envelope.type), id=envelope.id, data=data)


def _only_listed(draft: Draft) -> Draft:
    """Return the draft without the fields that its record type does not list."""
    withheld = draft.data.keys() - types.listed_fields(draft.name)
    if not withheld:
        return draft
    _log.error("audit_fields_withheld", record=draft.name, fields=sorted(withheld))
    kept = {key: value for key, value in draft.data.items() if key not in withheld}
    return msgspec.structs.replace(draft, data=kept)
