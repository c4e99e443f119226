"""The running agent takes statements from files, records each change once, and loses none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.cli.main import main
from agent.incident_watch import IncidentWatch
from agent.incidents import MAX_FILE, read_all, write
from agent.store import Changes, Store
from exporters.agent_metrics import AgentMetrics
from exporters.audit.people import People
from exporters.audit.place import locate
from exporters.audit.record import Author, RecordRefused, drafts, seal
from exporters.audit.types import Envelope
from exporters.audit.types import read as read_record
from exporters.audit.vault import pseudonym
from exporters.open_clocks import OpenClocks
from policies.clocks import Incident, Statement
from policies.effective import effective
from policies.load import load_packs
from policies.model import Notice
from tests.support.file_calls import FileCalls

CLOCKS = effective(
    load_packs(["country-vn"]), oversight="human_in_the_loop", maturity="baseline"
).clocks
CONFIG = "systems: [{id: loan, country: VN}]\nstore: {path: state}\n"
STATE = ["policy", "clock", "state", "INC-1", "--by", "risk-officer"]
CONFIRMED = ["--at", "confirmed_at=2026-11-22T08:00:00Z"]
HOUR = 3_600
AT = 1_795_334_400
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pantau.yaml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state")
    yield opened
    opened.close()


def watch(store: Store, tmp_path: Path, metrics: AgentMetrics | None = None) -> IncidentWatch:
    folder = tmp_path / "state" / "incidents"
    return IncidentWatch(store, folder, {"loan": CLOCKS}, metrics or AgentMetrics("1"))


def told(watched: IncidentWatch, now: float) -> list[tuple[str, str]]:
    items = watched.look(now).items
    return [(i.data["clock"], i.data["state"]) for i in items if isinstance(i, Notice)]


def recorded(notice: Notice, folder: Path) -> tuple[Envelope, Any]:
    """Return the record that the audit log makes of a notice; it takes nobody's name."""
    (draft,) = drafts(notice)
    author = Author("example.org/log", "boot", "1", DIGEST)
    with pytest.raises(RecordRefused, match=r"at `\$.by`"):
        seal(draft, author, seq=0, time=AT, mono=0)
    people = People(locate(folder / "audit", folder / "state"), lambda: AT)
    data = people.without(draft.name, notice.id, draft.data)
    nobody = msgspec.structs.replace(draft, data=data)
    return read_record(seal(nobody, author, seq=0, time=AT, mono=0))


def ai(found: list[tuple[str, str]]) -> list[str]:
    return [state for _, state in found]


def test_a_statement_starts_the_clock_and_its_end_is_overdue(
    config: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = AgentMetrics("1")
    watched = watch(store, tmp_path, metrics)
    assert told(watched, AT) == []
    assert main([*STATE, *CONFIRMED, "-c", str(config), "--output", "json"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["state"], row["due"]) != ("waiting", None)
    assert row["due"] == "2026-11-25T08:00:00Z"
    assert ai(told(watched, AT + HOUR)) == ["running"]
    page = metrics.exposition().decode()
    name = f'pantau_incident_clock_remaining_seconds{{clock="{CLOCKS[0].id}",system="loan"}}'
    assert f"{name} {71 * HOUR:.1f}".replace(".0", "") in page.replace(".0\n", "\n")
    assert told(watched, AT + 2 * HOUR) == []
    assert ai(told(watched, AT + 73 * HOUR)) == ["overdue"]
    close = ["policy", "clock", "close", "INC-1", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config)]) == 0
    assert ai(told(watched, AT + 74 * HOUR)) == ["closed"]
    assert name not in metrics.exposition().decode()


def test_what_was_closed_is_not_told_again_after_a_restart(
    config: Path, store: Store, tmp_path: Path
) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-1", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config)]) == 0
    announced = watch(store, tmp_path).look(AT)
    assert [type(item) for item in announced.items] == [Notice]
    store.commit(Changes(put=announced.documents))
    assert told(watch(store, tmp_path), AT + HOUR) == []


