"""An incident's clocks reach a human by alerts of their own, each change once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.incident_watch import IncidentWatch
from agent.incidents import write
from agent.standing import standing
from agent.store import Changes, Store
from exporters.agent_metrics import AgentMetrics
from exporters.audit.record import Author, drafts, seal
from exporters.audit.types import read as read_record
from exporters.open_clocks import OpenClocks
from policies.clocks import Ended, Incident
from policies.effective import Clock, effective
from policies.load import load_packs
from policies.model import Alert

CLOCKS = effective(
    load_packs(["country-my"]), oversight="human_in_the_loop", maturity="baseline"
).clocks
HOUR = 3_600
AT = 1_795_334_400
STATED = Incident(
    id="INC-1",
    system="loan",
    event="data_breach",
    moments={"aware_at": AT},
    by={"aware_at": "jane.roe"},
)
AUTHORITY, PERSONS = "my-data-breach/INC-1", "my-data-breach-persons/INC-1"

Told = list[tuple[str, str, str]]


class Watched:
    """An agent's watch over a folder, and the alerts it has handed on."""

    def __init__(self, folder: Path, clocks: tuple[Clock, ...] = CLOCKS) -> None:
        self.folder = folder
        self.clocks = clocks
        self.metrics = AgentMetrics("1")
        self.open = OpenClocks()
        self.handed_on: list[Alert] = []
        self._begin()

    def _begin(self) -> None:
        self.store = Store(self.folder)
        self._watch = IncidentWatch(
            self.store, self.folder / "incidents", {"loan": self.clocks}, self.metrics, self.open
        )

    def restart(self, clocks: tuple[Clock, ...] | None = None) -> None:
        self.store.close()
        self.clocks = self.clocks if clocks is None else clocks
        self._begin()

    def state(self, incident: Incident) -> None:
        write(self.folder / "incidents" / f"{incident.id}.json", msgspec.json.encode(incident))

    def look(self, now: float, *, commit: bool = True) -> Told:
        """Return what changes of each alert: (change, rule, severity or overdue)."""
        announced = self._watch.look(now)
        if commit:
            self.store.commit(Changes(put=announced.documents))
        found = [item for item in announced.items if isinstance(item, Alert)]
        self.handed_on += found
        return [(a.change, a.labels["rule"], loudness(a)) for a in found]

    def standing(self) -> list[str]:
        return [a.labels["rule"] for a in standing(self.store, ["loan"]).alerts]


def loudness(alert: Alert) -> str:
    over = alert.labels["alertname"] == "PantauIncidentOverdue"
    return "overdue" if over else alert.labels["severity"]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.store.close()


def closed(incident: Incident) -> Incident:
    return msgspec.structs.replace(incident, closed=AT, closed_by="jane.roe", reason="told them")


def test_each_clock_goes_from_a_ticket_to_a_page_to_overdue_to_closed(watched: Watched) -> None:
    assert watched.look(AT) == []
    watched.state(STATED)
    assert watched.look(AT) == [("raised", PERSONS, "ticket"), ("raised", AUTHORITY, "ticket")]
    assert watched.look(AT + 47 * HOUR) == []
    assert watched.look(AT + 48 * HOUR) == [
        ("raised", AUTHORITY, "page"),
        ("closed", AUTHORITY, "ticket"),
    ]
    assert watched.look(AT + 73 * HOUR) == [
        ("raised", AUTHORITY, "overdue"),
        ("closed", AUTHORITY, "page"),
    ]
    assert watched.standing() == [PERSONS, AUTHORITY]
    watched.state(closed(STATED))
    assert watched.look(AT + 74 * HOUR) == [
        ("closed", PERSONS, "ticket"),
        ("closed", AUTHORITY, "overdue"),
    ]
    assert watched.handed_on[-1].annotations["resolution"] == "a human closed it"
    assert watched.look(AT + 200 * HOUR) == []
    assert watched.standing() == []


