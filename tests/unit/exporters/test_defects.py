"""What is told of exceptions that nobody expected: where to look, and no value of anybody."""

from __future__ import annotations

import json
import os

import pytest

from exporters import table
from exporters.defects import calls, kind_and_place

NAME = "Siti binti Ahmad"


def raised(what: object) -> BaseException:
    """Return the exception that reading a text as JSON, or looking a name up, raises here."""
    try:
        json.loads(str(what))
    except ValueError:
        try:
            table.options_model(str(what))
        except KeyError as error:
            return error
    raise AssertionError("nothing was raised")


def test_its_type_and_the_last_line_of_this_program_are_told_and_not_its_message() -> None:
    error = raised(NAME)
    assert NAME in str(error)
    kind, place = kind_and_place(error).split(" at ")
    assert kind == "KeyError"
    file, line = place.split(":")
    assert file == "exporters/table.py"
    assert line.isdigit()


def test_outside_of_this_program_there_is_no_place_to_tell() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert kind_and_place(caught.value) == "ZeroDivisionError"


def test_the_systems_own_words_are_told_and_not_what_they_are_about() -> None:
    with pytest.raises(OSError, match=NAME) as caught:
        os.stat(f"/{NAME}")  # noqa: PTH116 - its message is what is looked at
    assert kind_and_place(caught.value) == "FileNotFoundError (No such file or directory)"


def test_the_calls_of_what_it_came_from_are_told_first_and_no_message() -> None:
    told = calls(raised(NAME))
    lines = told.splitlines()
    kinds = [line for line in lines if " in " not in line]
    assert kinds == ["JSONDecodeError", "KeyError"]
    assert any(line.startswith("json.decoder:") for line in lines)
    assert lines[-2].startswith("exporters/table.py:")
    assert lines[-2].endswith(" in _entry")
    assert "Siti" not in told
