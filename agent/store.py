"""The one durable store: a SQLite database that is changed in one transaction at a time.

A transaction holds everything that must move together: pane and window summaries, dedup ids,
partition offsets, verdict memory, alerts, and the outbox of reports.  After a kill at any instant
the file holds the state as of some transaction, and reading resumes from the offsets in it.
"""

from __future__ import annotations

import secrets
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.labels.table import LabelTable

SCHEMA_VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS document (
    system TEXT, kind TEXT, key TEXT, body BLOB NOT NULL, PRIMARY KEY (system, kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dedup (
    number INTEGER PRIMARY KEY, system TEXT NOT NULL, newest INTEGER NOT NULL, ids BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body BLOB NOT NULL,
    made REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS quarantine (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, system TEXT NOT NULL,
    source TEXT NOT NULL, partition TEXT NOT NULL, place INTEGER NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL
);
"""


class StoreError(Exception):
    """The store cannot be used; the message says which file, why, and what to do."""


class StoreBusy(StoreError):
    """Another process has the store."""


class Document(NamedTuple):
    """One keyed piece of state: `kind` is `pane`, `window`, `state`, `memory`, `alert`, ..."""

    system: str
    kind: str
    key: str
    body: bytes


class Quarantined(NamedTuple):
    """Where an undecodable record stood, and why it was put aside; never its content."""

    at: int
    system: str
    source: str
    partition: str
    place: int
    reason: str
    detail: str


@dataclass
class Changes:
    """What one transaction writes.

    `outbox` items are (kind, body) in order of emission, all made at `made` (epoch seconds).
    """

    put: list[Document] = field(default_factory=list)
    delete: list[tuple[str, str, str]] = field(default_factory=list)
    dedup: list[tuple[str, int, bytes]] = field(default_factory=list)
    dedup_cutoff: dict[str, int] = field(default_factory=dict)
    outbox: list[tuple[str, bytes]] = field(default_factory=list)
    made: float = 0.0
    delivered: int = 0
    quarantine: list[Quarantined] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.put
            or self.delete
            or self.dedup
            or self.outbox
            or self.delivered
            or self.quarantine
        )


class Store:
    """The store's file, owned by one thread at a time.

    Raises `StoreError` when the file cannot be opened, and from `commit` when the transaction
    could not be made durable (a full disk, say): then nothing of it was written, and the same
    changes may be committed again later.
    """

    def __init__(self, folder: Path, *, quarantine_rows: int = 10_000) -> None:
        self.path = folder / "pantau.sqlite"
        self._quarantine_rows = quarantine_rows
        self._labels: LabelTable | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._open()
            self.id = self._constant("store_id", uuid.uuid4().hex.encode()).decode()
            self.id_key = self._constant("id_key", secrets.token_bytes(32))
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"store {self.path}: {error}; {_advice(error)}") from error

    @property
    def labels(self) -> LabelTable:
        """The tables of labels, made at their first use; `commit` writes what was put into them."""
        if self._labels is None:
            try:
                self._labels = LabelTable(self._connection)
            except sqlite3.Error as error:
                raise StoreError(f"store {self.path}: {error}; {_advice(error)}") from error
        return self._labels

    def commit(self, changes: Changes) -> list[int]:
        """Write all changes or none, durably; return the outbox numbers of the new items."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                numbers = self._write(changes)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"store {self.path}: {error}; {_advice(error)}") from error
        if self._labels is not None:
            self._labels.written()
        return numbers

    def forget_labels(self) -> None:
        """Let no commit write any more what was put into the tables of labels since the last."""
        if self._labels is not None:
            self._labels.forget()

    def documents(self, system: str, kind: str) -> dict[str, bytes]:
        """Return all documents of a kind by key."""
        rows = self._connection.execute(
            "SELECT key, body FROM document WHERE system = ? AND kind = ?", (system, kind)
        )
        return {key: bytes(body) for key, body in rows}

    def dedup(self, system: str) -> list[bytes]:
        """Return the stored id blocks of a system."""
        rows = self._connection.execute(
            "SELECT ids FROM dedup WHERE system = ? ORDER BY number", (system,)
        )
        return [bytes(ids) for (ids,) in rows]

    def outbox(self) -> list[tuple[int, str, bytes]]:
        """Return what is not yet delivered: (number, kind, body), oldest first."""
        rows = self._connection.execute("SELECT number, kind, body FROM outbox ORDER BY number")
        return [(number, kind, bytes(body)) for number, kind, body in rows]

    def outbox_made(self) -> list[tuple[int, float]]:
        """Return when each item of the outbox was made: (number, epoch seconds), oldest first."""
        return list(self._connection.execute("SELECT number, made FROM outbox ORDER BY number"))

    def quarantined(self) -> list[Quarantined]:
        """Return the remembered quarantine entries, oldest first."""
        rows = self._connection.execute(
            "SELECT at, system, source, partition, place, reason, detail FROM quarantine"
            " ORDER BY number"
        )
        return [Quarantined(*row) for row in rows]

    def size(self) -> int:
        """Return the bytes the store takes on disk."""
        return sum(f.stat().st_size for f in self.path.parent.glob(self.path.name + "*"))

    def close(self) -> None:
        """Close the file; safe twice."""
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        new = not self.path.exists()
        if not new:
            self._require_version()
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
            if new:
                self.path.chmod(0o600)
        except BaseException:
            connection.close()
            raise
        return connection

    def _require_version(self) -> None:
        """Raise `StoreError` for the store of another version, before anything of it is changed.

        First as it lies there, then with what a killed agent has left beside it, which alone says
        of which version a young store is.
        """
        left = self.path.with_name(self.path.name + "-wal").exists()
        for how in ("mode=ro&immutable=1", "mode=ro") if left else ("mode=ro&immutable=1",):
            address = f"{self.path.absolute().as_uri()}?{how}"
            with closing(sqlite3.connect(address, uri=True)) as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                raise StoreError(
                    f"store {self.path}: written by another version (schema {version}, this"
                    f" program reads {SCHEMA_VERSION}); use a new store folder or the matching"
                    " version"
                )

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # Withheld values wait here until they are sealed; some builds overwrite nothing by default.
        connection.execute("PRAGMA secure_delete = ON")
        # Another process on the same store would double every effect.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA wal_autocheckpoint = 2000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _constant(self, key: str, fresh: bytes) -> bytes:
        self._connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, fresh))
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return bytes(row[0])

    def _write(self, changes: Changes) -> list[int]:
        connection = self._connection
        connection.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)", changes.put)
        connection.executemany(
            "DELETE FROM document WHERE system = ? AND kind = ? AND key = ?", changes.delete
        )
        connection.executemany(
            "INSERT INTO dedup (system, newest, ids) VALUES (?, ?, ?)", changes.dedup
        )
        connection.executemany(
            "DELETE FROM dedup WHERE system = ? AND newest < ?", changes.dedup_cutoff.items()
        )
        numbers = [self._append(kind, body, changes.made) for kind, body in changes.outbox]
        connection.execute("DELETE FROM outbox WHERE number <= ?", (changes.delivered,))
        self._write_quarantine(changes.quarantine)
        if self._labels is not None:
            self._labels.write()
        return numbers

    def _append(self, kind: str, body: bytes, made: float) -> int:
        cursor = self._connection.execute(
            "INSERT INTO outbox (kind, body, made) VALUES (?, ?, ?)", (kind, body, made)
        )
        return int(cursor.lastrowid or 0)

    def _write_quarantine(self, entries: Sequence[Quarantined]) -> None:
        if not entries:
            return
        self._connection.executemany(
            "INSERT INTO quarantine (at, system, source, partition, place, reason, detail)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            entries[-self._quarantine_rows :],
        )
        self._connection.execute(
            "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?",
            (self._quarantine_rows,),
        )


def peek(folder: Path, kind: str) -> list[Document]:
    """Return every document of a kind as of the last transaction, and leave the store as it is.

    Empty where there is no store.  Raises `StoreBusy` beside a running agent, else `StoreError`.
    """
    path = folder / "pantau.sqlite"
    try:
        if not path.exists():
            return []
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=0.2)) as connection:
            rows = connection.execute(
                "SELECT system, kind, key, body FROM document WHERE kind = ? ORDER BY system, key",
                (kind,),
            )
            return [Document(system, kind, key, bytes(body)) for system, kind, key, body in rows]
    except (OSError, sqlite3.Error) as error:
        busy = "locked" in str(error).lower()
        raise (StoreBusy if busy else StoreError)(f"store {path}: {error}") from error


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "locked" in text:
        return "another agent uses this store: stop it, or give this one its own `store.path`"
    if "full" in text or "no space" in text:
        return "free some space; the agent goes on by itself"
    if "malformed" in text or "not a database" in text:
        return "the file is damaged: move it away; open windows will be re-read where possible"
    return "check that the folder exists and is writable"
