"""What a human decided is in the log; who they are and what they wrote is not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from exporters.audit import place, vault
from exporters.audit.decisions import decided
from exporters.audit.types import DecisionData
from policies.model import Human, Notice
from tests.support.audit_tree import require_whole
from tests.unit.exporters.audit.logs import NOTHING, Hands, names, number, records, writer
from tests.unit.exporters.samples import START

HOLD = DecisionData(case="case-1", decision="hold", reason_code="gap_confirmed", needs=2)
ACCOUNT, NOTE = "siti.canary@bank.example", "Customer Canary complained by phone"


def test_a_decision_is_recorded_under_a_pseudonym_with_its_text_sealed(tmp_path: Path) -> None:
    hands = Hands()
    exporter = writer(tmp_path, hands)
    exporter.start(NOTHING)
    at = place.find(tmp_path / "audit")
    made = [
        decided(at, HOLD, account=ACCOUNT, authn="oidc", now=hands.wall, note=NOTE, system="loans"),
        decided(at, HOLD, account=ACCOUNT, authn="oidc", now=hands.wall + 5),
        decided(at, HOLD, account="other@bank.example", authn="password", now=hands.wall),
    ]
    # Through the outbox, and delivered twice.
    made = [msgspec.json.decode(msgspec.json.encode(one), type=Notice) for one in made]
    exporter.export(number(made))
    exporter.export(number(made))
    exporter.stop(5.0)
    found = [r for r in require_whole(tmp_path / "audit") if ".human.decision." in r["type"]]
    assert [r["actor"]["type"] for r in found] == ["human"] * 3
    assert [r["actor"]["authn"] for r in found] == ["oidc", "oidc", "password"]
    first, again, other = (r["actor"]["id"] for r in found)
    assert first == again != other
    assert found[0]["subject"] == "loans"
    assert found[0]["data"]["decision"] == "hold"
    assert "note" not in found[1]["data"]
    digest = found[0]["data"]["note"]
    assert vault.unseal(at.state, at.public, digest).decode() == NOTE
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"canary" not in content.lower(), path
    vault.destroy(at.state, at.public, vault.actor_targets(at.state, ACCOUNT))
    vault.destroy(at.state, at.public, vault.blob_targets(at.state, digest))
    assert vault.pseudonym(at.state, ACCOUNT, hands.wall) != first
    require_whole(tmp_path / "audit")


def test_nobody_is_named_who_is_no_pseudonym(tmp_path: Path) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    at = place.find(tmp_path / "audit")
    with pytest.raises(ValueError, match="account"):
        decided(at, HOLD, account="", authn="oidc", now=START)
    good = decided(at, HOLD, account=ACCOUNT, authn="oidc", now=START)
    bad = msgspec.structs.replace(good, human=Human(ACCOUNT, "oidc"))
    exporter.export(number([bad]))
    exporter.stop(5.0)
    assert "human.decision" not in names(tmp_path / "audit")
    (gap,) = [r["data"] for r in records(tmp_path / "audit") if ".log.gap." in r["type"]]
    assert gap["counts"] == {"human.decision": 1}
