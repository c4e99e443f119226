"""The privacy linter: no record type can carry a text that nobody thought about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from exporters.audit import types
from exporters.audit.record import RecordRefused, seal
from policies.model import Because, Coverage, Orphans, Partitions, Signal, Threshold, Verdict
from tests.unit.exporters.audit.test_record import AUTHOR, DRAFT


def strings(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Yield every place in a type where a string, or anything at all, may stand."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from strings(field.type)
    elif isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from strings(member)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        yield from strings(kind.item_type)
    elif isinstance(kind, inspect.DictType):
        yield from strings(kind.key_type)
        yield from strings(kind.value_type)
    elif isinstance(kind, inspect.StrType | inspect.AnyType | inspect.BytesType | inspect.RawType):
        yield kind


WORDS = {
    "": "actor.id agent.version model.name model.version source subject",
    "log.genesis": "created_by origin previous.origin",
    "log.resume": "",
    "log.close": "next.origin reason",
    "log.gap": "counts{key} origin reason",
    "log.key.rotate": "reason",
    "log.expire": "origin",
    "agent.start": "collectors[] exporters[] platform python systems[] version",
    "agent.stop": "reason",
    "heartbeat": "",
    "config.change": (
        "packs[] reason switched_off[] system version waivers[].loosens[] "
        "waivers[].pack waivers[].rule "
    ),
    "policy.change": (
        "packs[] reason switched_off[] system version waivers[].loosens[] "
        "waivers[].pack waivers[].rule "
    ),
    "reference.change": (
        "packs[] reason switched_off[] system version waivers[].loosens[] "
        "waivers[].pack waivers[].rule "
    ),
    "window.signals": (
        "coverage.incomplete_because signals[].method signals[].name "
        "signals[].reason signals[].reference signals[].subject{key} signals[].subject{} "
    ),
    "window.restated": (
        "coverage.incomplete_because signals[].method signals[].name "
        "signals[].reason signals[].reference signals[].subject{key} signals[].subject{} "
    ),
    "policy.verdict": (
        "judging.between[] judging.labels.signals[] judging.reviews.signals[] "
        "verdicts[].because[].name verdicts[].because[].subject{key} "
        "verdicts[].because[].subject{} verdicts[].principle verdicts[].reason "
        "verdicts[].rule verdicts[].subject{key} verdicts[].subject{} "
    ),
    "alert.raised": "annotations{key} annotations{} labels{key} labels{}",
    "alert.updated": "annotations{key} annotations{} labels{key} labels{}",
    "alert.closed": "annotations{key} annotations{} labels{key} labels{}",
    "alert.delivered": "exporter labels{key} labels{}",
    "case.opened": "labels{key} labels{} reason",
    "case.updated": "labels{key} labels{} reason",
    "case.closed": "labels{key} labels{} reason",
    "human.decision": "",
    "quarantine.summary": "offsets{key} source",
    "clock.step": "",
    "incident.clock": "source",
    "privacy.erasure": "",
    "privacy.disclosure": "",
    "evidence.made": "rules[]",
    "export.made": "",
}
"""Every field whose text has no fixed form: names from the configuration, fixed words of the
program, sentences from its own templates.  "" is the envelope.  Before a field is added here: can
what stands there come from an event, or from somebody who types?  Then it belongs in no record.
"""


def words(kind: inspect.Type, at: str = "") -> Iterator[str]:
    """Yield where in a type a text without a fixed form may stand."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from words(field.type, f"{at}.{field.name}".removeprefix("."))
    elif isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from words(member, at)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        yield from words(kind.item_type, f"{at}[]")
    elif isinstance(kind, inspect.DictType):
        yield from words(kind.key_type, f"{at}{{key}}")
        yield from words(kind.value_type, f"{at}{{}}")
    elif isinstance(kind, inspect.StrType) and kind.pattern is None:
        yield at


@pytest.mark.parametrize("name", sorted({"", *types.RECORDS}))
def test_a_text_without_a_fixed_form_stands_only_where_it_is_listed(name: str) -> None:
    kind = types.RECORDS[name] if name else types.Envelope
    assert sorted(set(words(inspect.type_info(kind)))) == WORDS.get(name, "").split(), (
        f"list the new text fields of {name or 'the envelope'}, if they may stand in the log at all"
    )


