"""The options of collectors and exporters: each type's own class, found through its table."""

from __future__ import annotations

import difflib
import importlib
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from agent.config.values import refuse_at

Family = Literal["collectors", "exporters"]


def names(family: Family) -> list[str]:
    """Return the types that the configuration may name, sorted."""
    found: list[str] = importlib.import_module(f"{family}.table").names()
    return found


def options_model(family: Family, type_name: str) -> type[BaseModel]:
    """Return the model of the options of one type; KeyError if there is no such type."""
    found: type[BaseModel] = importlib.import_module(f"{family}.table").options_model(type_name)
    return found


def parse_options(family: Family, value: Any) -> BaseModel:
    """Return `value`, a mapping with the key `type`, as the options of that type."""
    if isinstance(value, BaseModel):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "needs a mapping with the key `type`")
    if "type" not in value:
        raise refuse_at([(("type",), f"missing; one of {_names(family)}", value)])
    type_name = value["type"]
    if type_name not in names(family):
        message = f"is not one of {_names(family)}{did_you_mean(type_name, names(family))}"
        raise refuse_at([(("type",), message, type_name)])
    return options_model(family, type_name).model_validate(value)


def did_you_mean(found: Any, known: Any) -> str:
    """Return `; did you mean X?` for the nearest of `known` texts, or nothing."""
    if not isinstance(found, str):
        return ""
    by_folded = {str(k).casefold(): str(k) for k in known}
    near = difflib.get_close_matches(found.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean `{by_folded[near[0]]}`?" if near else ""


def _names(family: Family) -> str:
    return ", ".join(names(family))
