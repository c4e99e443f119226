"""The value types that the configuration's sections share, and the sections' base class."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

WindowName = Literal["5m", "1h", "12h", "1d", "7d", "30d", "90d"]

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_DURATION = 100 * 365 * 86_400


class Section(BaseModel):
    """A mapping of the configuration file: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Typed:
    """Marks a field in which people name themselves or others, or write about them."""


def refuse(message: str) -> PydanticCustomError:
    """Return an error about the value being validated, to be raised, with this message."""
    return PydanticCustomError("refused", "{message}", {"message": message})


def refuse_at(problems: list[tuple[tuple[str | int, ...], str, Any]]) -> ValidationError:
    """Return one error about several places, to be raised: (key path, message, value found)."""
    return ValidationError.from_exception_data(
        "configuration",
        [
            InitErrorDetails(type=refuse(message), loc=place, input=found)
            for place, message, found in problems
        ],
    )


def parse_duration(text: Any) -> int:
    """Return `30s`, `10m`, `1h` or `30d` as whole seconds; a number without a unit is refused."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise refuse("needs a number and a unit out of s, m, h, d, such as 90s, 10m, 1h or 30d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST_DURATION:
        raise refuse("is longer than 100 years")
    return seconds


def format_duration(seconds: int) -> str:
    """Return whole seconds in the largest unit that divides them: 600 is `10m`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    int,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}[smhd]$", "examples": ["10m"]}),
]
"""Whole seconds, written `90s`, `10m`, `1h` or `30d`."""


def _positive(seconds: int) -> int:
    if seconds == 0:
        raise refuse("must be longer than nothing")
    return seconds


PositiveDuration = Annotated[
    int,
    PlainValidator(lambda text: _positive(parse_duration(text))),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^0*[1-9][0-9]{0,8}[smhd]$", "examples": ["10m"]}),
]
"""A `Duration` of at least a second."""


def parse_instant(text: Any) -> int:
    """Return an RFC 3339 time with its offset as whole epoch seconds, UTC."""
    wanted = "needs a time with its offset from UTC, such as 2026-01-01T00:00:00Z"
    if not isinstance(text, str) or "T" not in text.upper():
        raise refuse(wanted)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise refuse(wanted) from None
    if moment.tzinfo is None:
        raise refuse(wanted)
    return int(moment.timestamp())


def _format_instant(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Instant = Annotated[
    int,
    PlainValidator(parse_instant),
    PlainSerializer(_format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Epoch seconds, UTC, written as RFC 3339 with an offset."""


def _day(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass
    raise refuse("needs a day written YYYY-MM-DD, such as 2027-12-31")


Day = Annotated[dt.date, BeforeValidator(_day)]
"""A calendar day, written YYYY-MM-DD."""


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise refuse("is a number with a fraction; put it in quotes so that every digit counts")
    return value


Text = Annotated[
    str,
    BeforeValidator(_text),
    WithJsonSchema({"type": ["string", "integer", "boolean"]}),
]
"""A value of the stream as text; whole numbers and booleans are spelled as the decoders do."""


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int | float | str):
        return value
    raise refuse("needs one value: a text, a number, true or false")


Scalar = Annotated[
    str | int | float | bool,
    PlainValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
"""A text, a number, or true or false, kept as it was written."""

DottedPath = Annotated[str, Field(min_length=1, max_length=512)]
"""Where a field stands in the incoming record, such as `features.income`."""

Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000_000)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