def test_who_decided_and_what_they_wrote_are_a_pseudonym_and_a_digest_only() -> None:
    draft = msgspec.structs.replace(
        DRAFT, name="human.decision", data={"case": "c1", "decision": "hold", "reason_code": "r1"}
    )
    payload = seal(draft, AUTHOR, seq=1, time=0.0, mono=0)
    for actor in ("siti@bank.example", "hmac-sha256:2026-Q1:abc", "x" * 64):
        named = payload.replace(
            b'"id":"pantau","type":"agent"', f'"id":"{actor}","type":"human"'.encode()
        )
        assert named != payload
        with pytest.raises(types.SchemaError, match="pseudonym"):
            types.read(named)
    good = f'"id":"hmac-sha256:2026-Q1:{"0a" * 32}","type":"human"'.encode()
    types.read(payload.replace(b'"id":"pantau","type":"agent"', good))


@pytest.mark.parametrize("name", sorted(types.RECORDS))
def test_every_string_of_a_record_type_is_of_a_listed_kind(name: str) -> None:
    for kind in strings(inspect.type_info(types.RECORDS[name])):
        assert isinstance(kind, inspect.StrType), f"{name} may hold {kind}"
        assert kind.pattern is not None or kind.max_length is not None, f"{name}: a bare string"


def test_the_linter_finds_a_bare_string() -> None:
    class Careless(msgspec.Struct):
        comment: str

    (found,) = strings(inspect.type_info(Careless))
    assert isinstance(found, inspect.StrType)
    assert found.pattern is None
    assert found.max_length is None


@pytest.mark.parametrize("name", sorted(types.RECORDS))
def test_no_record_type_takes_a_field_that_it_does_not_list(name: str) -> None:
    draft = msgspec.structs.replace(DRAFT, name=name, data={"customer": "Siti"})
    with pytest.raises(RecordRefused, match=name):
        seal(draft, AUTHOR, seq=1, time=0.0, mono=0)


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        (Coverage, types.CoverageData),
        (Orphans, types.OrphansData),
        (Partitions, types.PartitionsData),
        (Signal, types.SignalData),
        (Threshold, types.ThresholdData),
        (Because, types.BecauseData),
        (Verdict, types.VerdictData),
    ],
)
def test_records_list_what_reports_hold(model: Any, listed: Any) -> None:
    # A field added to a report and not here would make every report unwritable.
    assert listed.__struct_fields__ == model.__struct_fields__


def test_an_unknown_record_type_is_named() -> None:
    payload = seal(DRAFT, AUTHOR, seq=1, time=0.0, mono=0).replace(b"clock.step", b"clock.tick")
    with pytest.raises(
        types.SchemaError, match=r"unknown record type 'io\.pantau\.audit\.clock\.tick"
    ):
        types.read(payload)


@pytest.mark.parametrize(
    "moment",
    [
        "0000-01-01T00:00:00",
        "2026-00-01T00:00:00",
        "2026-13-45T99:99:99",
        "2026-02-29T00:00:00",
        "2100-02-29T00:00:00",
        "2026-04-31T00:00:00",
        "2026-01-01T24:00:00",
        "9999-12-31T23:59:60",
        "\u0662\u0660\u0662\u0666-01-01T00:00:00",
    ],
)
def test_a_moment_that_there_is_not_is_refused(moment: str) -> None:
    payload = seal(DRAFT, AUTHOR, seq=1, time=0.0, mono=0)
    told = payload.replace(b"1970-01-01T00:00:00.000Z", f"{moment}.000Z".encode())
    assert told != payload
    with pytest.raises(types.SchemaError, match="time"):
        types.read(told)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(f"{moment}Z", types.Moment)


@pytest.mark.parametrize("day", ["2024-02-29", "2000-02-29", "2026-04-30", "0001-01-01"])
def test_a_moment_that_there_is_is_taken(day: str) -> None:
    assert msgspec.convert(f"{day}T23:59:59Z", types.Moment) == f"{day}T23:59:59Z"


def test_a_line_break_behind_it_is_no_part_of_any_word() -> None:
    for kind, text in (
        (types.Moment, "2026-01-01T00:00:00Z"),
        (types.Word, "word"),
        (types.Digest, "sha256:" + "0" * 64),
        (types.TraceId, "0" * 32),
        (types.Person, f"hmac-sha256:k:{'0' * 64}"),
    ):
        assert msgspec.convert(text, kind) == text
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text + "\n", kind)


def test_the_contract_names_each_record() -> None:
    contract = (Path(__file__).parents[4] / "docs" / "contract.md").read_text(encoding="utf-8")
    names = contract.split("`io.pantau.audit.<name>.v1`, names:")[1].split("CloudEvents")[0]
    assert set(re.findall(r"`([a-z.]+)`", names)) >= set(types.RECORDS)
