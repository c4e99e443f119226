"""Notes, digests and alerts of a log, at the limits of what an honest agent writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import pytest

from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.read.content import ContentChecks
from exporters.audit.record import Author, Draft, drafts, seal
from tests.unit.exporters.audit.logs import judged, policy_change
from tests.unit.exporters.samples import START, alert

ORIGIN = "bank/loans/01ARZ3NDEKTSV4RRFFQ69G5FAV"
RUNS_WITH, OTHER = f"sha256:{'c' * 64}", f"sha256:{'d' * 64}"
NOTE, TEXT = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
GENESIS = {
    "origin": ORIGIN,
    "epoch": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "schema": "1.0.0",
    "created_by": "pantau 0.1.0",
    "previous": None,
}
LATER = GENESIS | {"previous": {"origin": "bank/loans/before", "size": 9, "root": None}}


class Said(NamedTuple):
    """A record: by which run, and which configuration it names."""

    draft: Draft
    boot: str = "boot-1"
    config: str = RUNS_WITH


def said(name: str, data: Mapping[str, Any], record_id: str | None = None, **by: str) -> Said:
    return Said(Draft(name=name, id=record_id, data=dict(data)), **by)


def start(config: str = RUNS_WITH, boot: str = "boot-1", named: str = RUNS_WITH) -> Said:
    record_id = f"agent.start/{boot.partition('.')[0]}"
    return said("agent.start", {"config_digest": config}, record_id, boot=boot, config=named)


def change(digest: str = TEXT, **more: Any) -> Said:
    return said("config.change", {"digest": digest, "blob": digest, **more}, f"change {more}"[:6])


def codes(*records: Said, blobs: Mapping[str, str] | None = None) -> list[str]:
    """Return what is found; `blobs` are those with a problem."""
    findings = Findings()
    checks = ContentChecks(findings, (blobs or {}).get)
    checks.begin("epoch")
    for seq, (draft, boot, config) in enumerate(records):
        author = Author(ORIGIN, boot, "0.1.0", config)
        payload = seal(draft, author, seq=seq, time=START, mono=seq)
        checks.take(*types.read(payload), f"entry {seq}")
    checks.conclude()
    return [finding.code for finding in findings.conclude(ORIGIN, len(records)).findings]


BEAT = {"interval_seconds": 60.0, "records": 1, "reports": 0, "alerts": 0, "events": None}
ERASED = said("privacy.erasure", {"what": "blob", "blob": NOTE}, "erasure")


@pytest.mark.parametrize(
    ("problem", "erased", "found"),
    [
        ("missing", False, ["note_missing"]),
        ("missing", True, []),
        ("altered", False, ["blob_altered"]),
        ("altered", True, ["blob_altered"]),
    ],
)
@pytest.mark.parametrize("genesis", [GENESIS, LATER])
def test_a_note_may_be_erased_and_not_edited(
    genesis: dict[str, Any], problem: str, erased: bool, found: list[str]
) -> None:
    records = [said("log.genesis", genesis), change(note=NOTE), *([ERASED] if erased else [])]
    assert codes(*records) == []
    assert codes(*records, blobs={NOTE: problem}) == found


@pytest.mark.parametrize(("genesis", "found"), [(GENESIS, ["note_missing"]), (LATER, [])])
def test_a_note_that_is_told_again_may_have_been_erased_in_an_epoch_that_is_deleted(
    genesis: dict[str, Any], found: list[str]
) -> None:
    again = change(note=NOTE, old=TEXT)
    assert codes(said("log.genesis", genesis), again, blobs={NOTE: "missing"}) == found


def test_the_notes_of_waivers_and_decisions_are_looked_for() -> None:
    waiver = {
        "rule": "DR-1",
        "pack": "bank",
        "loosens": [],
        "by": f"hmac-sha256:2026q1:{'0' * 64}",
        "note": NOTE,
        "expires": "2026-12-31",
    }
    decision = {"case": "c1", "decision": "hold", "reason_code": "r1", "note": NOTE}
    for record in (change(waivers=[waiver]), said("human.decision", decision, "decision")):
        assert codes(record) == []
        assert codes(record, blobs={NOTE: "missing"}) == ["note_missing"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("config.change", ["blob_missing"]),
        ("policy.change", ["blob_missing"]),
        ("reference.change", []),
    ],
)
def test_a_change_names_its_text_but_for_a_reference(name: str, found: list[str]) -> None:
    assert codes(said(name, {"digest": TEXT}, "change")) == found


@pytest.mark.parametrize("boot", ["boot-1", "boot-1.2"])
def test_a_run_names_the_configuration_that_it_started_with(boot: str) -> None:
    own = said("heartbeat", BEAT, boot=boot)
    assert codes(start(), own) == []
    assert codes(start(), own._replace(config=OTHER)) == ["config_unknown"]
    assert codes(start(), own._replace(boot="boot-2", config=OTHER)) == []


def test_what_a_run_wrote_before_it_told_its_start_counts() -> None:
    first = said("log.genesis", GENESIS)
    assert codes(first, start()) == []
    assert codes(first._replace(config=OTHER), start()) == ["config_unknown"]
    # A start that an earlier run could not write says nothing of this one.
    earlier = start()._replace(boot="boot-2", config=OTHER)
    assert codes(first._replace(boot="boot-2", config=OTHER), earlier) == []


def test_what_a_later_epoch_takes_over_names_what_its_own_run_started_with() -> None:
    taken = said("quarantine.summary", {"total": 1}, "summary", boot="boot-1.2", config=OTHER)
    assert codes(start(), taken) == []
    assert codes(start(), taken._replace(boot="boot-1")) == ["config_unknown"]


def test_a_run_starts_with_the_configuration_that_was_put_in_force() -> None:
    assert codes(change(RUNS_WITH), start()) == []
    assert codes(change(OTHER), start()) == ["config_unknown"]
    gap = said("log.gap", {"reason": "not written: refused, or no room"})
    assert codes(change(OTHER), gap, start()) == ["gap_recorded"]


def report(index: int = 0, boot: str = "boot-1", **judging: Any) -> list[Said]:
    """Return the records of a window with a breach of `drift.feature`, a ticket."""
    found = [Said(draft, boot) for draft in drafts(judged(index))]
    if judging:
        told = {"longest": True, **judging}
        draft = found[-1].draft
        found[-1] = Said(msgspec.structs.replace(draft, data={**draft.data, "judging": told}), boot)
    return found


def raised(**labels: str) -> Said:
    of_rule = {"rule": "drift.feature", "attribute": "", "severity": severity_of_breach()}
    made = alert()
    made = msgspec.structs.replace(
        made,
        labels=made.labels | of_rule | labels,
        annotations=made.annotations | {"state": "breach"},
    )
    return Said(drafts(made)[0])


def severity_of_breach() -> str:
    severity: str = judged(0).verdicts[0].severity
    return severity


def begun(genesis: dict[str, Any] = GENESIS) -> list[Said]:
    policy = drafts(policy_change())[0]
    data = {
        "digest": policy.data["digest"],
        "blob": policy.data["digest"],
        "system": "loan-approval",
    }
    return [said("log.genesis", genesis), said("policy.change", data, "policy")]


OTHERS = {"page": "ticket", "ticket": "page"}


def test_an_alert_has_the_severity_of_a_verdict_of_its_rule() -> None:
    wrong = raised(severity=OTHERS[severity_of_breach()])
    assert codes(*begun(), *report(), raised()) == []
    assert codes(*begun(), *report(), wrong) == ["alert_differs"]
    # The order in which they are written says nothing.
    assert codes(*begun(), wrong, *report()) == ["alert_differs"]
    assert codes(*begun(), raised(), *report()) == []


def test_an_alert_that_no_verdict_here_is_about_is_left_alone() -> None:
    wrong = {"severity": OTHERS[severity_of_breach()]}
    other = raised(**wrong, rule="another")
    assert codes(*begun(), *report(), other) == []
    assert codes(*begun(), *report(), raised(**wrong, alertname="PantauClock")) == []
    assert codes(*begun(), *report(), raised(**wrong, rule="coverage")) == []
    assert codes(*begun(LATER), *report(), raised(**wrong)) == []
    gap = said("log.gap", {"reason": "not written: refused, or no room"})
    assert codes(*begun(), gap, *report(), raised(**wrong)) == ["gap_recorded"]
    assert codes(*begun(), *report(between=["drift.psi"]), raised(**wrong)) == []


def test_no_alert_is_of_severity_info() -> None:
    assert codes(*begun(LATER), raised(severity="info", rule="another")) == ["alert_differs"]


def test_what_a_window_and_its_verdicts_name_is_one_policy() -> None:
    window, verdicts = report()
    forged = Said(msgspec.structs.replace(window.draft, policy=OTHER))
    assert codes(*begun(), window, verdicts) == []
    assert codes(*begun(), forged, verdicts) == ["policy_unknown"]
    forged = Said(msgspec.structs.replace(verdicts.draft, policy=OTHER))
    assert codes(*begun(), window, forged) == ["policy_unknown", "policy_unknown"]
    untold = Said(msgspec.structs.replace(verdicts.draft, policy=None))
    assert codes(*begun(), window, untold) == ["policy_unknown", "policy_unknown"]


def test_a_record_that_no_policy_judged_names_none() -> None:
    beat = said("heartbeat", BEAT)
    assert codes(*begun(), *report(), beat) == []
    forged = Said(msgspec.structs.replace(beat.draft, policy=OTHER))
    assert codes(*begun(), *report(), forged) == ["policy_unknown"]
