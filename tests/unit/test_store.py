"""The store: one transaction or nothing, one agent at a time, and errors that say what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.store import Changes, Document, Quarantined, Store, StoreError


def document(key: str, body: bytes = b"x") -> Document:
    return Document("loans", "pane", key, body)


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    numbers = store.commit(
        Changes(
            put=[document("a"), document("b")],
            dedup=[("loans", 100, b"ids")],
            outbox=[("report", b"1"), ("alert", b"2")],
        )
    )
    identity, key = store.id, store.id_key
    store.close()
    again = Store(tmp_path)
    assert again.documents("loans", "pane") == {"a": b"x", "b": b"x"}
    assert again.dedup("loans") == [b"ids"]
    assert again.outbox() == [(numbers[0], "report", b"1"), (numbers[1], "alert", b"2")]
    assert (again.id, again.id_key) == (identity, key)
    again.close()


def test_a_commit_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path)
    wrong = Changes(put=[document("a")], outbox=[("report", None)])  # type: ignore[list-item]
    with pytest.raises(StoreError, match=r"NOT NULL constraint failed"):
        store.commit(wrong)
    assert store.documents("loans", "pane") == {}
    store.commit(Changes(put=[document("b")]))
    assert store.documents("loans", "pane") == {"b": b"x"}
    store.close()


def test_nothing_of_a_delivered_item_stays_in_the_file_whatever_the_build_does_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item can carry withheld values, which nobody is to find once they are sealed."""
    connect = sqlite3.connect

    def careless(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", careless)
    store = Store(tmp_path)
    (number,) = store.commit(Changes(outbox=[("report", b"a small group" * 1_000)]))
    store.commit(Changes(delivered=number))
    store.close()
    assert b"a small group" not in store.path.read_bytes()


def test_delivered_items_leave_the_outbox_and_numbers_are_not_used_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.commit(Changes(outbox=[("report", b"1"), ("report", b"2")]))
    store.commit(Changes(delivered=first[-1]))
    assert store.outbox() == []
    store.close()
    again = Store(tmp_path)
    (number,) = again.commit(Changes(outbox=[("report", b"3")]))
    assert number > first[-1]
    again.close()


def test_ids_older_than_the_horizon_are_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit(Changes(dedup=[("loans", 100, b"old"), ("loans", 200, b"new")]))
    store.commit(Changes(put=[document("a")], dedup_cutoff={"loans": 150}))
    assert store.dedup("loans") == [b"new"]
    store.close()


def test_the_quarantine_is_bounded(tmp_path: Path) -> None:
    store = Store(tmp_path, quarantine_rows=3)
    for place in range(5):
        entry = Quarantined(0, "loans", "file", "0", place, "invalid_json", "")
        store.commit(Changes(quarantine=[entry]))
    assert [q.place for q in store.quarantined()] == [2, 3, 4]
    store.close()


def test_another_agent_on_the_same_store_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    code = (
        f"from agent.store import Store; from pathlib import Path; Store(Path({str(tmp_path)!r}))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "another agent uses this store" in other.stderr
    store.close()


def test_a_damaged_file_is_named_and_not_touched(tmp_path: Path) -> None:
    content = b"this is not a database, but long enough" * 50
    (tmp_path / "pantau.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"pantau\.sqlite.*move it away"):
        Store(tmp_path)
    assert files(tmp_path) == {"pantau.sqlite": content}


def files(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds, but for the index that SQLite makes anew at each start."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith("-shm")}


OTHER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = " + sys.argv[2])
connection.execute("CREATE TABLE other (key TEXT)")
connection.execute("PRAGMA user_version = 99")
if sys.argv[3] == "killed":
    os._exit(0)
connection.close()
"""
"""Another version of the program, with tables of its own."""


@pytest.mark.parametrize(
    ("journal", "end"), [("DELETE", "stopped"), ("WAL", "stopped"), ("WAL", "killed")]
)
def test_a_store_of_another_version_is_refused_and_not_touched(
    tmp_path: Path, journal: str, end: str
) -> None:
    path = tmp_path / "it's #1?" / "pantau.sqlite"
    path.parent.mkdir()
    subprocess.run([sys.executable, "-c", OTHER, str(path), journal, end], check=True)
    before = files(path.parent)
    assert ("pantau.sqlite-wal" in before) == (end == "killed")
    with pytest.raises(StoreError, match="schema 99"):
        Store(path.parent)
    assert files(path.parent) == before
    # Nothing holds it: it can be used by whoever reads it.
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("other",)]


def test_a_store_that_cannot_be_opened_is_not_kept_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        opened.append(connection)
        return connection

    first = Store(tmp_path)
    monkeypatch.setattr(sqlite3, "connect", noted)
    with pytest.raises(StoreError, match="another agent uses this store"):
        Store(tmp_path)
    first.close()
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_the_file_with_the_key_of_the_ids_is_private(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    assert store.path.stat().st_mode & 0o077 == 0
    store.close()


def test_labels_that_are_forgotten_are_not_committed_with_what_follows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    number = store.labels.system("loans")
    store.labels.add("orphan", [(number, 100, 1)])
    store.labels.later("INSERT INTO main.orphan VALUES (?, ?, ?)", number, 100, 2)
    store.forget_labels()
    store.commit(Changes(outbox=[("notice", b"1")]))
    store.close()
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT count(*) FROM orphan").fetchone() == (0,)
