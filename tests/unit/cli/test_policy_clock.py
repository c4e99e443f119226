"""The commands of incident clocks: what they know, what they refuse, what they print."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from agent.cli.main import main
from agent.incident_watch import IncidentWatch
from agent.incidents import read_all
from agent.store import Changes, Store
from exporters.agent_metrics import AgentMetrics
from policies.clocks import Incident
from policies.effective import effective
from policies.load import load_packs

CLOCKS = effective(
    load_packs(["country-vn"]), oversight="human_in_the_loop", maturity="baseline"
).clocks
AT = 1_795_334_400
CONFIG = "systems: [{id: loan, country: VN}]\nstore: {path: state}\n"
CONFIRMED = ["--at", "confirmed_at=2026-11-22T08:00:00Z"]
AUTOMATIC = CONFIG + "policies: {automatic: false}\n"
GONE = "the policy in force no longer has this clock"


class Lab:
    """A configuration in a folder, and what the last command printed."""

    def __init__(self, folder: Path, printed: pytest.CaptureFixture[str]) -> None:
        self.folder, self._printed = folder, printed
        self.config(CONFIG)
        self.out = self.err = ""

    def config(self, text: str) -> None:
        (self.folder / "pantau.yaml").write_text(text)

    def run(self, *words: str) -> int:
        self._printed.readouterr()
        code = main([*words, "-c", str(self.folder / "pantau.yaml")])
        self.out, self.err = self._printed.readouterr()
        return code

    def state(self, *more: str, by: str = "Lan") -> int:
        return self.run("policy", "clock", "state", "INC-1", *more, "--by", by)

    def close(self, *more: str, reason: str = "told") -> int:
        return self.run(
            "policy", "clock", "close", "INC-1", "--by", "Lan", "--reason", reason, *more
        )

    def rows(self) -> list[dict[str, str]]:
        assert self.run("policy", "clock", "list", "--output", "json") == 0
        return [json.loads(line) for line in self.out.splitlines()]

    def incident(self) -> Incident:
        ((one,), _) = read_all(self.folder / "state" / "incidents")
        return one

    def agent_takes_it(self) -> None:
        """Let an agent take in what is stated, and stop."""
        store = Store(self.folder / "state")
        folder = self.folder / "state" / "incidents"
        watch = IncidentWatch(store, folder, {"loan": CLOCKS}, AgentMetrics("1"))
        store.commit(Changes(put=watch.look(AT).documents))
        store.close()

    def lose(self) -> None:
        for file in (self.folder / "state" / "incidents").iterdir():
            file.unlink()


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lab:
    return Lab(tmp_path, capsys)


def test_a_key_of_the_configuration_ends_no_clock(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    lab.config(AUTOMATIC)
    (row,) = lab.rows()
    assert (row["clock"], row["due"]) == ("vn-ai-serious-incident", "2026-11-25T08:00:00Z")
    assert row["definition"] == "gone"
    assert lab.run("policy", "clock", "list") == 0
    assert f"INC-1, vn-ai-serious-incident: {GONE}" in lab.out
    assert "(VN-D142:19.3.a)" in lab.out
    assert lab.state("--at", "detected_at=2026-11-22T07:00:00Z") == 0
    draft = (lab.folder / "state" / "incidents" / "INC-1.draft.md").read_text()
    assert "due 2026-11-25T08:00:00Z" in draft
    assert GONE in draft
    assert lab.close("--clock", "vn-ai-serious-incident") == 0
    assert lab.incident().closed is not None
    assert lab.run("policy", "clock", "list") == 0
    assert GONE not in lab.out


def test_check_names_open_incidents_whose_clocks_the_policy_no_longer_has(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    lab.agent_takes_it()
    assert "INC-1" not in checked(lab)
    lab.config(AUTOMATIC)
    lab.lose()
    says = "the incident INC-1 is open, with the clock vn-ai-serious-incident"
    assert f"{says} (" in checked(lab)
    assert GONE in checked(lab)
    lab.config(CONFIG.replace("loan", "card"))
    assert "INC-1 is open, and its system 'loan' is not configured" in checked(lab)
    lab.config(AUTOMATIC)
    assert lab.close() == 0
    assert "INC-1" not in checked(lab)


def checked(lab: Lab) -> str:
    lab.run("check")
    return lab.out


def test_an_incident_whose_file_is_lost_is_listed_and_closed(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    lab.agent_takes_it()
    lab.lose()
    assert [row["incident"] for row in lab.rows()] == ["INC-1"]
    assert lab.close() == 0
    assert lab.incident().moments == {"confirmed_at": AT}
    lab.lose()
    assert lab.close() == 0
    lab.agent_takes_it()
    lab.lose()
    assert lab.close() == 2
    assert "the incident INC-1 was closed by Lan: told" in lab.err
    assert lab.state(*CONFIRMED) == 2
    assert "the incident INC-1 is closed" in lab.err


def test_a_lost_file_takes_no_running_clock_back_to_waiting(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    lab.agent_takes_it()
    lab.lose()
    assert lab.state("--at", "detected_at=2026-11-22T07:00:00Z", by="Minh") == 0
    assert [row["state"] for row in lab.rows()] != ["waiting"]
    now = lab.incident()
    assert now.by == {"confirmed_at": "Lan", "detected_at": "Minh"}
    lab.lose()
    assert lab.state("--at", "confirmed_at=2026-11-23T08:00:00Z", by="Minh") == 0
    assert "confirmed_at was stated before: 2026-11-22T08:00:00Z by Lan" in lab.err
    ((former),) = lab.incident().earlier
    assert (former.at, former.by) == (AT, "Lan")
    lab.lose()
    assert lab.state(*CONFIRMED, "--event", "data_breach") == 2
    assert "the incident INC-1 is ai_incident of loan" in lab.err


def test_beside_an_agent_the_files_are_what_is_known(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    lab.agent_takes_it()
    running = Store(lab.folder / "state")
    assert [row["incident"] for row in lab.rows()] == ["INC-1"]
    lab.lose()
    assert lab.rows() == []
    assert lab.close() == 2
    assert "there is no incident 'INC-1'" in lab.err
    assert "if it knows the incident, it writes its file in a moment" in lab.err
    running.close()


def test_a_store_that_cannot_be_read_is_said(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    (lab.folder / "state" / "pantau.sqlite").write_bytes(b"no database, but long enough " * 9)
    assert [row["incident"] for row in lab.rows()] == ["INC-1"]
    assert "incidents that have no file any more are not seen" in lab.err


def test_a_moment_is_stated_once_in_a_command(lab: Lab) -> None:
    other = "confirmed_at=2026-11-23T08:00:00Z"
    assert lab.state(*CONFIRMED, "--at", other) == 2
    assert f"--at {other}: confirmed_at is given twice; state each moment once" in lab.err
    assert not (lab.folder / "state").exists()


@pytest.mark.parametrize("nobody", ["\u200b", "\u2060 \u00ad", "\u3164", "\u0301", "\u2800"])
def test_a_name_that_nobody_can_see_is_none(lab: Lab, nobody: str) -> None:
    assert lab.state(*CONFIRMED, by=nobody) == 2
    assert "--by: is empty; name who answers for it" in lab.err
    assert lab.state(*CONFIRMED) == 0
    assert lab.close(reason=nobody) == 2
    assert "--reason: is empty" in lab.err


@pytest.mark.parametrize(
    ("acts", "code"),
    [
        ("\x1b[31mLan", "U+001B"),
        ("Lan\nMinh", "U+000A"),
        ("\u202eLan", "U+202E"),
        ("Lan\udcff", "U+DCFF"),
    ],
)
def test_a_name_that_acts_on_a_terminal_is_refused(lab: Lab, acts: str, code: str) -> None:
    assert lab.state(*CONFIRMED, by=acts) == 2
    assert f"--by: holds the control character {code}, which would act on a terminal" in lab.err
    assert lab.state(*CONFIRMED) == 0
    assert lab.close(reason=acts) == 2
    assert f"--reason: holds the control character {code}" in lab.err


@pytest.mark.parametrize("who", ["Nguyễn Thị Lan", "အောင်ဆန်း", "ស៊ីម\u200bសុខ", "risk-officer", "陈"])
def test_names_of_all_scripts_are_taken(lab: Lab, who: str) -> None:
    assert lab.state(*CONFIRMED, by=who) == 0
    assert lab.incident().by == {"confirmed_at": who}


def test_what_is_in_a_file_is_shown_and_does_not_act(lab: Lab) -> None:
    assert lab.state(*CONFIRMED) == 0
    file = lab.folder / "state" / "incidents" / "INC-1.json"
    acting = msgspec.structs.replace(lab.incident(), by={"confirmed_at": "\x1b[31mLan"})
    file.write_bytes(msgspec.json.encode(acting))
    assert lab.state("--at", "confirmed_at=2026-11-23T08:00:00Z") == 0
    assert "by \\x1b[31mLan ->" in lab.err
    draft = file.with_suffix(".draft.md").read_text()
    assert "stated by \\x1b[31mLan" in draft
    closed = msgspec.structs.replace(acting, closed=AT, closed_by="\x1b[31m", reason="\x1b[2J")
    file.write_bytes(msgspec.json.encode(closed))
    assert lab.close() == 2
    assert "was closed by \\x1b[31m: \\x1b[2J" in lab.err
    for text in (lab.out, lab.err, draft):
        assert "\x1b" not in text


PACK = """\
id: ours
kind: team
title: T
version: 1.0.0
include: [asean-guide]
clocks:
  - {id: five, title: Told, event: ai_incident, starts: confirmed_at, days: 5, calendar: false,
     recipient: the board, source: our handbook, verified_on: 2026-11-22, confidence: high}
