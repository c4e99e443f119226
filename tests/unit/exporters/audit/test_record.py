from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
import rfc8785

from exporters.audit import types
from exporters.audit.record import Author, Draft, RecordRefused, drafts, rfc3339_ms, seal
from policies.model import Notice, Outgoing, Report, Signal
from tests.unit.exporters.audit.logs import judged
from tests.unit.exporters.samples import START, alert, psi, report, verdict

AUTHOR = Author(
    "test/loan-approval/01ARZ3NDEKTSV4RRFFQ69G5FAV", "boot-1", "0.1.0", f"sha256:{'c' * 64}"
)
DRAFT = Draft(name="clock.step", id=None, data={"step_ms": 2500})
GOLDEN = Path(__file__).parents[3] / "golden" / "audit_records.jsonl"


def seal_all(item: Outgoing) -> list[bytes]:
    return [
        seal(draft, AUTHOR, seq=seq, time=START + 0.5, mono=12)
        for seq, draft in enumerate(drafts(item), start=1)
    ]


def sealed(item: Outgoing) -> list[dict[str, object]]:
    return [msgspec.json.decode(payload) for payload in seal_all(item)]


def many_signals(count: int) -> Report:
    return report([psi(f"feature_{i:04d}") for i in range(count)], [verdict()])


def test_records_are_as_they_were_published() -> None:
    """Logs are kept for years: a change of these bytes is a new schema version."""
    notice = Notice(
        name="quarantine.summary",
        id="q-1",
        time=START,
        system="loan-approval",
        data={"total": 3, "reasons": {"not_json": 3}},
    )
    lines = [
        line
        for item in (judged(), alert(), alert(closed_at=START + 60), notice)
        for line in seal_all(item)
    ]
    assert b"".join(line + b"\n" for line in lines) == GOLDEN.read_bytes()


def test_a_report_becomes_its_signals_and_the_verdicts_on_them() -> None:
    window, judgement = sealed(judged())
    assert window["type"] == "io.pantau.audit.window.signals.v1"
    assert judgement["type"] == "io.pantau.audit.policy.verdict.v1"
    assert window["subject"] == "loan-approval/*"
    assert judgement["corr"] == {"window": window["id"]}
    assert judgement["sev"] == "alert"


def test_a_restated_report_says_so() -> None:
    first, *_ = sealed(judged(revision=0))
    again, *_ = sealed(judged(revision=1))
    assert again["type"] == "io.pantau.audit.window.restated.v1"
    assert again["id"] != first["id"]


def test_ids_depend_on_the_content_only() -> None:
    once = [seal(d, AUTHOR, seq=5, time=1.0, mono=1) for d in drafts(judged())]
    other = msgspec.structs.replace(AUTHOR, bootid="boot-2", origin="test/other/X")
    again = [seal(d, other, seq=9, time=2.0, mono=2) for d in drafts(judged())]
    ids = [[msgspec.json.decode(payload)["id"] for payload in run] for run in (once, again)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


@pytest.mark.parametrize("name", ["!", "~", "incident/7:a", "i" * 200])
def test_an_id_that_can_stand_in_a_record_stays_as_it_is(name: str) -> None:
    assert [draft.id for draft in drafts(notice_of(name))] == [name]


@pytest.mark.parametrize("name", ["", " ", "\x7f", "a b", "a\n", "Zoë", "i" * 201])
def test_an_id_that_cannot_stand_in_a_record_stands_there_by_its_hash(name: str) -> None:
    (record,) = sealed(notice_of(name))
    assert re.fullmatch("[0-9a-f]{32}", str(record["id"]))
    (other,) = sealed(notice_of(name + "\n"))
    assert other["id"] != record["id"]


def notice_of(name: str) -> Notice:
    return Notice(name="agent.start", id=name, time=START, system=None, data={})


def test_a_report_without_verdicts_is_one_record() -> None:
    assert [draft.name for draft in drafts(report([psi("income")]))] == ["window.signals"]


def test_a_large_report_comes_in_parts_that_fit() -> None:
    item = many_signals(1_000)
    payloads = [seal(d, AUTHOR, seq=1, time=0.0, mono=0) for d in drafts(item)]
    assert all(len(payload) <= types.MAX_RECORD for payload in payloads)
    parts = [msgspec.json.decode(payload) for payload in payloads[:-1]]
    assert [p["data"]["part"] for p in parts] == [
        {"i": i, "of": len(parts)} for i in range(1, len(parts) + 1)
    ]
    assert len({p["id"] for p in parts}) == len(parts) > 1
    written = [signal["subject"]["feature"] for p in parts for signal in p["data"]["signals"]]
    assert written == [f"feature_{i:04d}" for i in range(1_000)]


def test_parts_are_filled() -> None:
    *parts, last, _ = [
        seal(d, AUTHOR, seq=1, time=0.0, mono=0) for d in drafts(many_signals(1_000))
    ]
    assert all(len(part) > 50_000 for part in parts)
    assert last


def test_bytes_are_canonical_by_the_reference_implementation() -> None:
    for payload in seal_all(judged()):
        assert rfc8785.dumps(json.loads(payload)) == payload


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    broken = Signal(
        name="drift.psi", subject={}, value=value, low=0.1, high=0.2, method="m", n=1, status="ok"
    )
    with pytest.raises(RecordRefused):
        drafts(report([broken]))


def test_a_name_from_the_stream_cannot_make_a_report_unwritable() -> None:
    system = "s" * 512
    huge, broken = "v" * 70_000, "v\ud800"
    for version in (huge, broken):
        window, _ = sealed(
            report(
                [psi(version)],
                [verdict(subject={"feature": version})],
                version=version,
                system=system,
            )
        )
        assert len(str(window["subject"])) < 1_100


def test_two_long_names_stay_different() -> None:
    ids = {sealed(report(version="v" * 5_000 + end))[0]["id"] for end in ("a", "b")}
    assert len(ids) == 2


def test_a_long_annotation_is_cut_and_named_by_digest() -> None:
    (record,) = sealed(alert(summary="x" * 9_000))
    text = record["data"]["annotations"]["summary"]  # type: ignore[index]
    assert len(text) < 4_200
    assert "sha256:" in text


def test_a_notice_keeps_its_own_id() -> None:
    notice = Notice(name="agent.stop", id="agent.stop/7f", time=START, system=None, data={})
    (record,) = sealed(notice)
    assert record["id"] == "agent.stop/7f"
    assert "subject" not in record


def test_times_are_cut_to_milliseconds() -> None:
    assert rfc3339_ms(START + 0.9996) == "2026-01-01T00:00:00.999Z"


def test_a_record_over_the_limit_is_refused() -> None:
    crowd = {f"reason_{i}": "x" * 400 for i in range(200)}
    draft = Draft(
        name="alert.raised",
        id="a",
        data={
            "labels": crowd,
            "annotations": {},
            "starts": "2026-01-01T00:00:00Z",
            "resolved": None,
        },
    )
    with pytest.raises(RecordRefused, match="60000"):
        seal(draft, AUTHOR, seq=1, time=0.0, mono=0)