def test_an_incident_of_a_system_that_is_gone_is_said_to_be_so(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    config.write_text(CONFIG.replace("id: loan", "id: other"))
    close = ["policy", "clock", "close", "INC-1", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config)]) == 2
    assert "no system is called 'loan'" in capsys.readouterr().err


def test_a_file_that_goes_missing_stops_no_clock(
    config: Path, store: Store, tmp_path: Path
) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    announced = watch(store, tmp_path).look(AT)
    store.commit(Changes(put=announced.documents))
    folder = tmp_path / "state" / "incidents"
    for file in folder.iterdir():
        file.unlink()
    again = watch(store, tmp_path).look(AT + 100 * HOUR)
    (notice,) = [item for item in again.items if isinstance(item, Notice)]
    assert notice.data["state"] == "overdue"


def test_the_record_is_of_its_type_and_names_the_law_and_who_said_so(
    config: Path, store: Store, tmp_path: Path
) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    (notice, _) = watch(store, tmp_path).look(AT).items
    assert isinstance(notice, Notice)
    envelope, data = recorded(notice, tmp_path)
    assert envelope.type == "io.pantau.audit.incident.clock.v1"
    assert (data.state, data.due) == ("running", "2026-11-25T08:00:00Z")
    assert data.by == pseudonym(tmp_path / "state", "risk-officer", AT)
    assert "VN-D142" in data.source


def test_a_second_statement_adds_to_the_first(config: Path, tmp_path: Path) -> None:
    assert main([*STATE, "--at", "detected_at=2026-11-22T07:00:00Z", "-c", str(config)]) == 0
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert set(incident.moments) == {"detected_at", "confirmed_at"}
    draft = (tmp_path / "state" / "incidents" / "INC-1.draft.md").read_text()
    assert "due 2026-11-25T08:00:00Z" in draft


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--at", "confirmed=2026-11-22T08:00:00Z"],
            "'confirmed' is no moment; did you mean 'confirmed_at'?",
        ),
        (["--at", "confirmed_at=yesterday"], "--at confirmed_at=yesterday: "),
        ([*CONFIRMED, "--by", "x" * 600], "is longer than 500 characters"),
        (
            [*CONFIRMED, "--event", "fire"],
            "'fire' is no kind of event; one of: ai_incident, data_breach",
        ),
    ],
)
def test_a_statement_that_cannot_be_meant_is_refused(
    config: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*STATE, *arguments, "-c", str(config)]) == 2
    assert says in capsys.readouterr().err


