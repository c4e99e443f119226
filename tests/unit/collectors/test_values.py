"""Single values and cells (contract C13)."""

from __future__ import annotations

import math

import pytest

from collectors.decoders import values
from collectors.decoders.values import MISMATCH


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        (False, 0.0),
        (-0.5, -0.5),
        (math.inf, math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (None, None),
        ("", None),
        (math.nan, None),
        ("1", MISMATCH),
        ([1], MISMATCH),
        ({}, MISMATCH),
    ],
)
def test_numbers(value: object, expected: object) -> None:
    assert values.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("male", "male"),
        ("1.0", "1.0"),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (1e300, str(int(1e300))),
        (math.inf, "inf"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ("", None),
        (math.nan, None),
        ([1], MISMATCH),
        ({}, MISMATCH),
    ],
)
def test_texts(value: object, expected: object) -> None:
    assert values.text(value) == expected


def test_true_is_one_in_a_prediction_and_no_id_at_all() -> None:
    assert [values.outcome(v) for v in (True, 1, 1.0, "1", False, 0)] == ["1"] * 4 + ["0"] * 2
    assert values.identifier(True) is MISMATCH
    assert values.identifier(7.0) == "7"


def test_a_lone_surrogate_cannot_be_read() -> None:
    with pytest.raises(values.NotUnicodeError):
        values.text("\ud800")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1", 1.0),
        (" -1.5e3 ", -1500.0),
        (".5", 0.5),
        ("1e999", math.inf),
        ("-Infinity", -math.inf),
        ("", None),
        ("  ", None),
        ("NaN", None),
        ("True", 1.0),
        ("false", 0.0),
        ("1_000", MISMATCH),
        ("1,5", MISMATCH),
        ("0x10", MISMATCH),
        ("NA", MISMATCH),
        ("++inf", MISMATCH),
        ("\u0661", MISMATCH),
    ],
)
def test_numeric_cells(cell: str, expected: object) -> None:
    assert values.cell_number(cell) == expected


@pytest.mark.parametrize(
    ("cell", "text", "outcome"),
    [
        ("male", "male", "male"),
        ("1", "1", "1"),
        ("1.0", "1", "1"),
        ("-0.0", "0", "0"),
        ("007", "007", "007"),
        ("1.10", "1.10", "1.10"),
        ("True", "true", "1"),
        ("FALSE", "false", "0"),
        ("", None, None),
        ("NaN", None, None),
        ("NA", "NA", "NA"),
        (" x", " x", " x"),
    ],
)
def test_categorical_cells(cell: str, text: str | None, outcome: str | None) -> None:
    assert values.cell_text(cell) == text
    assert values.cell_outcome(cell) == outcome
