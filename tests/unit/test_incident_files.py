"""Nothing in the folder of incidents stops the agent, and no clock but that of the bad file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from agent.cli.main import main
from agent.incident_watch import IncidentWatch
from agent.incidents import held, write
from agent.store import Changes, Document, Store
from exporters.agent_metrics import AgentMetrics
from policies.clocks import LATEST, Incident
from policies.effective import effective
from policies.load import load_packs
from policies.model import Alert, Notice

CLOCKS = effective(
    load_packs(["country-vn"]), oversight="human_in_the_loop", maturity="baseline"
).clocks
AT = 1_795_334_400
HOUR = 3_600
GOOD = Incident(
    id="A",
    system="loan",
    event="ai_incident",
    moments={"confirmed_at": AT},
    by={"confirmed_at": "Lan"},
)
FAR = 253_402_300_799 - 71 * HOUR
"""In the year 9999, and 72 hours later not."""
YEAR_ONE = -62_135_596_800


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state" / "incidents"
    write(made / "A.json", msgspec.json.encode(GOOD))
    return made


def watch(store: Store, folder: Path) -> IncidentWatch:
    return IncidentWatch(store, folder, {"loan": CLOCKS}, AgentMetrics("1"))


def told(watched: IncidentWatch, now: float) -> list[tuple[Any, Any]]:
    items = watched.look(now).items
    return [(i.data["incident"], i.data["state"]) for i in items if isinstance(i, Notice)]


def bad(**fields: Any) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(GOOD), "id": "B", **fields})


def clock(**fields: Any) -> bytes:
    return bad(clocks=[{**msgspec.to_builtins(CLOCKS[0]), **fields}])


CONTENTS = {
    "a moment whose deadline is no time": bad(moments={"confirmed_at": FAR}),
    "the year 1": bad(moments={"confirmed_at": YEAR_ONE}),
    "a moment before any": bad(moments={"confirmed_at": -(10**18)}),
    "a moment of thirty digits": bad(moments={}).replace(
        b'"moments":{}', b'"moments":{"x":' + b"1" * 30 + b"}"
    ),
    "a former moment": bad(earlier=[{"moment": "confirmed_at", "at": FAR, "by": "x"}]),
    "an end": bad(closed=FAR, closed_by="x", reason="y"),
    "the end of a clock": bad(ended={"c": {"at": YEAR_ONE, "by": "x", "reason": "y"}}),
    "wrong types": bad(moments={"confirmed_at": "yesterday"}, by=7),
    "a fraction": bad(moments={"confirmed_at": 1.5}),
    "another encoding": bad(by={"confirmed_at": "Lân"}).decode().encode("latin-1"),
    "two bytes a character": bad().decode().encode("utf-16"),
    "a mark at its start": b"\xef\xbb\xbf" + bad(),
    "half of it": bad()[:40],
    "nothing": b"",
    "deep nesting": b'{"id":' + b"[" * 60_000,
    "no character in its id": bad(id="B\0"),
    "too much": b" " * 70_000,
    "a clock without end": clock(seconds=10**15),
    "a clock of no time": clock(seconds=-1),
    "a clock with another name": clock(id="VN\u001b[31m"),
    "a clock of no day": clock(verified_on="last week"),
    "an unknown field": bad(**{"\u001b[31m": 1}),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_no_content_of_a_file_stops_the_agent(what: str, store: Store, folder: Path) -> None:
    write(folder / "B.json", CONTENTS[what])
    watched = watch(store, folder)
    with capture_logs() as logged:
        assert told(watched, AT) == [("A", "running")]
        assert told(watched, AT + 73 * HOUR) == [("A", "overdue")]
    problems = [one["problem"] for one in logged if one["event"] == "incident_unreadable"]
    assert len(problems) == 1
    assert "B.json" in problems[0]
    assert "\x1b" not in problems[0]
    assert (folder / "B.json").read_bytes() == CONTENTS[what]


THINGS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("what", THINGS)
def test_nothing_in_the_place_of_a_file_stops_the_agent(
    what: str, store: Store, folder: Path
) -> None:
    THINGS[what](folder / "B.json")
    with capture_logs() as logged:
        assert told(watch(store, folder), AT) == [("A", "running")]
    assert any(
        "B.json" in one.get("problem", "") or "'B'" in one.get("problem", "") for one in logged
    )


def test_nobody_else_on_the_machine_reads_who_stated_what(tmp_path: Path) -> None:
    file = tmp_path / "state" / "incidents" / "INC-1.json"
    with held(file.parent):
        write(file, b"{}")
    assert {p.stat().st_mode & 0o077 for p in (file, file.parent, file.parent.parent)} == {0}


def test_the_lock_of_an_editor_is_no_incident(store: Store, folder: Path) -> None:
    (folder / ".#A.json").symlink_to("lan@host.1234")
    with capture_logs() as logged:
        assert told(watch(store, folder), AT) == [("A", "running")]
    assert not [one for one in logged if one["log_level"] == "warning"]


def test_a_file_in_the_place_of_the_folder_stops_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "state" / "incidents").write_text("")
    with capture_logs() as logged:
        watched = watch(store, tmp_path / "state" / "incidents")
        assert told(watched, AT) == []
        assert told(watched, AT) == []
    assert [one["event"] for one in logged] == ["incident_unreadable"]


def test_what_an_older_build_kept_stops_no_start_and_ends_no_alert(
    store: Store, folder: Path
) -> None:
    watched = watch(store, folder)
    store.commit(Changes(put=watched.look(AT).documents))
    (folder / "A.json").unlink()
    body = msgspec.json.encode(msgspec.structs.replace(GOOD, moments={"confirmed_at": FAR}))
    store.commit(Changes(put=[Document("loan", "incident", "A", body)]))
    with capture_logs() as logged:
        found = watch(store, folder).look(AT + HOUR)
    assert found.items == []
    assert "the incident A" in logged[0]["problem"]


def test_an_incident_of_no_system_here_is_said_to_have_no_clock(store: Store, folder: Path) -> None:
    write(folder / "B.json", bad(system="gone"))
    with capture_logs() as logged:
        assert told(watch(store, folder), AT) == [("A", "running")]
    assert "no system is called 'gone', so none of its clocks runs here" in logged[0]["problem"]


def test_an_id_that_another_system_uses_takes_no_clock_away(store: Store, folder: Path) -> None:
    clocks = {"loan": CLOCKS, "card": CLOCKS}
    watched = IncidentWatch(store, folder, clocks, AgentMetrics("1"))
    watched.look(AT)
    other = msgspec.structs.replace(GOOD, system="card", moments={"detected_at": AT})
    write(folder / "A.json", msgspec.json.encode(other))
    with capture_logs() as logged:
        assert told(watched, AT + 73 * HOUR) == [("A", "overdue")]
    assert "the agent knows A as ai_incident of 'loan'" in logged[0]["problem"]
    assert msgspec.json.decode((folder / "A.json").read_bytes(), type=Incident) == other


def test_the_id_of_a_closed_incident_may_be_given_to_another(store: Store, folder: Path) -> None:
    clocks = {"loan": CLOCKS, "card": CLOCKS}

    def begun() -> IncidentWatch:
        return IncidentWatch(store, folder, clocks, AgentMetrics("1"))

    watched = begun()
    closed = msgspec.structs.replace(GOOD, closed=AT + 1, closed_by="Lan", reason="told")
    write(folder / "A.json", msgspec.json.encode(closed))
    store.commit(Changes(put=watched.look(AT + 1).documents))
    write(folder / "A.json", msgspec.json.encode(msgspec.structs.replace(GOOD, system="card")))
    announced = watched.look(AT + 2)
    (notice,) = [item for item in announced.items if isinstance(item, Notice)]
    assert (notice.system, notice.data["state"]) == ("card", "running")
    store.commit(Changes(put=announced.documents))
    (folder / "A.json").unlink()
    assert told(begun(), AT + 73 * HOUR) == [("A", "overdue")]
    again = msgspec.json.decode((folder / "A.json").read_bytes(), type=Incident)
    assert (again.system, again.closed) == ("card", None)


def test_a_lost_file_is_written_again_while_its_incident_is_open(
    store: Store, folder: Path
) -> None:
    watched = watch(store, folder)
    watched.look(AT)
    (folder / "A.json").unlink()
    with capture_logs() as logged:
        assert watched.look(AT + 1).items == []
    assert [one["event"] for one in logged] == ["incident_restored"]
    again = msgspec.json.decode((folder / "A.json").read_bytes(), type=Incident)
    assert (again.moments, again.by) == (GOOD.moments, GOOD.by)
    closed = msgspec.structs.replace(again, closed=AT + 2, closed_by="Lan", reason="told")
    write(folder / "A.json", msgspec.json.encode(closed))
    watched.look(AT + 3)
    (folder / "A.json").unlink()
    watched.look(AT + 4)
    assert not (folder / "A.json").exists()


def test_a_file_that_says_less_than_is_known_takes_no_clock_back(
    store: Store, folder: Path
) -> None:
    watched = watch(store, folder)
    watched.look(AT)
    anew = msgspec.structs.replace(
        GOOD, moments={"detected_at": AT - HOUR}, by={"detected_at": "Minh"}
    )
    write(folder / "A.json", msgspec.json.encode(anew))
    announced = watched.look(AT + 1)
    assert [item for item in announced.items if isinstance(item, Alert)] == []
    kept = msgspec.json.decode((folder / "A.json").read_bytes(), type=Incident)
    assert kept.moments == {"confirmed_at": AT, "detected_at": AT - HOUR}
    assert kept.by == {"confirmed_at": "Lan", "detected_at": "Minh"}
    assert told(watched, AT + 73 * HOUR) == [("A", "overdue")]


def test_the_agent_writes_over_nothing_that_a_command_is_at(store: Store, folder: Path) -> None:
    watched = watch(store, folder)
    watched.look(AT)
    (folder / "A.json").unlink()
    with held(folder):
        watched.look(AT + 1)
        assert not (folder / "A.json").exists()
    watched.look(AT + 2)
    assert (folder / "A.json").exists()


def test_commands_wait_for_one_another(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "incidents"
    codes: list[int] = []
    arguments = [*STATE, "--at", "confirmed_at=2026-11-22T08:00:00Z", "-c", str(config)]
    waiting = threading.Thread(target=lambda: codes.append(main(arguments)))
    with held(folder):
        waiting.start()
        waiting.join(0.5)
        assert codes == []
        assert not (folder / "INC-1.json").exists()
    waiting.join()
    assert codes == [0]


def test_a_file_that_could_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "A.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_again_is_said_once(store: Store, folder: Path) -> None:
    watched = watch(store, folder)
    watched.look(AT)
    (folder / "A.json").unlink()
    (folder / ".lock").unlink()
    (folder / ".lock").mkdir()
    with capture_logs() as logged:
        assert told(watched, AT + 73 * HOUR) == [("A", "overdue")]
        watched.look(AT + 74 * HOUR)
    assert [one["event"] for one in logged] == ["incident_unwritten"]


CONFIG = "systems: [{id: loan, country: VN}]\nstore: {path: state}\n"
STATE = ["policy", "clock", "state", "INC-1", "--by", "Lan"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pantau.yaml"
    file.write_text(CONFIG)
    return file


@pytest.mark.parametrize(
    "when",
    [
        "9999-12-30T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_a_year_that_cannot_be_meant_is_refused_and_nothing_written(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    assert main([*STATE, "--at", f"confirmed_at={when}", "-c", str(config)]) == 2
    said = capsys.readouterr().err
    assert "confirmed_at: is not between 1970-01-01T00:00:00Z and 9900-01-" in said
    assert not list((tmp_path / "state").rglob("*.json"))
    assert main([*STATE, "--at", "confirmed_at=2026-11-22T08:00:00Z", "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-1", "--by", "Lan", "--reason", "told"]
    assert main([*close, "--at", when, "-c", str(config)]) == 2


def test_the_last_moment_that_is_taken_has_a_deadline_by_the_longest_clock(
    store: Store, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longest = msgspec.structs.replace(CLOCKS[0], seconds=36_500 * 24 * HOUR)
    write(
        folder / "A.json",
        msgspec.json.encode(msgspec.structs.replace(GOOD, moments={"confirmed_at": LATEST})),
    )
    found = IncidentWatch(store, folder, {"loan": [longest]}, AgentMetrics("1")).look(AT)
    (notice,) = [item for item in found.items if isinstance(item, Notice)]
    assert notice.data["due"] == "9999-12-31T23:59:59Z"


def test_nothing_is_written_before_all_that_is_made_of_it_could_be_made(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise ValueError("no draft")

    monkeypatch.setattr("policies.clocks.draft", fails)
    assert main([*STATE, "--at", "confirmed_at=2026-11-22T08:00:00Z", "-c", str(config)]) == 3
    assert not list((tmp_path / "state").rglob("*.json"))
