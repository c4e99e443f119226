"""Validation errors in plain words: what was found, what is allowed, what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from agent.config.components import did_you_mean
from agent.config.fields import field_at, is_secret, known_keys, model_at
from agent.config.yaml_tree import Place

_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list, such as [a, b]",
    "list_type": "a list, such as [a, b]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "path_type": "a path",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    "finite_number": "a finite number",
}


def place_of(error: ErrorDetails, document: Any) -> Place:
    """Return the error's place in the document, without the names of a union's alternatives."""
    place: list[str | int] = []
    here = document
    for position, part in enumerate(error["loc"]):
        last = position == len(error["loc"]) - 1
        if _holds(here, part):
            here = here[part]
        elif not (last and isinstance(here, dict) and not str(part).startswith("<")):
            continue
        place.append(part)
    return tuple(place)


def _holds(container: Any, part: str | int) -> bool:
    if isinstance(container, list):
        return isinstance(part, int) and part < len(container)
    return isinstance(container, dict) and part in container


def describe(error: ErrorDetails, place: Place, document: Any) -> str:
    """Return one sentence on the error at `place`; values of secrets are not quoted."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(place, document)
    if kind == "missing":
        return _missing(place, document)
    found = "a value that is not shown" if is_secret(place, document) else show(error["input"])
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        meant = did_you_mean(error["input"], allowed) if not is_secret(place, document) else ""
        return f"found {found}, needs one of {', '.join(allowed)}{meant}"
    if kind in _WANTED:
        advice = _quotes(error["input"]) if kind == "string_type" else ""
        return f"found {found}, needs {_WANTED[kind].format(**_short(context))}{advice}"
    return _sentence(found, error["msg"].removeprefix("Value error, "))


def _short(context: Mapping[str, Any]) -> dict[str, Any]:
    return {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}


def show(value: Any) -> str:
    """Return a value as a person would name it, shortened; contents of lists and mappings no."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)[:40]
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return "a mapping"


def _unknown_key(place: Place, document: Any) -> str:
    known = sorted(known_keys(model_at(place[:-1], document)))
    meant = did_you_mean(place[-1], known)
    if meant or not known:
        return f"unknown key{meant}"
    return f"unknown key; known here: {', '.join(known)}"


def _missing(place: Place, document: Any) -> str:
    field = field_at(place, document)
    model = model_at(place[:-1], document)
    reason = getattr(model, "required_because", None)
    text = "missing" if reason is None else f"missing: {reason}"
    return f"{text}. {field.description}" if field is not None and field.description else text


def _quotes(value: Any) -> str:
    return "; put it in quotes" if isinstance(value, bool | int | float) else ""


def _sentence(found: str, message: str) -> str:
    if message.startswith("missing") or found == "a mapping":
        return message
    if message.startswith("needs "):
        return f"found {found}, {message}"
    if re.match(r"(is|must|holds|starts|has) ", message):
        return f"found {found}, which {message}"
    return f"found {found}: {message}"
