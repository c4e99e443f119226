"""What the exporters' sections of the configuration share: their base class and durations."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")


class Options(BaseModel):
    """One entry of `exporters:`, as the user writes it: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _seconds(value: Any) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("needs a number and a unit out of s, m, h, d, such as 10s, 1m or 4h")
    return int(match[1]) * _UNITS[match[2]]


def _text(seconds: int) -> str:
    unit = next(u for u in ("d", "h", "m", "s") if seconds % _UNITS[u] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


Duration = Annotated[
    int,
    BeforeValidator(_seconds),
    PlainSerializer(_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^0*[1-9][0-9]{0,8}[smhd]$", "examples": ["1m"]}),
]
"""Whole seconds, at least one, written `10s`, `1m`, `4h` or `1d`."""