def test_one_clock_may_end_before_the_others(watched: Watched) -> None:
    watched.state(STATED)
    watched.look(AT)
    told = Ended(at=AT + HOUR, by="jane.roe", reason="told them")
    watched.state(msgspec.structs.replace(STATED, ended={"my-data-breach": told}))
    assert watched.look(AT + HOUR) == [("closed", AUTHORITY, "ticket")]
    assert watched.look(AT + 100 * HOUR) == []
    assert watched.standing() == [PERSONS]
    watched.restart()
    assert watched.look(AT + 101 * HOUR) == []


def test_a_restart_tells_nothing_twice_and_goes_on(watched: Watched) -> None:
    watched.state(STATED)
    watched.look(AT)
    watched.restart()
    assert watched.standing() == [PERSONS, AUTHORITY]
    assert watched.look(AT + HOUR) == []
    # The agent is away while the time runs out.
    watched.restart()
    assert watched.look(AT + 80 * HOUR) == [
        ("raised", AUTHORITY, "overdue"),
        ("closed", AUTHORITY, "ticket"),
    ]
    watched.restart()
    watched.state(closed(STATED))
    assert [change for change, _, _ in watched.look(AT + 81 * HOUR)] == ["closed", "closed"]
    watched.restart()
    assert watched.look(AT + 82 * HOUR) == []
    ids = [drafts(alert)[0].id for alert in watched.handed_on]
    assert len(set(ids)) == len(ids) == 6


def test_what_was_not_committed_is_told_by_the_next_start(watched: Watched) -> None:
    watched.state(STATED)
    assert len(watched.look(AT, commit=False)) == 2
    watched.restart()
    assert len(watched.look(AT)) == 2


def test_a_moment_stated_anew_changes_the_alert_and_raises_none(watched: Watched) -> None:
    watched.state(STATED)
    watched.look(AT)
    watched.state(msgspec.structs.replace(STATED, moments={"aware_at": AT - HOUR}))
    assert watched.look(AT + 1) == [
        ("updated", PERSONS, "ticket"),
        ("updated", AUTHORITY, "ticket"),
    ]
    assert watched.handed_on[-1].starts_at == AT
    assert watched.handed_on[-1].annotations["due"] == "2026-11-25T07:00:00Z"


def test_incidents_with_the_same_clock_have_alerts_of_their_own(watched: Watched) -> None:
    watched.state(STATED)
    watched.look(AT)
    watched.state(msgspec.structs.replace(STATED, id="INC-2"))
    assert watched.look(AT + HOUR) == [
        ("raised", "my-data-breach-persons/INC-2", "ticket"),
        ("raised", "my-data-breach/INC-2", "ticket"),
    ]


def without(name: str) -> tuple[Clock, ...]:
    return tuple(clock for clock in CLOCKS if clock.id != name)


def test_a_clock_that_the_policy_no_longer_has_goes_on_until_a_human_closes_it(
    watched: Watched,
) -> None:
    watched.state(STATED)
    watched.look(AT)
    watched.restart(without("my-data-breach"))
    assert watched.look(AT + HOUR) == [("updated", AUTHORITY, "ticket")]
    note = watched.handed_on[-1].annotations["note"]
    assert note.startswith("the policy in force no longer has this clock: it goes on")
    assert note in watched.handed_on[-1].annotations["description"]
    series = 'pantau_incident_clocks_open{clock="my-data-breach",state="running",system="loan"} 1.0'
    assert series in watched.metrics.exposition().decode()
    # Neither a lost file nor one of an older build takes the definition away.
    for file in (watched.folder / "incidents").glob("*.json"):
        file.unlink()
    watched.restart(())
    assert watched.look(AT + HOUR) == [("updated", PERSONS, "ticket")]
    watched.state(STATED)
    assert watched.look(AT + 73 * HOUR) == [
        ("raised", AUTHORITY, "overdue"),
        ("closed", AUTHORITY, "ticket"),
    ]
    watched.restart(CLOCKS)
    assert watched.look(AT + 74 * HOUR) == [
        ("updated", PERSONS, "ticket"),
        ("updated", AUTHORITY, "overdue"),
    ]
    assert "note" not in watched.handed_on[-1].annotations
    watched.restart(())
    watched.look(AT + 75 * HOUR)
    watched.state(closed(STATED))
    assert watched.look(AT + 76 * HOUR) == [
        ("closed", PERSONS, "ticket"),
        ("closed", AUTHORITY, "overdue"),
    ]
    assert watched.handed_on[-1].annotations["resolution"] == "a human closed it"
    series = 'pantau_incident_clocks_open{clock="my-data-breach",state="overdue",system="loan"} 0.0'
    assert series in watched.metrics.exposition().decode()


