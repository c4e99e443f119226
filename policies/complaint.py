"""What is said to a person whose pack file is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from policies.nearest import did_you_mean

_SHOWN = 80
"""Most characters of a wrong value that a message repeats."""

_LOOKS = {
    "id": "FA-1 for a rule (capitals first), our-bank for a pack, 4.15 for a question",
    "rule": "FA-1",
    "signal": "drift.psi: small letters, one dot, no spaces",
    "version": "1.0.0",
    "after": "30m, 4h or 2d",
    "country": "SG",
}
"""A good value by key, for keys whose values have a form."""


class PackError(Exception):
    """A pack that cannot be used; the message names file, line, rule and what to do."""


class UnreadableError(PackError):
    """A file that cannot be read at all; `why` does not name it."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.why = why


def telling(error: ValidationError) -> list[Mapping[str, Any]]:
    """Return pydantic's errors, but not that a list is too short where its entries are wrong.

    It counts only the good ones.
    """
    errors: list[Mapping[str, Any]] = [*error.errors()]
    places = [tuple(one["loc"]) for one in errors]

    def has_more(place: tuple[Any, ...]) -> bool:
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    return [one for one in errors if one["type"] != "too_short" or not has_more(tuple(one["loc"]))]


def describe(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return one sentence for an error of pydantic's `errors()`, with the nearest valid name."""
    place: tuple[str | int, ...] = tuple(error["loc"])
    name = _dotted(place)
    kind = error["type"]
    if kind == "extra_forbidden":
        hint = did_you_mean(str(place[-1]), _fields(model, place[:-1]))
        return f"unknown key {name!r}{hint}"
    if kind == "missing":
        return f"the key {name!r} is missing"
    if kind == "literal_error":
        expected = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
        hint = did_you_mean(str(error["input"]), expected)
        return f"{name}: {error['input']!r} is not valid{hint}"
    if kind == "string_pattern_mismatch":
        wanted = _LOOKS.get(place[-1] if isinstance(place[-1], str) else "", error["msg"])
        return f"{name}: {shortened(error['input'])} should look like {wanted}"
    says = error["msg"].removeprefix("Value error, ")
    if kind == "too_long" and isinstance(error["input"], str):
        # Behind a validator of our own pydantic no longer knows that it counts characters.
        says = f"string should have at most {error['ctx']['max_length']} characters"
    return f"{name}: {says[0].lower()}{says[1:]} (found {shortened(error['input'])})"


def shortened(value: object) -> str:
    """Return a value as a message repeats it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _dotted(place: tuple[str | int, ...]) -> str:
    inner = place[2:] if place[:1] in (("rules",), ("changes",)) and len(place) > 2 else place
    return ".".join(str(step) for step in inner) or "the file"


def _fields(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """Return the keys that are valid at `place` below `model`."""
    current: type[BaseModel] | None = model
    for step in place:
        if current is not None and step in current.model_fields:
            current = _model_in(current.model_fields[str(step)].annotation)
        elif not isinstance(step, int) and current is None:
            return []
    return list(current.model_fields) if current is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model class inside an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