def test_an_id_cannot_leave_the_folder(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["policy", "clock", "state", "../x", "--by", "a", *CONFIRMED, "-c", str(config)]
    assert main(state) == 2
    assert "an incident's id needs" in capsys.readouterr().err


def test_garbage_beside_the_incidents_is_left_alone(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "incidents"
    good = Incident(
        id="A",
        system="loan",
        event="ai_incident",
        moments={"confirmed_at": AT},
        by={"confirmed_at": "x"},
    )
    write(folder / "A.json", msgspec.json.encode(good))
    write(folder / "B.json", b"{")
    write(folder / "C.json", b" " * 100_000)
    write(folder / "D.json", msgspec.json.encode(good))
    write(folder / "A.draft.md", b"# DRAFT")
    assert ai(told(watch(store, tmp_path), AT)) == ["running"]


def test_clocks_are_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    capsys.readouterr()
    assert main(["policy", "clock", "list", "-c", str(config)]) == 0
    out = capsys.readouterr().out
    assert "72 h from confirmed_at (ai_incident)" in out
    assert "INC-1" in out
    assert "nothing is sent" in out


def test_an_unknown_incident_gets_the_nearest(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-11", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config)]) == 2
    assert "there is no incident 'INC-11'; did you mean 'INC-1'?" in capsys.readouterr().err


def test_the_list_says_how_long_is_left_and_what_a_clock_waits_for(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = "confirmed_at=2099-01-01T00:00:00Z"
    assert main([*STATE, "--at", far, "-c", str(config)]) == 0
    seen = ["--at", "detected_at=2026-11-22T07:00:00Z"]
    assert main(["policy", "clock", "state", "INC-2", "--by", "a", *seen, "-c", str(config)]) == 0
    capsys.readouterr()
    assert main(["policy", "clock", "list", "-c", str(config)]) == 0
    text = capsys.readouterr().out
    first, second = (line for line in text.splitlines() if line.startswith("INC-"))
    assert " running " in first
    assert first.endswith(" h left")
    assert second.endswith("waits for confirmed_at")
    assert "VN-D142:19.3.a, verified 2026-11-22, confidence medium" in text


def test_what_is_open_reaches_the_exporters_until_it_is_closed(
    config: Path, store: Store, tmp_path: Path
) -> None:
    clocks = OpenClocks()
    folder = tmp_path / "state" / "incidents"
    watched = IncidentWatch(store, folder, {"loan": CLOCKS}, AgentMetrics("1"), clocks)
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    watched.look(AT)
    due = "due 2026-11-25T08:00:00Z, "
    title = "INC-1: Serious incident of an AI system, preliminary report: "
    assert clocks.words("loan", AT) == f"{title}running, {due}72 h 0 min left"
    assert clocks.words("loan", AT + 73 * HOUR) == f"{title}overdue, {due}overdue by 1 h 0 min"
    assert clocks.words("other", AT) == ""
    close = ["policy", "clock", "close", "INC-1", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config)]) == 0
    watched.look(AT + HOUR)
    assert clocks.words("loan", AT + HOUR) == ""


def test_what_is_closed_is_not_closed_again_with_another_reason(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-1", "-c", str(config), "--by"]
    assert main([*close, "first", "--reason", "told"]) == 0
    assert main([*close, "second", "--reason", "false alarm"]) == 2
    assert "the incident INC-1 was closed by first: told" in capsys.readouterr().err
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert (incident.closed_by, incident.reason) == ("first", "told")


def test_a_moment_in_the_future_is_taken_with_a_warning(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past, future = "detected_at=2020-01-01T00:00:00Z", "confirmed_at=2099-01-01T00:00:00Z"
    assert main([*STATE, "--at", past, "--at", future, "-c", str(config)]) == 0
    warned = capsys.readouterr().err
    assert "confirmed_at=2099-01-01T00:00:00Z is in the future; if that is a slip," in warned
    assert "detected_at" not in warned


def test_closing_may_say_when_it_was_told(config: Path, store: Store, tmp_path: Path) -> None:
    assert main([*STATE, "--at", "confirmed_at=2026-01-01T08:00:00Z", "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-1", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config), "--at", "2026-01-02T08:00:00Z"]) == 0
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert incident.closed is not None
    (notice,) = watch(store, tmp_path).look(AT).items
    assert isinstance(notice, Notice)
    _, data = recorded(notice, tmp_path)
    assert (data.state, data.closed) == ("closed", "2026-01-02T08:00:00Z")


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-01-01T07:59:59Z", "is before the first moment that was stated of it"),
        ("2099-01-01T00:00:00Z", "is in the future"),
        ("tomorrow", "--at tomorrow: "),
    ],
)
def test_an_end_that_cannot_be_meant_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str, says: str
) -> None:
    assert main([*STATE, "--at", "confirmed_at=2026-01-01T08:00:00Z", "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-1", "--by", "x", "--reason", "told", "-c"]
    assert main([*close, str(config), "--at", at]) == 2
    assert says in capsys.readouterr().err
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert incident.closed is None


BREACH = ["--event", "data_breach", "--at", "aware_at=2026-01-01T08:00:00Z"]


@pytest.fixture
def malaysia(config: Path) -> Path:
    config.write_text(CONFIG.replace("VN", "MY"))
    assert main([*STATE, *BREACH, "-c", str(config)]) == 0
    return config


def end(config: Path, *more: str) -> int:
    close = ["policy", "clock", "close", "INC-1", "--reason", "told", "--by"]
    return main([*close, "officer", *more, "-c", str(config)])


def test_the_last_clock_to_end_closes_the_incident(malaysia: Path, tmp_path: Path) -> None:
    day = ["--at", "2026-01-02T08:00:00Z"]
    assert end(malaysia, "--clock", "my-data-breach", *day) == 0
    ((first,), _) = read_all(tmp_path / "state" / "incidents")
    assert (first.closed, set(first.ended)) == (None, {"my-data-breach"})
    # What is stated later does not open it again.
    assert main([*STATE, *BREACH, "-c", str(malaysia)]) == 0
    assert end(malaysia, "--clock", "my-data-breach-persons", "--at", "2026-01-03T08:00:00Z") == 0
    ((last,), _) = read_all(tmp_path / "state" / "incidents")
    assert last.closed == last.ended["my-data-breach-persons"].at
    assert last.ended["my-data-breach"] == first.ended["my-data-breach"]


def test_the_record_of_a_clock_that_ended_alone_says_when_and_by_whose_word(
    malaysia: Path, tmp_path: Path
) -> None:
    assert end(malaysia, "--clock", "my-data-breach", "--at", "2026-01-02T08:00:00Z") == 0
    clocks = effective(
        load_packs(["country-my"]), oversight="human_in_the_loop", maturity="baseline"
    ).clocks
    store = Store(tmp_path / "other")
    watched = IncidentWatch(
        store, tmp_path / "state" / "incidents", {"loan": clocks}, AgentMetrics("1")
    )
    notices = [item for item in watched.look(AT).items if isinstance(item, Notice)]
    store.close()
    said = {n.data["clock"]: (n.data["state"], n.data.get("closed"), n.data["by"]) for n in notices}
    assert said == {
        "my-data-breach": ("closed", "2026-01-02T08:00:00Z", "officer"),
        "my-data-breach-persons": ("overdue", None, "risk-officer"),
    }


def test_a_clock_that_is_none_of_the_incident_or_has_ended_is_refused(
    malaysia: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(malaysia, "--clock", "my-data-breech") == 2
    said = capsys.readouterr().err
    assert "'my-data-breech' is no clock of the incident INC-1; did you mean" in said
    assert end(malaysia, "--clock", "my-data-breach") == 0
    assert end(malaysia, "--clock", "my-data-breach") == 2
    assert "the clock my-data-breach of INC-1 was ended by officer: told" in capsys.readouterr().err


@pytest.mark.parametrize("empty", ["", "  "])
def test_nobody_and_no_reason_are_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], empty: str
) -> None:
    assert main([*STATE, *CONFIRMED, "--by", empty, "-c", str(config)]) == 2
    assert "--by: is empty; name who answers for it" in capsys.readouterr().err
    assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
    close = ["policy", "clock", "close", "INC-1", "-c", str(config)]
    assert main([*close, "--by", "officer", "--reason", empty]) == 2
    assert "--reason: is empty; say why the clocks end" in capsys.readouterr().err
    assert main([*close, "--by", empty, "--reason", "told"]) == 2
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert incident.closed is None
    assert main([*close, "--by", " officer ", "--reason", " told "]) == 0
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert (incident.closed_by, incident.reason) == ("officer", "told")


