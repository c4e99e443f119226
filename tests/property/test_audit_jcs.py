"""Our canonical JSON is RFC 8785's, as the `rfc8785` package understands it."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from exporters.audit.jcs import (
    SAFE_INTEGER,
    Encoded,
    NotCanonical,
    canonical,
    canonical_row,
    is_canonical,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-SAFE_INTEGER, SAFE_INTEGER) | FINITE | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
)
# RFC 8785, appendix B.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_the_numbers_of_the_standard(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == text.encode()


@given(VALUES)
def test_any_value_is_written_as_the_reference_writes_it(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.binary(min_size=8, max_size=8))
def test_any_double_is_written_as_the_reference_writes_it(bits: bytes) -> None:
    (number,) = struct.unpack(">d", bits)
    if math.isfinite(number):
        assert canonical(number) == rfc8785.dumps(number)
    else:
        with pytest.raises(NotCanonical):
            canonical(number)


@given(
    st.fixed_dictionaries(
        {
            "name": TEXT,
            "subject": st.dictionaries(st.sampled_from(["a", "b"]), TEXT),
            "n": st.none() | st.integers(0, SAFE_INTEGER),
            "value": st.none() | FINITE,
            "low": st.none() | FINITE,
        }
    )
)
@example({"name": "", "subject": {}, "n": 1, "value": 1e-5, "low": 9.9e-6})
@example({"name": "", "subject": {}, "n": 1, "value": -0.0, "low": 2.0**53})
def test_the_quick_way_for_rows_gives_the_same_bytes(row: dict[str, Any]) -> None:
    assert canonical_row(dict(row), ("value", "low")) == rfc8785.dumps(row)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_the_quick_way_refuses_what_is_no_number(value: float) -> None:
    with pytest.raises(NotCanonical):
        canonical_row({"value": value}, ("value",))


@given(VALUES)
def test_canonical_bytes_are_recognised(value: Any) -> None:
    assert is_canonical(canonical(value))


@given(VALUES, st.data())
def test_other_bytes_are_not(value: Any, data: st.DataObject) -> None:
    text = canonical(value)
    at = data.draw(st.integers(0, len(text)))
    assert not is_canonical(text[:at] + b" " + text[at:]) or b'"' in text


@pytest.mark.parametrize(
    "text",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b"1.0",
        b"1e2",
        b"-0",
        b"NaN",
        b'"\\u0041"',
        b"",
        b"\xff",
        b"[" * 5_000,
    ],
)
def test_valid_or_not_what_is_not_canonical_is_told(text: bytes) -> None:
    assert not is_canonical(text)


@given(st.binary(max_size=40))
def test_any_bytes_can_be_asked_about(text: bytes) -> None:
    assert is_canonical(text) in (True, False)


@pytest.mark.parametrize(
    "value", [SAFE_INTEGER + 1, "\ud800", {1: 2}, object(), {"a": float("nan")}]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_encoded_bytes_are_taken_over() -> None:
    inner = Encoded(canonical({"b": 1, "a": [1.5]}))
    assert canonical({"x": [inner]}) == b'{"x":[{"a":[1.5],"b":1}]}'
    assert json.loads(canonical({"x": inner})) == {"x": msgspec.json.decode(inner)}
