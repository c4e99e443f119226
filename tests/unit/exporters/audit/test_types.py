"""The privacy linter: no record type can carry a text that nobody thought about."""

from __future__ import annotations

from collections.abc import Iterator
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
