"""Names and typed words leave the data of a record before anything of it is written."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.audit import place, types, vault
from exporters.audit.people import People
from exporters.base import ExportError
from policies.model import Notice
from tests.support.audit_tree import require_whole
from tests.unit.exporters.audit.logs import (
    NOTHING,
    Hands,
    names,
    number,
    policy_change,
    records,
    writer,
)
from tests.unit.exporters.samples import START

WAIVER = {
    "rule": "DR-1",
    "pack": "bank",
    "loosens": ["severity of breach from page to ticket"],
    "by": "Mrs Tan",
    "reason": "as Mr Lim said",
    "expires": "2026-12-30",
}
WORDS = {"because": {"FA-2": {"bank": "Mr Lim again"}}}
CLOCK = {
    "incident": "INC-1",
    "event": "ai_incident",
    "clock": "c",
    "state": "running",
    "starts": "confirmed_at",
    "by": "Mrs Tan",
    "earlier": [{"started": "2026-01-01T00:00:00Z", "by": "Mr Lim"}],
    "source": "s",
    "verified_on": "2026-01-01",
    "confidence": "high",
}


def typed(**more: Any) -> Notice:
    notice = policy_change()
    return msgspec.structs.replace(notice, data={**notice.data, **more})


def test_what_is_sealed_is_of_its_type_and_opens_to_what_was_typed(tmp_path: Path) -> None:
    at = place.locate(tmp_path / "audit", tmp_path / "state")
    people = People(at, lambda: START)
    given = {"digest": "sha256:" + "0" * 64, "waivers": [WAIVER], "words": WORDS}
    data = people.without("policy.change", "id-1", given)
    found = msgspec.convert(data, types.ChangeData)
    (waiver,) = found.waivers
    assert waiver.by == vault.pseudonym(at.state, "Mrs Tan", START)
    assert vault.unseal(at.state, at.public, waiver.note) == b"as Mr Lim said"
    assert found.note is not None
    assert json.loads(vault.unseal(at.state, at.public, found.note)) == WORDS
    assert given["waivers"] == [WAIVER]
    said = msgspec.convert(people.without("incident.clock", "id-2", CLOCK), types.IncidentClockData)
    assert said.by == waiver.by
    assert said.earlier[0].by == vault.pseudonym(at.state, "Mr Lim", START)


@pytest.mark.parametrize("name", ["config.change", "policy.change"])
def test_without_words_nothing_is_sealed(tmp_path: Path, name: str) -> None:
    at = place.locate(tmp_path / "audit", tmp_path / "state")
    given = {"digest": "sha256:" + "0" * 64, "waivers": [], "words": {}}
    data = People(at, lambda: START).without(name, "id", given)
    assert data == {"digest": given["digest"]}
    assert list(tmp_path.iterdir()) == []


def test_a_name_in_the_next_quarter_is_another(tmp_path: Path) -> None:
    at = place.locate(tmp_path / "audit", tmp_path / "state")
    now = [float(START)]
    people = People(at, lambda: now[0])
    first = people.without("incident.clock", "a", CLOCK)["by"]
    assert people.without("incident.clock", "b", CLOCK)["by"] == first
    now[0] += 100 * 86_400
    assert people.without("incident.clock", "c", CLOCK)["by"] != first


def test_a_record_that_has_to_be_tried_again_is_sealed_once_and_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    wal = exporter._opened().wal
    append = wal.append

    def full(payloads: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(wal, "append", full)
    notice = typed(waivers=[WAIVER], words=WORDS)
    for _ in range(3):
        with pytest.raises(ExportError):
            exporter.export(number([notice]))
    monkeypatch.setattr(wal, "append", append)
    exporter.export(number([notice]))
    exporter.export(number([notice]))
    exporter.stop(1.0)
    at = place.find(tmp_path / "audit")
    (change,) = [r["data"] for r in records(at.public) if ".policy.change." in r["type"]]
    named = {change["blob"], change["note"], change["waivers"][0]["note"]}
    assert {f"sha256:{path.name}" for path in (at.public / "blobs").iterdir()} == named
    assert exporter._writer._people._made == {}
    require_whole(at.public)


def test_half_a_character_in_a_name_or_reason_loses_no_record(tmp_path: Path) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    odd = {"by": "\ud800" + "x" * 5_000, "reason": "\ud800"}
    clock = msgspec.structs.replace(
        typed(), name="incident.clock", id="odd", data={**CLOCK, "by": odd["by"]}
    )
    change = typed(waivers=[{**WAIVER, **odd}], words={"a": "\ud800"})
    exporter.export(number([clock, change]))
    exporter.stop(1.0)
    require_whole(tmp_path / "audit")
    assert {"incident.clock", "policy.change"} < set(names(tmp_path / "audit"))