LATER = ["--at", "confirmed_at=2026-11-24T08:00:00Z", "--by", "deputy"]


def test_a_moment_that_is_stated_again_is_said_and_the_former_word_is_kept(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main([*STATE, *CONFIRMED, "-c", str(config)]) == 0
        assert "stated before" not in capsys.readouterr().err
    assert main([*STATE, *LATER, "-c", str(config)]) == 0
    assert (
        "confirmed_at was stated before: 2026-11-22T08:00:00Z by risk-officer -> "
        "2026-11-24T08:00:00Z by deputy; clocks run from the new one, the former is kept"
    ) in capsys.readouterr().err
    ((incident,), _) = read_all(tmp_path / "state" / "incidents")
    assert incident.moments == {"confirmed_at": AT + 2 * 24 * HOUR}
    (former,) = incident.earlier
    assert (former.moment, former.at, former.by) == ("confirmed_at", AT, "risk-officer")
    draft = (tmp_path / "state" / "incidents" / "INC-1.draft.md").read_text()
    assert "2026-11-24T08:00:00Z, stated by deputy; before: 2026-11-22T08:00:00Z, stated" in draft


def test_the_log_holds_each_word_on_when_a_clock_starts(
    config: Path, store: Store, tmp_path: Path
) -> None:
    watched = watch(store, tmp_path)
    ids, told = [], []
    for said in (CONFIRMED, LATER, CONFIRMED):
        assert main([*STATE, *said, "-c", str(config)]) == 0
        (notice,) = [i for i in watched.look(AT).items if isinstance(i, Notice)]
        _, data = recorded(notice, tmp_path)
        ids.append(notice.id)
        told.append([data.by, *(f"{one.started} {one.by}" for one in data.earlier)])
    officer, deputy = (pseudonym(tmp_path / "state", who, AT) for who in ("risk-officer", "deputy"))
    first, second = f"2026-11-22T08:00:00Z {officer}", f"2026-11-24T08:00:00Z {deputy}"
    assert told == [[officer], [deputy, first], [officer, first, second]]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("moment", ["confirmed_at", "assessed_notifiable_at"])
def test_a_moment_before_anybody_knew_is_taken_with_a_warning(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    seen = ["--at", "aware_at=2026-03-01T09:00:00Z", "--at", "detected_at=2026-03-01T10:00:00Z"]
    assert main([*STATE, *seen, "--at", f"{moment}=2026-03-01T09:30:00Z", "-c", str(config)]) == 0
    assert " is before " not in capsys.readouterr().err
    assert main([*STATE, "--at", f"{moment}=2026-02-01T09:30:00Z", "-c", str(config)]) == 0
    warned = (
        f"{moment} (2026-02-01T09:30:00Z) is before aware_at (2026-03-01T09:00:00Z), which "
        "cannot be: state the wrong one again"
    )
    assert warned in capsys.readouterr().err
    assert warned in (tmp_path / "state" / "incidents" / "INC-1.draft.md").read_text()


def test_an_incident_is_never_written_larger_than_it_is_read(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state" / "incidents" / "INC-1.json"
    earlier = tuple(Statement(moment="confirmed_at", at=AT, by="x" * 500) for _ in range(117))
    known = Incident(
        id="INC-1",
        system="loan",
        event="ai_incident",
        moments={"confirmed_at": AT},
        by={"confirmed_at": "x" * 500},
        earlier=earlier,
    )
    body = msgspec.json.encode(known)
    assert MAX_FILE - 1_000 < len(body) <= MAX_FILE
    write(file, body)
    arguments = [*STATE, *CONFIRMED, "-c", str(config), "--by"]
    assert main([*arguments, "y" * 500]) == 2
    assert "has been stated again too often" in capsys.readouterr().err
    assert read_all(file.parent) == ([known], [])


def test_what_was_stated_is_durable_under_its_name(tmp_path: Path) -> None:
    with FileCalls().installed() as calls:
        write(tmp_path / "new" / "A.json", b"{}")
    told = [call for call in calls.seen if call in ("mkdir", "fsync", "rename")]
    # The folder's own entry, the content, the file's entry.
    assert told == ["mkdir", "fsync", "fsync", "rename", "fsync"]