"""
WORKING = (
    "5 working days (counted as 120 h, so never too late: weekends and holidays are not known)"
)


def test_working_days_are_called_so_everywhere(lab: Lab) -> None:
    (lab.folder / "ours.yaml").write_text(PACK)
    lab.config("systems: [{id: loan}]\nstore: {path: state}\npolicies: {packs: [ours.yaml]}\n")
    assert lab.state(*CONFIRMED) == 0
    assert lab.incident().moments == {"confirmed_at": AT}
    assert f"five: {WORKING} from confirmed_at" in lab.out
    draft = (lab.folder / "state" / "incidents" / "INC-1.draft.md").read_text()
    assert f"{WORKING} from confirmed_at" in draft
    assert "due 2026-11-27T08:00:00Z" in draft
    (row,) = lab.rows()
    assert row["length"] == WORKING
    assert lab.run("policy", "explain") == 0
    assert f"five: {WORKING} from confirmed_at" in lab.out


def test_show_calls_working_days_so(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    (lab.folder / "ours.yaml").write_text(PACK)
    assert main(["policy", "show", str(lab.folder / "ours.yaml")]) == 0
    assert f"five: {WORKING} from confirmed_at" in capsys.readouterr().out
    assert main(["policy", "show", "country-my"]) == 0
    assert "my-data-breach-persons: 7 days from aware_at" in capsys.readouterr().out
