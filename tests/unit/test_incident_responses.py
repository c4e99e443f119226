"""How incidents are answered, by country and sector: counted once, over restarts too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agent.incident_responses import Responses
from agent.incident_watch import IncidentWatch
from agent.incidents import write
from agent.store import Changes, Store
from exporters.agent_metrics import AgentMetrics
from exporters.programme_metrics import ProgrammeMetrics
from policies.clocks import Ended, Incident, outcome_of, responses, ticking
from policies.effective import effective
from policies.load import load_packs

CLOCKS = effective(
    load_packs(["country-sg"]), oversight="human_in_the_loop", maturity="baseline"
).clocks
PLACE = {"country": "SG", "sector": "healthcare"}
HOUR, DAY = 3_600, 86_400
AT = 1_795_334_400
ASSESSED = AT + 2 * DAY
OPEN = Incident(
    id="INC-1",
    system="loan",
    event="data_breach",
    moments={"detected_at": AT, "aware_at": AT + HOUR, "assessed_notifiable_at": ASSESSED},
    by={},
)


def closed(incident: Incident, at: int) -> Incident:
    return msgspec.structs.replace(incident, closed=at, closed_by="x", reason="told")


class Agent:
    """An agent's watch over one folder; `restart` begins another one on the same store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder)
        self._begin()

    def _begin(self) -> None:
        self.registry = CollectorRegistry()
        clocks = {"loan": CLOCKS}
        counted = Responses({"loan": ("SG", "healthcare")}, clocks, ProgrammeMetrics(self.registry))
        self._watch = IncidentWatch(
            self.store, self.folder / "incidents", clocks, AgentMetrics("1"), None, counted
        )

    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.folder)
        self._begin()

    def look(self, now: float, *stated: Incident) -> None:
        for one in stated:
            write(self.folder / "incidents" / f"{one.id}.json", msgspec.json.encode(one))
        self.store.commit(Changes(put=self._watch.look(now).documents))

    def value(self, name: str, **more: str) -> float | None:
        return self.registry.get_sample_value(f"pantau_programme_{name}", {**PLACE, **more})

    def outcomes(self) -> dict[str, float | None]:
        names = ("in_time", "overdue", "not_started")
        return {n: self.value("incident_clocks_total", outcome=n) for n in names}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    made.store.close()


def test_times_count_from_detection_or_awareness_whichever_came_first() -> None:
    found = responses(closed(OPEN, ASSESSED + DAY))
    assert found == {"assessed": 2 * DAY, "closed": 3 * DAY}
    aware = msgspec.structs.replace(OPEN, moments={"aware_at": AT, "confirmed_at": AT + HOUR})
    assert responses(aware) == {"confirmed": HOUR}


def test_without_detection_and_awareness_there_is_no_time() -> None:
    only = msgspec.structs.replace(OPEN, moments={"confirmed_at": AT})
    assert responses(closed(only, AT + DAY)) == {}


def test_a_stage_before_detection_is_a_slip_and_no_time_of_zero() -> None:
    odd = msgspec.structs.replace(OPEN, moments={"detected_at": AT, "confirmed_at": AT - 60})
    assert responses(odd) == {}


@pytest.mark.parametrize(
    ("after", "outcome"), [(3 * DAY, "in_time"), (3 * DAY + 1, "overdue"), (None, None)]
)
def test_a_clock_is_in_time_until_it_is_due(after: int | None, outcome: str | None) -> None:
    incident = OPEN if after is None else closed(OPEN, ASSESSED + after)
    (clock,) = [c for c in CLOCKS if c.id == "sg-data-breach"]
    (one,) = ticking([clock], incident, ASSESSED + 100 * DAY)
    assert outcome_of(one) == outcome


def test_what_is_closed_is_counted_by_stage_and_outcome(agent: Agent) -> None:
    agent.look(AT)
    assert agent.outcomes() == {"in_time": 0, "overdue": 0, "not_started": 0}
    agent.look(ASSESSED, OPEN)
    assert (agent.value("incidents_open"), agent.value("incidents_overdue")) == (1, 0)
    assert agent.value("incident_response_seconds_count", stage="assessed") is None
    agent.look(ASSESSED + 4 * DAY)
    assert (agent.value("incidents_open"), agent.value("incidents_overdue")) == (1, 1)
    # Told four days after the assessment, a day too late; assessed within the thirty days.
    agent.look(ASSESSED + 5 * DAY, closed(OPEN, ASSESSED + 4 * DAY))
    assert agent.outcomes() == {"in_time": 1, "overdue": 1, "not_started": 0}
    assert (agent.value("incidents_open"), agent.value("incidents_overdue")) == (0, 0)
    assert agent.value("incident_response_seconds_sum", stage="closed") == 6 * DAY
    assert agent.value("incident_response_seconds_sum", stage="assessed") == 2 * DAY
    assert agent.value("incident_response_seconds_count", stage="confirmed") is None


def test_a_clock_that_never_started_is_neither_in_time_nor_late(agent: Agent) -> None:
    suspected = msgspec.structs.replace(OPEN, moments={"aware_at": AT})
    agent.look(AT + DAY, closed(suspected, AT + DAY))
    assert agent.outcomes() == {"in_time": 1, "overdue": 0, "not_started": 1}


def test_a_clock_ended_before_the_incident_counts_by_its_own_end(agent: Agent) -> None:
    told = Ended(at=ASSESSED + DAY, by="x", reason="told")
    late = msgspec.structs.replace(OPEN, ended={"sg-data-breach": told})
    agent.look(ASSESSED + 2 * DAY, late)
    assert agent.outcomes() == {"in_time": 0, "overdue": 0, "not_started": 0}
    agent.look(AT, closed(late, AT + 40 * DAY))
    assert agent.outcomes() == {"in_time": 1, "overdue": 1, "not_started": 0}


def test_a_restart_counts_nothing_twice_and_loses_nothing(agent: Agent) -> None:
    agent.look(AT, closed(OPEN, ASSESSED + HOUR), msgspec.structs.replace(OPEN, id="INC-2"))
    before = generate_latest(agent.registry)
    for file in (agent.folder / "incidents").iterdir():
        file.unlink()
    agent.restart()
    agent.look(AT + 1)
    assert generate_latest(agent.registry) == before
    assert agent.outcomes() == {"in_time": 2, "overdue": 0, "not_started": 0}
    assert agent.value("incidents_open") == 1


def test_a_closed_incident_whose_file_is_changed_is_not_counted_again(agent: Agent) -> None:
    agent.look(AT, closed(OPEN, ASSESSED + HOUR))
    agent.look(AT, closed(OPEN, ASSESSED + 9 * DAY))
    assert agent.outcomes() == {"in_time": 2, "overdue": 0, "not_started": 0}


def test_the_labels_are_country_sector_and_a_bounded_word(agent: Agent) -> None:
    agent.look(AT, closed(OPEN, ASSESSED + HOUR))
    text = generate_latest(agent.registry).decode()
    assert "INC-1" not in text
    labels = {
        key
        for metric in agent.registry.collect()
        if metric.name.startswith("pantau_programme_incident")
        for sample in metric.samples
        for key in sample.labels
    }
    assert labels == {"country", "sector", "stage", "outcome", "le"}