def test_a_clock_that_waits_is_not_ended_by_the_policy_either(watched: Watched) -> None:
    watched.state(msgspec.structs.replace(STATED, moments={}, by={}))
    watched.look(AT)
    watched.restart(())
    assert [change for change, _, _ in watched.look(AT + HOUR)] == ["updated", "updated"]
    assert watched.handed_on[-1].annotations["state"] == "waiting"


def test_a_clock_that_the_policy_changed_is_due_by_whichever_is_first(watched: Watched) -> None:
    def clocks(**fields: object) -> tuple[Clock, ...]:
        return tuple(
            msgspec.structs.replace(clock, **fields) if clock.id == "my-data-breach" else clock
            for clock in CLOCKS
        )

    def due() -> str:
        return watched.handed_on[-1].annotations["due"]

    watched.state(STATED)
    watched.look(AT)
    before = due()
    watched.restart(clocks(seconds=720 * HOUR))
    assert watched.look(AT) == [("updated", AUTHORITY, "ticket")]
    assert due() == before == "2026-11-25T08:00:00Z"
    assert "gives this clock another length" in watched.handed_on[-1].annotations["note"]
    watched.restart(clocks(seconds=24 * HOUR))
    watched.look(AT)
    assert due() == "2026-11-23T08:00:00Z"
    watched.restart(clocks(starts="confirmed_at"))
    watched.look(AT)
    assert due() == before
    # Other words are no other clock.
    watched.restart(clocks(title="Breach, to the Commissioner"))
    watched.look(AT)
    assert "note" not in watched.handed_on[-1].annotations


def test_the_record_of_an_alert_is_of_its_type_and_names_nobody(watched: Watched) -> None:
    watched.state(STATED)
    watched.look(AT)
    watched.state(closed(STATED))
    watched.look(AT + HOUR)
    changes = [alert.change for alert in watched.handed_on]
    assert changes == ["raised", "raised", "closed", "closed"]
    for alert in watched.handed_on:
        (draft,) = drafts(alert)
        author = Author("example.org/log", "boot", "1", "sha256:" + "0" * 64)
        record = seal(draft, author, seq=0, time=AT, mono=0)
        envelope, data = read_record(record)
        assert envelope.type == f"io.pantau.audit.alert.{alert.change}.v1"
        assert data.labels["alertname"] == "PantauIncidentClock"
        assert b"jane" not in record
        assert b"told them" not in record


def test_the_series_of_states_say_zero_where_there_is_none(watched: Watched) -> None:
    def page() -> str:
        return watched.metrics.exposition().decode()

    name = 'pantau_incident_clocks_open{clock="my-data-breach",state="%s",system="loan"} %s'
    assert "pantau_incident_clocks_open{" not in page()
    watched.look(AT)
    assert name % ("overdue", "0.0") in page()
    watched.state(STATED)
    watched.look(AT + 50 * HOUR)
    assert name % ("due_soon", "1.0") in page()
    watched.state(closed(STATED))
    watched.look(AT + 51 * HOUR)
    assert name % ("due_soon", "0.0") in page()


def test_each_alert_can_tell_how_long_its_own_clock_has(watched: Watched) -> None:
    watched.state(STATED)
    watched.look(AT)
    assert watched.open.left("loan", AUTHORITY, AT) == "72 h 0 min left"
    assert watched.open.left("loan", PERSONS, AT) == "7 d 0 h left"
    assert watched.open.left("loan", "FA-1", AT) == ""
