"""The tables of labels in SQLite: events, labels, what waits for either, and windows in waiting.

Between two commits everything is in tables of the same form in memory (`fresh`); a read sees both.
`write`, inside the store's transaction, moves it into the file, so that after a kill it is there
exactly with everything else that was committed, or not at all.  A backtest keeps nothing: its
table is a temporary file that is written at once.

Ids are those of `agent.labels.ids.stored`, times seconds, `recorded` microseconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from agent.labels.wire import NO_TIME

CHUNK = 20_000
"""Ids looked up at a time."""

CHUNK_OF_WINDOW = 4_000
"""Rows of a window read at a time: as Python objects each takes some hundred bytes."""

TABLES = """
CREATE TABLE IF NOT EXISTS {db}.outcome (
    system INTEGER, second INTEGER, id INTEGER, copies INTEGER NOT NULL, body BLOB NOT NULL,
    own BLOB, PRIMARY KEY (system, second, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {db}.outcome_id ON outcome (system, id);
CREATE TABLE IF NOT EXISTS {db}.label (
    system INTEGER, id INTEGER, recorded INTEGER, origin INTEGER, place INTEGER NOT NULL,
    value NUMERIC NOT NULL, PRIMARY KEY (system, id, recorded, origin)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {db}.early (
    system INTEGER, at INTEGER, id INTEGER, PRIMARY KEY (system, at, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {db}.orphan (
    system INTEGER, second INTEGER, id INTEGER, PRIMARY KEY (system, second, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {db}.held (
    system INTEGER, version TEXT, length TEXT, start INTEGER, body BLOB NOT NULL,
    PRIMARY KEY (system, version, length, start)
);
"""

_SYSTEMS = """
CREATE TABLE IF NOT EXISTS main.outcome_system (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE
)
"""

_MERGE = {
    "outcome": "(system, second, id) DO UPDATE SET copies = copies + excluded.copies",
    "label": "(system, id, recorded, origin) DO UPDATE SET place = excluded.place,"
    " value = excluded.value WHERE excluded.place > place",
    "early": "(system, at, id) DO NOTHING",
    "orphan": "(system, second, id) DO NOTHING",
    "held": "(system, version, length, start) DO UPDATE SET body = excluded.body",
}
_COLUMNS = {"outcome": 6, "label": 6, "early": 3, "orphan": 3, "held": 5}

Key = tuple[str, str, int]
"""A window: model version, length, start."""

Row = tuple[Any, ...]
"""second, id, copies, body, own; then twice a label or nothing: recorded, origin, place, value."""


class Known(NamedTuple):
    """A label that is stored."""

    id: int
    recorded: int
    origin: int
    place: int
    value: float


class LabelTable:
    """The tables of all systems; owned by one thread.

    Raises `sqlite3.Error` as the connection does; the store tells that to people.
    """

    def __init__(self, connection: sqlite3.Connection, *, direct: bool = False) -> None:
        self._connection = connection
        self._direct = direct
        self._later: list[tuple[str, tuple[Any, ...]]] = []
        self._dirty = False
        if not direct:
            connection.execute("ATTACH ':memory:' AS fresh")
        self._into = "main" if direct else "fresh"
        self._all = ("main",) if direct else ("main", "fresh")
        connection.execute(_SYSTEMS)
        for db in self._all:
            for statement in TABLES.format(db=db).split(";\n"):
                if statement.strip():
                    connection.execute(statement)

    @classmethod
    def temporary(cls) -> LabelTable:
        """Return tables in a file that nobody sees and that is gone when it is closed."""
        connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        return cls(connection, direct=True)

    def system(self, name: str) -> int:
        """Return the number of a system, given at its first use."""
        self._connection.execute(
            "INSERT OR IGNORE INTO main.outcome_system (name) VALUES (?)", (name,)
        )
        found = self._connection.execute(
            "SELECT number FROM main.outcome_system WHERE name = ?", (name,)
        )
        return int(found.fetchone()[0])

    # Into the tables.

    def add(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to a table; what is there already is added to, or the later of both stays."""
        if not rows:
            return
        marks = ", ".join("?" * _COLUMNS[table])
        statement = f"INSERT INTO {self._into}.{table} VALUES ({marks}) ON CONFLICT {_MERGE[table]}"
        self._connection.execute("BEGIN")
        try:
            self._connection.executemany(statement, rows)
        finally:
            self._connection.execute("COMMIT")
        self._dirty = True

    def later(self, statement: str, *values: Any) -> None:
        """Execute a statement on the file with the next `write`, after the rows are in it."""
        if self._direct:
            self._connection.execute(statement, values)
        else:
            self._later.append((statement, values))

    def cut(self, system: int, start: int, end: int, highest: int) -> None:
        """Remove the events of a time whose id lies above `highest`, and their labels."""
        which = "WHERE system = ? AND second >= ? AND second < ? AND id > ?"
        values = (system, start, end, highest)
        self.later(
            "DELETE FROM main.label WHERE system = ? AND id IN"
            f" (SELECT id FROM main.outcome {which})",
            *(system, *values),
        )
        self.later(f"DELETE FROM main.outcome {which}", *values)

    def cut_labels(self, system: int, highest: int) -> None:
        """Remove the labels whose id lies above `highest`."""
        for table in ("label", "early", "orphan"):
            self.later(f"DELETE FROM main.{table} WHERE system = ? AND id > ?", system, highest)

    def expire(self, system: int, before: int) -> None:
        """Remove events before a second, their labels, and orphans counted before it."""
        self.later(
            "DELETE FROM main.label WHERE system = ? AND id IN"
            " (SELECT id FROM main.outcome WHERE system = ? AND second < ?)",
            *(system, system, before),
        )
        for table in ("outcome", "orphan"):
            self.later(f"DELETE FROM main.{table} WHERE system = ? AND second < ?", system, before)

    def clear(self, system: int) -> None:
        """Remove everything of a system but its windows in waiting."""
        for table in ("outcome", "label", "early", "orphan"):
            self.later(f"DELETE FROM main.{table} WHERE system = ?", system)

    # Out of the tables.

    def window(self, system: int, start: int, end: int, highest: int) -> Iterator[list[Row]]:
        """Yield a time's events with their labels, in chunks; one with several comes several times.

        The rows of one event follow each other.
        """
        second = self._all[-1]
        for db in self._all:
            cursor = self._connection.execute(
                "SELECT r.second, r.id, r.copies, r.body, r.own,"
                " a.recorded, a.origin, a.place, a.value, b.recorded, b.origin, b.place, b.value"
                f" FROM {db}.outcome r"
                " LEFT JOIN main.label a ON a.system = r.system AND a.id = r.id"
                f" LEFT JOIN {second}.label b ON b.system = r.system AND b.id = r.id"
                " WHERE r.system = ? AND r.second >= ? AND r.second < ? AND r.id <= ?",
                (system, start, end, highest),
            )
            while chunk := cursor.fetchmany(CHUNK_OF_WINDOW):
                yield chunk

    def rows_of(self, system: int, start: int, end: int, highest: int) -> int:
        """Return how many events `window` yields, each as often as it came; perhaps a few more."""
        return sum(
            int(
                self._connection.execute(
                    f"SELECT coalesce(sum(copies), 0) FROM {db}.outcome"
                    " WHERE system = ? AND second >= ? AND second < ? AND id <= ?",
                    (system, start, end, highest),
                ).fetchone()[0]
            )
            for db in self._all
        )

    def find(self, system: int, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Return (id, second) of the events that have one of the ids."""
        return self._by_id("outcome", "t.id, t.second", system, ids)

    def known(self, system: int, ids: Sequence[int]) -> list[Known]:
        """Return the stored labels of the ids."""
        columns = "t.id, t.recorded, t.origin, t.place, t.value"
        return [Known(*row) for row in self._by_id("label", columns, system, ids)]

    def early(self, system: int, start: int, end: int) -> list[tuple[int, int]]:
        """Return (at, id) of the labels that wait and whose time is in `[start, end)`."""
        found: set[tuple[int, int]] = set()
        for db in self._all:
            found.update(
                self._connection.execute(
                    f"SELECT at, id FROM {db}.early WHERE system = ? AND at >= ? AND at < ?",
                    (system, start, end),
                )
            )
        return sorted(found)

    def forget_early(self, system: int, before: int, orphans: Sequence[int]) -> None:
        """Remove what waited until a time, and the labels of those that nothing came for."""
        self.later("DELETE FROM main.early WHERE system = ? AND at < ?", system, before)
        for first in range(0, len(orphans), CHUNK):
            self.later(
                "DELETE FROM main.label WHERE system = ?"
                " AND id IN (SELECT value FROM json_each(?))",
                *(system, json.dumps(orphans[first : first + CHUNK])),
            )

    def orphans(self, system: int, start: int, end: int, highest: int) -> int:
        """Return the labels of a time that no event came for, each once."""
        parts = " UNION ".join(
            f"SELECT second, id FROM {db}.orphan"
            " WHERE system = ? AND second >= ? AND second < ? AND id <= ?"
            for db in self._all
        )
        values = (system, start, end, highest) * len(self._all)
        return int(
            self._connection.execute(f"SELECT count(*) FROM ({parts})", values).fetchone()[0]
        )

    def count(self, table: str, system: int) -> int:
        """Return the number of a table's rows of a system."""
        return sum(
            int(
                self._connection.execute(
                    f"SELECT count(*) FROM {db}.{table} WHERE system = ?", (system,)
                ).fetchone()[0]
            )
            for db in self._all
        )

    def held(self, system: int, key: Key) -> bytes | None:
        """Return what is kept of a window in waiting."""
        for db in reversed(self._all):
            found = self._connection.execute(
                f"SELECT body FROM {db}.held"
                " WHERE system = ? AND version = ? AND length = ? AND start = ?",
                (system, *key),
            ).fetchone()
            if found is not None:
                return bytes(found[0])
        return None

    def drop_held(self, system: int, key: Key) -> None:
        """Remove what is kept of a window in waiting."""
        self.later(
            "DELETE FROM main.held WHERE system = ? AND version = ? AND length = ? AND start = ?",
            *(system, *key),
        )

    # The store's transaction.

    def write(self) -> None:
        """Move everything fresh into the file; inside a transaction, and again if that fails."""
        if self._dirty:
            for table, merge in _MERGE.items():
                self._connection.execute(
                    f"INSERT INTO main.{table} SELECT * FROM fresh.{table} WHERE true"
                    f" ON CONFLICT {merge}"
                )
        for statement, values in self._later:
            self._connection.execute(statement, values)

    def written(self) -> None:
        """Forget what is in the file now; after the transaction."""
        if self._dirty:
            for table in _MERGE:
                self._connection.execute(f"DELETE FROM fresh.{table}")
        self._dirty = False
        self._later = []

    def forget(self) -> None:
        """Let the next `write` write nothing of what has come since the last one."""
        self._dirty = False
        self._later = []

    def close(self) -> None:
        """Close a temporary table."""
        if self._direct:
            self._connection.close()

    def _by_id(self, table: str, columns: str, system: int, ids: Sequence[int]) -> list[Any]:
        found: list[Any] = []
        for first in range(0, len(ids), CHUNK):
            wanted = json.dumps(ids[first : first + CHUNK])
            for db in self._all:
                found += self._connection.execute(
                    f"SELECT {columns} FROM json_each(?) j CROSS JOIN {db}.{table} t"
                    " WHERE t.system = ? AND t.id = j.value",
                    (wanted, system),
                ).fetchall()
        return found


__all__ = ["NO_TIME", "Key", "Known", "LabelTable", "Row"]
