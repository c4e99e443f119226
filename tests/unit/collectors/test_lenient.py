"""NaN becomes null where it is a value, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decoders.lenient import parse, without_nan

words = st.text('a"\\NaN ,:{}', max_size=12) | st.sampled_from(["NaN", '"NaN"', "\\NaN", ":NaN,"])
values: st.SearchStrategy[Any] = st.recursive(
    words | st.just(float("nan")) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def nulled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: nulled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [nulled(inner) for inner in value]
    return None if value != value else value


@given(st.dictionaries(words, values, max_size=4))
def test_only_values_change(record: dict[str, Any]) -> None:
    cleaned = without_nan(json.dumps(record).encode())
    if cleaned is not None:
        assert json.loads(cleaned) == nulled(record)


@pytest.mark.parametrize(
    "raw", [b'{"a":-NaN}', b'{"a":NaNN}', b"{NaN:1}", b'{"a":"NaN', b'{"a\\":NaN}']
)
def test_what_was_no_json_stays_none(raw: bytes) -> None:
    assert not isinstance(parse(raw), dict)
    assert not isinstance(parse(without_nan(raw) or b""), dict)
