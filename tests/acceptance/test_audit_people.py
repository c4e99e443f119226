"""What people type about people is published nowhere: names, reasons, owners, over the whole agent.

Who approved or stated something stands under a pseudonym, and words are sealed; both can be erased.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.run import assemble, start, stop
from exporters.audit import place, vault
from tests.acceptance.test_audit_privacy import page_of
from tests.support.audit_records import records as logged
from tests.support.audit_tree import names, require_whole
from tests.support.decisions import as_lines, decisions, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z
APPROVER = "Mrs Tan Canary <tan@bank.example>"
OFFICER = "Siti Canary"
CONFIG = """\
systems:
  - id: loans
    owner: Owner Canary <owner@bank.example>
    country: VN
    event: {id: id, time: at, prediction: approve}
    task: classification
    favourable: 1
    audit_attributes:
      gender:
        privileged: m
        lawful_basis: t
        purpose: t
        dpia_ref: T-1
        expires: 2099-12-31
        waiver: {by: Card Canary, reason: as the canary's lawyer said, expires: 2026-12-30}
    mitigations: [{date: 2026-01-01, rule: FA-1, attribute: gender, note: Mr Canary retrained it}]
    windows: [5m]
    time: {lateness: 5s}
collectors:
  - {type: file, path: live.jsonl, follow: true}
policies: {packs: [bank.yaml]}
exporters:
  - {type: audit, path: audit, checkpoint_every: 1s}
  - {type: prometheus, host: 127.0.0.1, port: 0}
"""
BANK = """\
id: bank
kind: team
title: Ours
version: 1.0.0
include: [asean-guide]
changes:
  - rule: TR-2
    disable: true
    reason: Mr Lim Canary asked for it
    waiver: {by: "%s", reason: %s, expires: 2026-12-30}
  - rule: FA-2
    thresholds: {human_in_the_loop: {warn: {at: 0.95, origin: ours}}}
    reason: Mr Lim Canary wants it stricter
"""
REASON = "agreed with Mr Lim after the canary complained"


def test_names_reasons_and_owners_are_published_nowhere_and_can_be_erased(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(1_500, start=START, every=1)
    write_lines(tmp_path / "live.jsonl", as_lines(rows))
    configure(tmp_path, APPROVER, REASON)
    clock(tmp_path, "state", "--at", "confirmed_at=2026-01-01T00:00:00Z", "--by", OFFICER)
    pages = [run(tmp_path, "incident.clock", 1)]
    clock(tmp_path, "state", "--at", "confirmed_at=2026-01-01T01:00:00Z", "--by", APPROVER)
    clock(tmp_path, "close", "--by", OFFICER, "--reason", "Canary is informed")
    capfd.readouterr()
    pages.append(run(tmp_path, "incident.clock", 2))
    pages.append(run(tmp_path, "agent.start", 3))
    printed = capfd.readouterr()
    records = require_whole(tmp_path / "audit")
    at = place.find(tmp_path / "audit")
    for text in (*pages, printed.out, printed.err):
        assert "canary" not in text.replace(str(tmp_path), "").lower()
    require_nobody(tmp_path)

    change = one(records, "policy.change")
    (waiver,) = change["waivers"]
    assert waiver["by"] == pseudonym(at, APPROVER)
    assert vault.unseal(at.state, at.public, waiver["note"]).decode() == REASON
    assert opened(at, change["note"]) == {
        "because": {"FA-2": {"bank": "Mr Lim Canary wants it stricter"}}
    }
    assert opened(at, one(records, "config.change")["note"]) == {
        "systems[0].owner": "Owner Canary <owner@bank.example>",
        "systems[0].audit_attributes.gender.waiver.by": "Card Canary",
        "systems[0].audit_attributes.gender.waiver.reason": "as the canary's lawyer said",
        "systems[0].mitigations[0].note": "Mr Canary retrained it",
    }
    clocks = [r["data"] for r in records if ".incident.clock." in r["type"]]
    assert [(c["state"], c["by"]) for c in clocks] == [
        ("overdue", pseudonym(at, OFFICER)),
        ("closed", pseudonym(at, OFFICER)),
    ]
    assert clocks[1]["earlier"] == [
        {"started": "2026-01-01T00:00:00Z", "by": pseudonym(at, OFFICER)}
    ]

    assert main(["audit", "unseal", str(at.public), waiver["note"]]) == 0
    assert capfd.readouterr().out == REASON + "\n"
    before = {path: path.read_bytes() for path in at.public.rglob("tile/**/*") if path.is_file()}
    assert main(["audit", "erase", str(at.public), "--actor", APPROVER]) == 0
    assert main(["audit", "erase", str(at.public), "--blob", waiver["note"]]) == 0
    assert pseudonym(at, APPROVER) != waiver["by"]
    assert main(["audit", "unseal", str(at.public), waiver["note"]]) == 2
    assert "cannot be read any more" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
    run(tmp_path, "privacy.erasure", 2)
    records = require_whole(tmp_path / "audit")
    erased = [r["data"]["what"] for r in records if ".privacy.erasure." in r["type"]]
    # Two requests of one moment are recorded in the order of their ids.
    assert sorted(erased) == ["actor", "blob"]
    require_nobody(tmp_path)


def test_another_approver_or_reason_is_a_record_of_its_own_by_the_same_digest(
    tmp_path: Path,
) -> None:
    write_lines(tmp_path / "live.jsonl", as_lines(decisions(400, start=START, every=1)))
    configure(tmp_path, APPROVER, REASON)
    run(tmp_path, "policy.verdict", 2)
    run(tmp_path, "agent.start", 2)
    configure(tmp_path, OFFICER, REASON)
    run(tmp_path, "policy.change", 2)
    configure(tmp_path, OFFICER, "the canary's second reason")
    run(tmp_path, "policy.change", 3)
    run(tmp_path, "agent.start", 5)
    records = require_whole(tmp_path / "audit")
    at = place.find(tmp_path / "audit")
    changes = [r["data"] for r in records if ".policy.change." in r["type"]]
    assert len({change["digest"] for change in changes}) == 1
    said = [
        (w["by"], vault.unseal(at.state, at.public, w["note"]).decode())
        for change in changes
        for w in change["waivers"]
    ]
    assert said == [
        (pseudonym(at, APPROVER), REASON),
        (pseudonym(at, OFFICER), REASON),
        (pseudonym(at, OFFICER), "the canary's second reason"),
    ]
    assert main(["audit", "verify", str(at.public), "--replay"]) == 4
    require_nobody(tmp_path)


def configure(folder: Path, by: str, reason: str) -> None:
    (folder / "bank.yaml").write_text(BANK % (by, reason))
    (folder / "pantau.yaml").write_text(CONFIG)


def clock(folder: Path, what: str, *arguments: str) -> None:
    file = str(folder / "pantau.yaml")
    assert main(["policy", "clock", what, "INC-1", "-c", file, *arguments]) == 0


def run(folder: Path, name: str, least: int) -> str:
    """Run the agent until the log has so many records of a name; return its page of metrics."""
    parts = assemble(load(folder / "pantau.yaml"))
    try:
        start(parts)
        end = time.monotonic() + 60
        while names(logged(folder / "audit")).count(name) < least:
            assert time.monotonic() < end
            parts.stopping.wait(0.05)
        page = page_of(parts)
        stop(parts, "test")
    finally:
        parts.store.close()
    return page


def require_nobody(folder: Path) -> None:
    """Look for the words in all that is published, and in the log's private part."""
    searched = 0
    for part in ("audit", "audit.state"):
        for path in (folder / part).rglob("*"):
            if path.is_file():
                searched += 1
                content = path.read_bytes().lower()
                found = [word for word in WORDS if word in content]
                assert found == [], f"{path.relative_to(folder)} holds {found}"
    assert searched > 8


WORDS = (b"canary", b"mrs tan", b"mr lim", b"bank.example", b"complained")


def one(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the data of the only record of this name."""
    (found,) = [r["data"] for r in records if r["type"] == f"io.pantau.audit.{name}.v1"]
    return dict(found)


def pseudonym(at: place.Place, account: str) -> str:
    return vault.pseudonym(at.state, account, time.time())


def opened(at: place.Place, digest: str) -> Any:
    return json.loads(vault.unseal(at.state, at.public, digest))
